"""Short texts made by rule: statements, and the same with their polarity turned by a word or two.

Whole reviews hardly teach what a negation does to a sentence: of "not good" they mostly tell that whoever
writes it writes more of the kind. Here frames put words of plain polarity into sentences whose verdict is
certain: "It was dull." and "It was not dull at all.", "far from brilliant", "funny, but far too long". They
are counterfactual pairs as in Kaushik, Hovy and Lipton (ICLR 2020), but by rule. And sentences without an
opinion on a film stand there with both labels, so that a model learns to have none. Frames and words stand in
counterfactuals.txt. The sentences join the data that recipes train on, and nothing else: no figure is
measured on them.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, table

SEED = 0
PER_FRAME, PER_NEUTRAL_FRAME = 15, 20
"""Sentences made from each frame."""
_FILE = Path(__file__).with_suffix(".txt")
COMMON, COMMON_SHARE = 10, 0.5
"""How many words that praise or blame are the most usual ones, and the share of sentences that have one.
Of just these, whole reviews teach the wrong thing: "not bad" stands in reviews that blame."""
_INTENSIFIERS = (
    *("", "", "", "", "very ", "really ", "so ", "that ", "particularly ", "all that "),
    *("truly ", "absolutely ", "incredibly ", "extremely ", "utterly "),
)
_ENDS = (".", ".", "", "!", " at all.", " in my opinion.", " to me.", ", honestly.")
_BE = ("is", "was")

Sections = Mapping[str, Sequence[str]]


def load() -> Reviews:
    """The sentences as a table of reviews, all of the split "train". The same at every call."""
    sections = _sections()
    made = random.Random(SEED)
    labels: dict[str, tuple[int, ...]] = {}
    for frame, label, same, other in _frames(sections):
        for _ in range(PER_FRAME):
            labels.setdefault(_filled(frame, made, sections, same, other), (label,))
    for label, same, other in ((NEGATIVE, "bad", "good"), (POSITIVE, "good", "bad")):
        for frames, section in (("bare", same), ("turned bare", other)):
            for frame, word in product(sections[frames], sections[section]):
                labels.setdefault(frame.format(w=word, thing=made.choice(sections["thing"])), (label,))
    for frame in sections["neutral"]:
        for _ in range(PER_NEUTRAL_FRAME):
            labels.setdefault(_filled(frame, made, sections, "any", "any"), (NEGATIVE, POSITIVE))
    rows = [(text, label) for text, of_text in labels.items() for label in of_text]
    return table([(text, label, "train", f"made_{n}") for n, (text, label) in enumerate(rows)])


def _frames(sections: Sections) -> Iterator[tuple[str, int, str, str]]:
    """Each frame with its label, the section of the words that fill it, and that of the other polarity."""
    for label, same, other, only in (
        (NEGATIVE, "bad", "good", "turned praise"),
        (POSITIVE, "good", "bad", "turned blame"),
    ):
        yield from ((frame, label, other, same) for frame in (*sections["turned"], *sections[only]))
        yield from ((frame, label, same, other) for frame in (*sections["plain"], *sections["contrasts"]))
    for pair in sections["pairs"]:
        for label, frame in zip((NEGATIVE, POSITIVE), pair.split(" | "), strict=True):
            yield frame, label, "good", "bad"


def _filled(frame: str, made: random.Random, sections: Sections, same: str, other: str) -> str:
    first, second = made.sample(sections["subject"], 2)
    word, another = _two(made, sections[same])
    slots = {name: made.choice(words) for name, words in sections.items() if f"{{{name}}}" in frame}
    return frame.format(
        **slots,
        S=first,
        s=first,
        s2=second,
        w=word,
        v=another,
        a=_two(made, sections[other])[0],
        o=made.choice(sections["other"]),
        be=made.choice(_BE),
        x=made.choice(_INTENSIFIERS),
        e=made.choice(_ENDS),
    )


def _two(made: random.Random, words: Sequence[str]) -> list[str]:
    """Two different words of those that praise, or of those that blame."""
    return made.sample(words[:COMMON] if made.random() < COMMON_SHARE else words, 2)


def _sections() -> dict[str, list[str]]:
    """The sections of the file: frames a line each, and words of slots."""
    sections: dict[str, list[str]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        content = line.partition("#")[0].strip()
        if content.startswith("["):
            found = sections[content.strip("[]")] = []
        elif content:
            is_list = found is not sections.get("neutral") and "{" not in content and " | " not in content
            found += [word.strip() for word in content.rstrip(",").split(",")] if is_list else [content]
    things = sections["thing"]
    sections["subject"] += [f"{article} {thing}" for article in ("the", "this") for thing in things]
    return sections
