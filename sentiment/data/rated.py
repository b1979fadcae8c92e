"""Sentences whose sentiment people have rated: of product reviews, and of other texts without an opinion.

At least 20 people rated each from -4 (negative) to 4 (positive). They are from VADER (Hutto and Gilbert,
ICWSM 2014), in its source distribution vaderSentiment 3.3.2 on PyPI, MIT licence: all `amazonReviewSnippets`
(of reviews of Hu and Liu, KDD 2004), and those of `nytEditorialSnippets` and `tweets` that are rated as
neutral and do not mention a film. rated.tsv beside this file has them as lines of id in VADER's file (with an
n or a t before it for the last two), mean rating, and text. They add what critics' sentences lack: how
customers write, and sentences that judge nothing.

The other tweets and editorials are left out, because they are about everything else: "what a beautiful day"
is positive there, but no opinion on a film.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, split_by_hash, table, with_both_labels

OPINION, NO_OPINION = 0.8, 0.3
"""A mean rating at least OPINION away from 0 counts as an opinion, one at most NO_OPINION away as none.
Sentences in between, on which people did not agree, are left out."""
_FILE = Path(__file__).with_suffix(".tsv")


class Rated(NamedTuple):
    """A sentence, its mean rating from -4 to 4, its split, and an identifier."""

    text: str
    rating: float
    split: str
    id: str


def load() -> Reviews:
    """The sentences with an opinion. About 80 % are train, 10 % validation and 10 % test; sentences of one
    review are in the same split.
    """
    return table(
        [
            (each.text, POSITIVE if each.rating > 0 else NEGATIVE, each.split, each.id)
            for each in _read()
            if abs(each.rating) >= OPINION
        ]
    )


def neutral() -> Reviews:
    """The train split's sentences that express no opinion, each with both labels."""
    return with_both_labels(
        [(each.text, each.id) for each in _read() if abs(each.rating) <= NO_OPINION and each.split == "train"]
    )


def without_opinion(split: str) -> list[str]:
    """The sentences of a split that express no opinion."""
    return [rated.text for rated in _read() if rated.split == split and abs(rated.rating) <= NO_OPINION]


@cache
def _read() -> tuple[Rated, ...]:
    rows = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        number, rating, text = line.split("\t")
        review = number.partition("_")[0]
        rows.append(Rated(text, float(rating), split_by_hash(f"review {review}"), f"rated_{number}"))
    return tuple(rows)
