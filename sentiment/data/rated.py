"""Short texts that people rated: tweets and sentences of product reviews, with an opinion or without.

Of each, 20 people or more said how negative or positive it is, from -4 to 4 (Hutto and Gilbert, ICWSM 2014:
the sets `tweets` and `amazonReviewSnippets` of the VADER source distribution on PyPI, vaderSentiment 3.3.2,
MIT licence). rated.tsv beside this file holds them: set, number there, mean rating, text. They tell what
critics and whole reviews do not: how people write in a box on a page, and what they write there that judges
nothing.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, split_by_hash, table

OPINION, NO_OPINION = 0.8, 0.3
"""Least distance of a mean rating from 0 that counts as an opinion; greatest that counts as none.
Texts in between, on which people did not agree, are left out."""
REVIEW_SENTENCES = "product review"
_FILE = Path(__file__).with_suffix(".tsv")


class Rated(NamedTuple):
    """A text, its mean rating from -4 to 4, its split, and an identifier."""

    text: str
    rating: float
    split: str
    id: str


def load() -> Reviews:
    """The texts with an opinion, each with its label; of the train split also those without one, each with
    both labels: a model learns from them to have none.

    About 80 % are train, 10 % validation, 10 % test. Sentences of one product review are in one split.
    """
    rows = []
    for text, rating, split, name in _read():
        if abs(rating) >= OPINION:
            rows.append((text, POSITIVE if rating > 0 else NEGATIVE, split, name))
        elif abs(rating) <= NO_OPINION and split == "train":
            rows += [(text, NEGATIVE, split, f"{name}-"), (text, POSITIVE, split, f"{name}+")]
    return table(rows)


def without_opinion(split: str) -> list[str]:
    """The texts of a split that judge nothing."""
    return [rated.text for rated in _read() if rated.split == split and abs(rated.rating) <= NO_OPINION]


@cache
def _read() -> tuple[Rated, ...]:
    rows = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        source, number, rating, text = line.split("\t")
        of_one_review = f"{source} {number.partition('_')[0]}"
        split = split_by_hash(of_one_review if source == REVIEW_SENTENCES else text)
        rows.append(Rated(text, float(rating), split, f"rated_{source.split()[0]}_{number}"))
    return tuple(rows)
