"""Sentences written by hand for this project: opinions as people type them, and texts without an opinion.

They were composed without templates, some in pairs of opposite meaning: plain opinions in idioms and slang,
negated and contrastive ones, and facts, plans, questions, small talk and opinions on other things than films.
written.tsv has them as lines of group, label and text. They add the turns of phrase that reviews, critics and
templates lack.
"""

from pathlib import Path
from typing import NamedTuple

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, split_by_hash, table

GROUPS = ("plain", "negated", "contrastive", "neutral")
_LABELS = {"positive": (POSITIVE,), "negative": (NEGATIVE,), "neutral": (NEGATIVE, POSITIVE)}
_FILE = Path(__file__).with_suffix(".tsv")


class Written(NamedTuple):
    """A sentence, its group (one of GROUPS), its labels (both if it has no opinion), split and identifier."""

    text: str
    group: str
    labels: tuple[int, ...]
    split: str
    id: str


def load() -> Reviews:
    """The sentences with an opinion. The train split also has those without one, each with both labels, so
    that a model learns to be undecided about them.

    About 90 % are train and 10 % validation.
    """
    return table(
        [
            (each.text, label, each.split, f"{each.id}{'-+'[label] if len(each.labels) > 1 else ''}")
            for each in _read()
            for label in each.labels
            if len(each.labels) == 1 or each.split == "train"
        ]
    )


def without_opinion(split: str) -> list[str]:
    """The sentences of a split that express no opinion on a film."""
    return [each.text for each in _read() if each.split == split and len(each.labels) > 1]


def _read() -> list[Written]:
    rows = []
    for number, line in enumerate(_FILE.read_text(encoding="utf-8").splitlines(), start=1):
        group, label, text = line.split("\t")
        split = "validation" if split_by_hash(text) == "validation" else "train"
        rows.append(Written(text, group, _LABELS[label], split, f"written_{number}"))
    return rows
