"""Short texts made by rule: statements, and the same with their polarity turned by a word or two.

Whole reviews hardly teach what a negation does to a sentence: of "not good" they mostly tell that whoever
writes it writes more of the kind. Here frames put words of plain polarity into sentences whose verdict is
certain: "It was dull." and "It was not dull at all.", "far from brilliant", "funny, but far too long". They
are counterfactual pairs as in Kaushik, Hovy and Lipton (ICLR 2020), but by rule. Frames and words stand in
counterfactuals.txt. The sentences join the data that recipes train on, and nothing else: no figure is
measured on them.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, table

SEED = 0
PER_FRAME = 30
"""Sentences made from each frame."""
_FILE = Path(__file__).with_suffix(".txt")
_INTENSIFIERS = ("", "", "", "very ", "really ", "so ", "that ", "particularly ", "all that ")
_ENDS = (".", ".", "", "!", " at all.", " in my opinion.", " to me.", ", honestly.")
_BE = ("is", "was")

Sections = Mapping[str, Sequence[str]]


def load() -> Reviews:
    """The sentences as a table of reviews, all of the split "train". The same at every call."""
    sections = _sections()
    made = random.Random(SEED)
    rows: dict[str, int] = {}
    for frame, label, same, other in _frames(sections):
        for _ in range(PER_FRAME):
            rows.setdefault(_filled(frame, made, sections, same, other), label)
    return table([(text, label, "train", f"made_{n}") for n, (text, label) in enumerate(rows.items())])


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
    word, another = made.sample(sections[same], 2)
    slots = {name: made.choice(words) for name, words in sections.items() if f"{{{name}}}" in frame}
    return frame.format(
        **slots,
        S=first,
        s=first,
        s2=second,
        w=word,
        v=another,
        a=made.choice(sections[other]),
        o=made.choice(sections["other"]),
        be=made.choice(_BE),
        x=made.choice(_INTENSIFIERS),
        e=made.choice(_ENDS),
    )


def _sections() -> dict[str, list[str]]:
    """The sections of the file: frames, and words of slots."""
    sections: dict[str, list[str]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        content = line.partition("#")[0].strip()
        if content.startswith("["):
            found = sections[content.strip("[]")] = []
        elif content:
            is_frame = "{" in content or " | " in content
            found += [content] if is_frame else [word.strip() for word in content.rstrip(",").split(",")]
    things = sections["thing"]
    sections["subject"] += [f"{article} {thing}" for article in ("the", "this") for thing in things]
    return sections
