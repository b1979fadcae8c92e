"""Parts of the test reviews on which a model may do better or worse, and mistakes worth reading."""

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.data import aclimdb
from sentiment.data.reviews import Reviews, normalised
from sentiment.text.words import words_as_spelled

NEGATIONS = frozenset(
    [
        "no",
        "not",
        "never",
        "nothing",
        "nobody",
        "none",
        "nor",
        "neither",
        "nowhere",
        "hardly",
        "without",
        "cannot",
    ]
)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Slice:
    """Rows (N,) of one set of texts: "test" or another file of the corpus."""

    group: str
    name: str
    rows: np.ndarray
    texts: str = "test"


@dataclass(frozen=True)
class Origin:
    """The origin of a review in the official layout: its rating, 1 to 10, and the URL of its movie."""

    rating: int
    movie: str


def origins(folder: Path) -> dict[str, Origin]:
    """The origin of each labelled training review of the aclImdb tree in `folder`, by its normalised text."""
    reviews = aclimdb.load(folder)
    root = folder / "aclImdb" if (folder / "aclImdb").is_dir() else folder
    movies = {
        name: (root / "train" / f"urls_{name}.txt").read_text(encoding="utf-8").split("\n")
        for name in ("pos", "neg")
    }
    found = {}
    for text, identity in zip(reviews.texts, reviews.ids, strict=True):
        half, name, stem = identity.split("/")
        number, rating = map(int, stem.split("_"))
        if half == "train":
            found[normalised(text)] = Origin(rating, movies[name][number])
    return found


def by_length(texts: list[str]) -> list[Slice]:
    """Slice by the number of words."""
    lengths = np.array([len(text.split()) for text in texts])
    edges = (
        (0, 100, "under 100 words"),
        (100, 200, "100 to 199"),
        (200, 400, "200 to 399"),
        (400, 1 << 30, "400 or more"),
    )
    return [
        Slice("length", name, np.flatnonzero((lengths >= low) & (lengths < high)))
        for low, high, name in edges
    ]


def by_negation(texts: list[str]) -> list[Slice]:
    """Slice by negating words ("not", "never", "n't", ...) in every hundred words."""
    rates = np.array([negations(text) for text in texts])
    edges = ((-1.0, 0.0, "none"), (0.0, 1.0, "up to 1"), (1.0, 2.0, "1 to 2"), (2.0, 100.0, "more than 2"))
    return [
        Slice("negations in 100 words", name, np.flatnonzero((rates > low) & (rates <= high)))
        for low, high, name in edges
    ]


def negations(text: str) -> float:
    """Negating words in every hundred words of a review."""
    found = [word for word in words_as_spelled(text) if word[0].isalnum()]
    return 100 * sum(word in NEGATIONS or word.endswith("n't") for word in found) / max(len(found), 1)


def by_origin(reviews: Reviews, known: dict[str, Origin]) -> list[Slice]:
    """Slice by rating, and by whether training has another review of the same movie."""
    test = [known.get(normalised(text)) for text in reviews.select("test").texts]
    ratings = np.array([origin.rating if origin else 0 for origin in test])
    trained = {known[key].movie for key in map(normalised, reviews.select("train").texts) if key in known}
    shared = np.array([origin is not None and origin.movie in trained for origin in test])
    matched = np.array([origin is not None for origin in test])
    slices = [
        Slice("rating", f"{low} or {high}", np.flatnonzero((ratings == low) | (ratings == high)))
        for low, high in ((1, 2), (3, 4), (7, 8), (9, 10))
    ]
    return [
        *slices,
        Slice("movie", "also in training", np.flatnonzero(shared)),
        Slice("movie", "new", np.flatnonzero(matched & ~shared)),
    ]


def overlap(reviews: Reviews, known: dict[str, Origin], seed: int = 0) -> dict[str, Any] | None:
    """The shares of held-out reviews whose movie has a review in training, for this and for a random split.

    None if no review's movie is known.
    """
    keys = [normalised(text) for text in reviews.texts]
    movies = np.array([known[key].movie if key in known else "" for key in keys])
    if not (movies != "").any():
        return None
    shuffled = np.random.default_rng(seed).permutation(reviews.split)

    def shares(split: np.ndarray) -> dict[str, float]:
        trained = set(movies[split == "train"]) - {""}
        found = {}
        for name in ("validation", "test"):
            held_out = movies[(split == name) & (movies != "")]
            found[name] = float(np.isin(held_out, list(trained)).sum() / max(len(held_out), 1))
        return found

    return {"matched": int((movies != "").sum()), "this": shares(reviews.split), "random": shares(shuffled)}


def mistakes(
    texts: list[str], labels: np.ndarray, probabilities: np.ndarray, each: int = 4
) -> list[dict[str, Any]]:
    """The most confident mistakes, `each` of either label, with short quotes."""
    found = []
    for label in (0, 1):
        errors = np.where(labels == label, np.abs(probabilities - label), 0.0)
        for row in np.argsort(-errors, kind="stable")[:each]:
            if errors[row] > 0.5:
                found.append(
                    {
                        "label": label,
                        "probability": float(probabilities[row]),
                        "words": len(texts[row].split()),
                        "quote": quote(texts[row]),
                    }
                )
    return found


def quote(text: str, first: int = 22, last: int = 16) -> str:
    """The `first` and the `last` words of a review, without markup; a short review whole."""
    found = html.unescape(_TAG.sub(" ", text)).split()
    if len(found) <= first + last:
        return " ".join(found)
    return f"{' '.join(found[:first])} … {' '.join(found[-last:])}"
