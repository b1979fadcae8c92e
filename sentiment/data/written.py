"""Sentences written by hand for this project: opinions as people type them, and texts without an opinion.

They were composed without templates, some in pairs of opposite meaning: plain opinions in idioms and slang,
negated and contrastive ones, and facts, plans, questions, small talk and opinions on other things than films.
written.tsv has them as lines of group, label and text. They add the turns of phrase that reviews, critics and
templates lack.
"""

from pathlib import Path
from typing import NamedTuple

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, split_by_hash, table, with_both_labels

GROUPS = ("plain", "negated", "contrastive", "neutral")
BLOCK_LINES = 20
"""Each block of lines is in one split, because neighbouring lines are often a pair: a model that has learned
one half of a pair errs on the other half more often than on new sentences. New lines go to the file's end."""
_LABELS = {"positive": POSITIVE, "negative": NEGATIVE, "neutral": None}
_FILE = Path(__file__).with_suffix(".tsv")


class Written(NamedTuple):
    """A sentence, its group (one of GROUPS), its label (None if it has no opinion), split and identifier."""

    text: str
    group: str
    label: int | None
    split: str
    id: str


def load() -> Reviews:
    """The sentences with an opinion. About 90 % are train and 10 % validation."""
    return table([(each.text, each.label, each.split, each.id) for each in _read() if each.label is not None])


def neutral() -> Reviews:
    """The train split's sentences that express no opinion on a film, each with both labels."""
    return with_both_labels(
        [(each.text, each.id) for each in _read() if each.label is None and each.split == "train"]
    )


def without_opinion(split: str) -> list[str]:
    """The sentences of a split that express no opinion on a film."""
    return [each.text for each in _read() if each.split == split and each.label is None]


def _read() -> list[Written]:
    rows = []
    for index, line in enumerate(_FILE.read_text(encoding="utf-8").splitlines()):
        group, label, text = line.split("\t")
        is_validation = split_by_hash(f"written block {index // BLOCK_LINES}") == "validation"
        split = "validation" if is_validation else "train"
        rows.append(Written(text, group, _LABELS[label], split, f"written_{index + 1}"))
    return rows
