"""A table of reviews with labels and splits, whatever their source (sources.py)."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.errors import DatasetError

NEGATIVE, POSITIVE, UNLABELLED = 0, 1, -1
SPLITS = ("train", "validation", "test", "unsupervised")
LABEL_NAMES = {POSITIVE: "positive", NEGATIVE: "negative", UNLABELLED: "unlabelled"}

Row = tuple[str, int, str, str]
"""A review by itself: text, label, split, id."""


@dataclass(frozen=True)
class Reviews:
    """N reviews as written.

    `labels` (N,) are int8: 1 positive, 0 negative, -1 unlabelled. `split` (N,) holds one of SPLITS for each
    review. Raises DatasetError if the columns differ in length.
    """

    texts: list[str]
    labels: np.ndarray
    split: np.ndarray
    ids: list[str]

    def __post_init__(self) -> None:
        lengths = {len(self.texts), len(self.labels), len(self.split), len(self.ids)}
        if len(lengths) != 1:
            raise DatasetError(
                f"the columns of a table of reviews must have the same length, not {sorted(lengths)}"
            )

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Reviews":
        """The reviews with these row numbers, in that order."""
        rows = np.asarray(rows, dtype=np.int64)
        texts, ids = [self.texts[row] for row in rows], [self.ids[row] for row in rows]
        return Reviews(texts, self.labels[rows], self.split[rows], ids)

    def select(self, split: str) -> "Reviews":
        """The reviews of one split. Raises DatasetError if there are none."""
        rows = np.flatnonzero(self.split == split)
        if not len(rows):
            there = ", ".join(name for name in SPLITS if (self.split == name).any()) or "nothing"
            raise DatasetError(f"these reviews have no {split} split (only {there})")
        return self.take(rows)

    def has(self, split: str) -> bool:
        """Whether any review is in that split."""
        return bool((self.split == split).any())

    def counts(self) -> dict[str, dict[str, int]]:
        """How many reviews each split holds, by label: {"train": {"positive": 10000, ...}, ...}."""
        return self._summary().counts()

    def fingerprint(self) -> str:
        """The SHA-256 of texts, labels and splits, in order; the source file does not matter."""
        return self._summary().fingerprint()

    def rows(self) -> Iterable[Row]:
        """Iterate over the reviews."""
        return zip(self.texts, self.labels.tolist(), self.split.tolist(), self.ids, strict=True)

    def _summary(self) -> "Summary":
        return Summary(self.rows())


class Summary:
    """The counts and the fingerprint of reviews. Reads them one at a time and keeps none."""

    def __init__(self, rows: Iterable[Row]):
        self._counts: Counter[tuple[str, int]] = Counter()
        digest = hashlib.sha256()
        for text, label, split, _ in rows:
            self._counts[split, label] += 1
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(f"{label} {split} {len(encoded)}\n".encode())
            digest.update(encoded)
        self._fingerprint = digest.hexdigest()

    def counts(self) -> dict[str, dict[str, int]]:
        """How many reviews each split holds, by label: {"train": {"positive": 10000, ...}, ...}."""
        by_split = {
            split: {
                name: self._counts[split, label]
                for label, name in LABEL_NAMES.items()
                if self._counts[split, label]
            }
            for split in SPLITS
        }
        return {split: counts for split, counts in by_split.items() if counts}

    def labelled(self) -> int:
        """How many reviews have a sentiment."""
        return sum(count for (_, label), count in self._counts.items() if label != UNLABELLED)

    def fingerprint(self) -> str:
        """The SHA-256 of texts, labels and splits, in order; the source file does not matter."""
        return self._fingerprint


def table(rows: Sequence[Row]) -> Reviews:
    """Make a table from rows."""
    texts, labels, split, ids = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Reviews(
        list(texts),
        np.array(labels, dtype=np.int8),
        np.array(split, dtype="<U12"),
        [str(name) for name in ids],
    )


def with_both_labels(texts: Sequence[tuple[str, str]]) -> Reviews:
    """Make a table of training texts without an opinion, each (text, identifier) once with each label, so
    that a model learns to be undecided about them.
    """
    both = (("-", NEGATIVE), ("+", POSITIVE))
    return table([(text, label, "train", f"{name}{sign}") for text, name in texts for sign, label in both])


def concatenate(tables: Sequence[Reviews]) -> Reviews:
    """Concatenate the rows of several tables, in order."""
    return Reviews(
        [text for each in tables for text in each.texts],
        np.concatenate([each.labels for each in tables]),
        np.concatenate([each.split for each in tables]),
        [name for each in tables for name in each.ids],
    )


def normalised(text: str) -> str:
    """The text in lower case, with line breaks and runs of white space as one blank: copies become equal."""
    return " ".join(text.replace("<br />", " ").lower().split())


def split_by_hash(text: str) -> str:
    """Assign a split by a hash of the normalised text: a tenth of all texts each to validation and test."""
    digest = hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).digest()
    return {0: "test", 1: "validation"}.get(int.from_bytes(digest[:4]) % 10, "train")


def keep_copies_together(reviews: Reviews, order: Sequence[str] = ("test", "validation", "train")) -> Reviews:
    """Put all copies of a text into one split: the first of `order` that has one of them."""
    rank = {name: number for number, name in enumerate(order)}
    best: dict[str, str] = {}
    keys = [normalised(text) for text in reviews.texts]
    for key, name in zip(keys, reviews.split, strict=True):
        if name in rank and (key not in best or rank[name] < rank[best[key]]):
            best[key] = str(name)
    split = [best[key] if name in rank else name for key, name in zip(keys, reviews.split, strict=True)]
    return Reviews(reviews.texts, reviews.labels, np.array(split, dtype="<U12"), reviews.ids)


def prepare_imdb_data(
    data: Mapping[str, Mapping[str, Sequence[str]]],
    labels: Mapping[str, Mapping[str, Sequence[int]]],
    seed: int = 0,
) -> tuple[list[str], list[str], list[int], list[int]]:
    """Join the positive and the negative reviews of each half and shuffle them, as the predecessor did.

    `data["train"]["pos"]` is a list of reviews and `labels["train"]["pos"]` their labels; likewise "neg" and
    "test". Returns (train reviews, test reviews, train labels, test labels), shuffled by `seed`. Raises
    DatasetError if the numbers of reviews and labels differ.
    """
    halves = {}
    for half in ("train", "test"):
        rows: list[tuple[str, int]] = []
        for sentiment in ("pos", "neg"):
            if len(data[half][sentiment]) != len(labels[half][sentiment]):
                raise DatasetError(
                    f"{half}/{sentiment}: {len(data[half][sentiment])} reviews but "
                    f"{len(labels[half][sentiment])} labels"
                )
            rows += zip(data[half][sentiment], labels[half][sentiment], strict=True)
        random.Random(f"{seed} {half}").shuffle(rows)
        halves[half] = ([text for text, _ in rows], [label for _, label in rows])
    return halves["train"][0], halves["test"][0], halves["train"][1], halves["test"][1]
