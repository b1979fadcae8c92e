"""The reviews that all contestants share, as one folder of files that their processes read.

    train.jsonl, validation.jsonl, test.jsonl     {"review": ..., "label": 0 or 1} a line
    snippets.jsonl                                Rotten Tomatoes snippets of the test split: out of domain
    sentences.jsonl                               the short sentences of sentences.csv

Recipes learn from the other snippets (sentiment/data/snippets.py).
"""

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.errors import BenchError
from sentiment.data import snippets as short_texts
from sentiment.data.reviews import Reviews
from sentiment.files import atomic_folder
from sentiment.training.recipes import Recipe

SPLITS = ("train", "validation", "test")
QUICK_REVIEWS = {"train": 4000, "validation": 1000, "test": 1000, "unsupervised": 4000}
QUICK_SNIPPETS = 500
SENTENCES = Path(__file__).with_name("sentences.csv")
SENTENCE_KINDS = ("plain", "negated", "contrastive")


@dataclass(frozen=True)
class Corpus:
    """`reviews` with the splits that are measured, the folder that holds them as files, and their key."""

    reviews: Reviews
    folder: Path
    key: str

    def reviews_for(self, recipe: Recipe) -> Reviews:
        """The reviews that a recipe learns from: the unlabelled ones only for self-training."""
        if recipe.self_training:
            return self.reviews
        return self.reviews.take(np.flatnonzero(self.reviews.split != "unsupervised"))


@dataclass(frozen=True)
class Labelled:
    """N texts with their labels (N,) of 0 and 1."""

    texts: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


def write_corpus(reviews: Reviews, quick: bool, cache: Path, splits: Sequence[str] = SPLITS) -> Corpus:
    """The corpus of these splits, a tenth or so of them where `quick`, below `cache`, unless it is there.

    Raises BenchError where the reviews lack one of them.
    """
    for name in splits:
        if not reviews.has(name):
            raise BenchError(f"these reviews have no {name} split; use a source that has one (--data sample)")
    if quick:
        reviews = reviews.take(_subsample(reviews))
    named = {name: _labelled(reviews.select(name)) for name in splits}
    named |= {"snippets": snippets(QUICK_SNIPPETS if quick else None), "sentences": sentences()[0]}
    digest = hashlib.sha256(reviews.fingerprint().encode())
    for name in ("snippets", "sentences"):
        digest.update(json.dumps([named[name].texts, named[name].labels.tolist()]).encode())
    key = digest.hexdigest()[:16]
    folder = cache / "corpus" / key
    if not folder.is_dir():
        with atomic_folder(folder) as temporary:
            for name, labelled in named.items():
                _write(temporary / f"{name}.jsonl", labelled)
    return Corpus(reviews, folder, key)


def read_labelled(folder: Path, name: str) -> Labelled:
    """One file of a corpus folder."""
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    return Labelled([row["review"] for row in rows], np.array([row["label"] for row in rows], dtype=np.int8))


def snippets(count: int | None = None) -> Labelled:
    """The Rotten Tomatoes snippets (Pang and Lee, ACL 2005) of the test split, or `count` of them."""
    found = _labelled(short_texts.load().select("test"))
    if count is None or count >= len(found):
        return found
    rows = np.linspace(0, len(found) - 1, count).astype(int)
    return Labelled([found.texts[row] for row in rows], found.labels[rows])


def sentences() -> tuple[Labelled, list[str]]:
    """The short sentences to measure on, and the kind of each, one of SENTENCE_KINDS."""
    with SENTENCES.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    labels = np.array([int(row["label"] == "positive") for row in rows], np.int8)
    return Labelled([row["sentence"] for row in rows], labels), [row["kind"] for row in rows]


def _subsample(reviews: Reviews) -> np.ndarray:
    """Rows of a quick run: evenly spaced over each split, so that both labels and all movies stay in it."""
    rows: list[np.ndarray] = []
    for name, count in QUICK_REVIEWS.items():
        of_split = np.flatnonzero(reviews.split == name)
        rows.append(of_split[np.linspace(0, len(of_split) - 1, min(count, len(of_split))).astype(int)])
    return np.concatenate(rows)


def _labelled(reviews: Reviews) -> Labelled:
    return Labelled(reviews.texts, reviews.labels)


def _write(file: Path, labelled: Labelled) -> None:
    rows: Sequence[tuple[str, int]] = list(zip(labelled.texts, labelled.labels.tolist(), strict=True))
    with file.open("w", encoding="utf-8") as stream:
        for review, label in rows:
            stream.write(json.dumps({"review": review, "label": label}) + "\n")
