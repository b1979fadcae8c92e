"""The cases of the behavioural suite: from templates, from variants of the same text, and by rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from benchmarks.behaviour import forms
from benchmarks.behaviour.templates import (
    Expectation,
    Template,
    filled,
    number_of,
    read_templates,
    read_words,
)
from benchmarks.errors import BenchError

PARTS = ("tuning", "reported")
GROUPS = ("opinions", "negation", "contrast", "neutral", "languages", "changes")
"""The template files of a part, in the order of the table. A file is a group of capabilities."""
LABELS = {"positive": 1, "negative": 0}
STATEMENTS = ("neutral statements about films", "everyday sentences")
"""Of which the words are shuffled: they have none that praises or blames."""
GIBBERISH, SHUFFLED = 30, 45
KEYS = {"tuning": "asdfghjklqwertz", "reported": "bcvxnmpzuiokwtr"}
SHUFFLED_WORDS = {"tuning": 6, "reported": 8}
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One text, or two of which the second is compared with the first, and the expected answers.

    For one text, the expectation is the verdict `positive` or `negative`; `not positive` or `not negative`,
    which an unsure answer fulfils as well; or `no opinion`, an unsure answer. For two texts, it is the `same`
    verdict with nearly the same probability of positive; a clearly `higher` or `lower` probability; or one
    that is not much higher or lower.
    """

    part: str
    group: str
    capability: str
    texts: tuple[str, ...]
    expectation: Expectation

    @property
    def kind(self) -> str:
        """The type of the test in CheckList's words."""
        if len(self.texts) == 1:
            return "minimum functionality"
        return "invariance" if self.expectation == "same" else "direction"


@lru_cache(maxsize=len(PARTS))
def _cases(part: str) -> tuple[Case, ...]:
    lists = words(part)
    made = [
        Case(part, group, template.capability, texts, template.expectation)
        for group in GROUPS
        for template in templates(part, group)
        for texts in filled(template, lists)
    ]
    statements = [case.texts[0] for case in made if case.capability in STATEMENTS]
    made += [Case(part, "neutral", "gibberish", (text,), "no opinion") for text in _gibberish(part)]
    made += [
        Case(part, "neutral", "shuffled words", (text,), "no opinion") for text in _shuffled(part, statements)
    ]
    for family, form in forms.FORMS.items():
        made += [Case(part, "changes", family, pair, "same") for base in bases(part) for pair in form(base)]
    order = {group: place for place, group in enumerate(GROUPS)}
    return tuple(sorted(made, key=lambda case: order[case.group]))


def cases(part: str) -> list[Case]:
    """All cases of one of PARTS, the same ones in the same order each time. Raises BenchError."""
    _checked(part)
    return list(_cases(part))


def labelled(part: str, *groups: str) -> list[tuple[str, int]]:
    """The sentences of these GROUPS that have a verdict, with their labels: 1 is positive, 0 negative.

    "negation" are the negated and "contrast" the contrastive ones. Without groups, all of the part.
    """
    return [
        (case.texts[0], LABELS[case.expectation])
        for case in cases(part)
        if case.expectation in LABELS and (not groups or case.group in groups)
    ]


def neutral(part: str) -> list[str]:
    """The texts without an opinion to judge, those in other languages than English among them."""
    return [case.texts[0] for case in cases(part) if case.expectation == "no opinion"]


def templates(part: str, group: str) -> list[Template]:
    """The templates of one file of a part."""
    return read_templates(_HERE / _checked(part) / f"{group}.txt")


def words(part: str) -> dict[str, list[str]]:
    """The word lists of a part."""
    return read_words(_HERE / _checked(part) / "words.txt")


def bases(part: str) -> list[str]:
    """The texts that should get the same answer in every variant (forms.py)."""
    lists = words(part)
    return [text for template in templates(part, "bases") for (text,) in filled(template, lists)]


def _checked(part: str) -> str:
    if part not in PARTS:
        raise BenchError(f"the suite has no part {part!r}; choose from {', '.join(PARTS)}")
    return part


def _gibberish(part: str) -> Iterator[str]:
    keys = KEYS[part]
    for number in range(GIBBERISH):
        yield " ".join(
            "".join(
                keys[number_of(part, number, word, letter) % len(keys)]
                for letter in range(3 + number_of(part, number, word) % 6)
            )
            for word in range(1 + number % 4)
        )


def _shuffled(part: str, texts: list[str]) -> Iterator[str]:
    """Random sequences of words from neutral sentences."""
    every = sorted({word.strip(".,?!").lower() for text in texts for word in text.split()} - {""})
    every = [word for word in every if word.isalpha()]
    for number in range(SHUFFLED):
        yield " ".join(sorted(every, key=partial(number_of, part, number))[: SHUFFLED_WORDS[part]])
