"""Sentences of product reviews that people rated, with an opinion or without.

Of each, 20 people or more said how negative or positive it is, from -4 to 4 (Hutto and Gilbert, ICWSM 2014:
the set `amazonReviewSnippets` of VADER's source distribution on PyPI, vaderSentiment 3.3.2, MIT licence; the
reviews are those of Hu and Liu, KDD 2004). rated.tsv beside this file holds them: number there, mean rating,
text. They tell what critics do not: how customers write, and what they write that judges nothing.

The same source has tweets. They are left out, since they praise and blame everything else: "what a beautiful
day" is positive there, and no opinion on a film.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, split_by_hash, table

OPINION, NO_OPINION = 0.8, 0.3
"""Least distance of a mean rating from 0 that counts as an opinion; greatest that counts as none.
Sentences in between, on which people did not agree, are left out."""
_FILE = Path(__file__).with_suffix(".tsv")


class Rated(NamedTuple):
    """A sentence, its mean rating from -4 to 4, its split, and an identifier."""

    text: str
    rating: float
    split: str
    id: str


def load() -> Reviews:
    """The sentences with an opinion, with their label; of the train split also those without one, each with
    both labels: a model learns from them to have none.

    About 80 % are train, 10 % validation, 10 % test. Sentences of one review are in one split.
    """
    rows = []
    for text, rating, split, name in _read():
        if abs(rating) >= OPINION:
            rows.append((text, POSITIVE if rating > 0 else NEGATIVE, split, name))
        elif abs(rating) <= NO_OPINION and split == "train":
            rows += [(text, NEGATIVE, split, f"{name}-"), (text, POSITIVE, split, f"{name}+")]
    return table(rows)


def without_opinion(split: str) -> list[str]:
    """The sentences of a split that judge nothing."""
    return [rated.text for rated in _read() if rated.split == split and abs(rated.rating) <= NO_OPINION]


@cache
def _read() -> tuple[Rated, ...]:
    rows = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        number, rating, text = line.split("\t")
        review = number.partition("_")[0]
        rows.append(Rated(text, float(rating), split_by_hash(f"review {review}"), f"rated_{number}"))
    return tuple(rows)
