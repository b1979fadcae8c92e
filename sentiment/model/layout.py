"""Crop reviews and arrange them in rows of word ids, as both engines read them. Needs numpy only."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sentiment.model.architecture import Architecture
from sentiment.model.emphasis import emphasis
from sentiment.text.negation import NEGATED
from sentiment.text.vocabulary import NO_WORD, limit


class Rows(NamedTuple):
    """R rows of T word ids, for a number of `reviews`.

    `ids` (R, T) are padded with 0, `lengths` (R,) are the numbers of words, `review` (R,) says which review
    each row belongs to, and `emphasis` (R, T) weighs the words (emphasis.py), with 0 for padding. The rows
    of a review are adjacent. A review without words has none.
    """

    ids: np.ndarray
    lengths: np.ndarray
    review: np.ndarray
    emphasis: np.ndarray
    reviews: int


def crop(ids: np.ndarray, architecture: Architecture) -> np.ndarray:
    """The rows of the embedding for a review's ids (N,), without the words between `head` and `tail`."""
    if len(ids) > architecture.head + architecture.tail:
        last = ids[len(ids) - architecture.tail :]
        ids = np.concatenate([ids[: architecture.head], last])
    return embedding_rows(ids, architecture)


def embedding_rows(ids: np.ndarray, architecture: Architecture) -> np.ndarray:
    """The row of the embedding (N,) for each id (N,); negated words are marked in the ids (negation.py)."""
    if not architecture.negated_words:
        return limit(ids, architecture.vocab_size)
    plain = ids & ~NEGATED
    has_second = (ids != plain) & (plain < architecture.negated_words)
    return np.where(has_second, plain + architecture.vocab_size, limit(plain, architecture.vocab_size))


def lay_out(reviews: Sequence[np.ndarray], architecture: Architecture) -> Rows:
    """Arrange cropped reviews in rows: one for each segment, or for each review if there are no segments."""
    lengths = np.array([len(ids) for ids in reviews], dtype=np.int64)
    flat = np.concatenate(reviews) if len(reviews) else np.zeros(0, dtype=np.int64)
    width = architecture.segment or max(int(lengths.max(initial=0)), 1)
    rows_of_review = -(-lengths // width)
    review = np.repeat(np.arange(len(reviews)), rows_of_review)
    first_row = np.concatenate([[0], np.cumsum(rows_of_review)])
    row_in_review = np.arange(len(review)) - first_row[review]
    row_lengths = np.minimum(lengths[review] - row_in_review * width, width)
    ids = np.full((len(review), width), NO_WORD, dtype=np.int64)
    place_in_row = np.arange(width)
    is_word = place_in_row < row_lengths[:, None]
    ids[is_word] = flat
    to_come = (lengths[review] - 1 - row_in_review * width)[:, None] - place_in_row
    weights = np.where(is_word, emphasis(to_come, architecture.ending), 0).astype(np.float32)
    return Rows(ids, row_lengths, review, weights, len(reviews))


def bucket_by_length(
    reviews: Sequence[np.ndarray], architecture: Architecture, max_rows: int
) -> list[list[int]]:
    """Group reviews of similar length, so that padding is short; return the positions in each group.

    A group has at most `max_rows` rows, or a single review that has more. Reviews without words are left out.
    """
    lengths = np.array([len(ids) for ids in reviews], dtype=np.int64)
    rows = -(-lengths // architecture.segment) if architecture.segment else np.ones_like(lengths)
    groups: list[list[int]] = []
    held = max_rows
    for number in np.argsort(lengths, kind="stable").tolist():
        if not lengths[number]:
            continue
        if held + rows[number] > max_rows:
            groups.append([])
            held = 0
        groups[-1].append(number)
        held += rows[number]
    return groups
