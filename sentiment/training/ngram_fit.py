"""Fit the wide part: a logistic regression on n-grams that are scaled by their log-count ratios.

The features are those of Wang and Manning, "Baselines and Bigrams" (ACL 2012): the presence of an n-gram
(here its value, model/ngrams.py) times its log-count ratio, the logarithm of how much more frequent it is in
positive than in negative reviews. The row of each review is divided by the norm of its values. There is no
intercept: fitted to whole reviews, it would dominate in short sentences, whose few n-grams say less.

A model that has only seen whole reviews is bad at the single sentences that people type. So short fragments
of the reviews can be fitted as well, with the labels of their reviews, though these may not be their own.

L-BFGS on sparse matrices finds the optimum of the convex loss in seconds.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from sentiment.data.channels import REVIEW, Channel
from sentiment.model.emphasis import emphasis
from sentiment.model.ngram_module import NgramTable
from sentiment.model.ngrams import FAR, PLACE_BITS, Pattern, ngram_keys
from sentiment.training.optimisation import without_compiler

ITERATIONS = 40
SMOOTHING = 1.0
COLUMN_BITS = 31
"""The bits of an n-gram's column in an int64 that packs a review's row (24 bits), that column and a place."""
FRAGMENTS = 4
"""The number of fragments of each review."""
FRAGMENT_WORDS = (4, 24)
"""The shortest and the longest fragment, in words; the lengths are log-uniform between them."""
BLOCKS = 12
"""The number of blocks of adjacent texts of each kind in a fold."""


def fit_ngrams(
    table: NgramTable,
    channel: Channel,
    text_weights: np.ndarray,
    min_reviews: int,
    c: float,
    fragments: float = 0.0,
    seed: int = 0,
    folds: int = 0,
) -> np.ndarray:
    """Fill `table` with the n-grams that occur in at least `min_reviews` texts, and their fitted weights.

    `text_weights` (N,) weighs the texts of the channel, in the loss and in the counts of n-grams. `c` is the
    inverse of the strength of L2 regularization. `fragments` is the weight in the loss of each of FRAGMENTS
    fragments of each review, drawn by `seed`; 0 leaves them out.

    Returns the logits (N,) of the texts out of fold: each comes from a further fit, to all texts but those of
    its fold. They are 0 if `folds` is 0.
    """
    logits = np.zeros(len(channel))
    examples = _examples(table, channel, text_weights, min_reviews, fragments, seed)
    if not len(examples.known):
        return logits
    table.fill(examples.known, _fitted(examples, np.ones(len(channel)), c))
    if not folds:
        return logits
    fold = folds_of_texts(channel, folds)
    for number in range(folds):
        weights = _fitted(examples, fold != number, c)
        cells = np.flatnonzero(fold[examples.row[: examples.cells_of_texts]] == number)
        terms = weights[examples.column[cells]] * examples.values[cells]
        logits += np.bincount(examples.row[cells], terms, len(channel))
    return logits


def folds_of_texts(channel: Channel, folds: int) -> np.ndarray:
    """The fold (N,) of each text: a number below `folds`, which is 1 or more.

    A fold has BLOCKS blocks of adjacent texts of each kind, since the reviews of a movie and the sentences of
    a pair are adjacent. Equal texts are in the same fold. A sentence that a larger model labelled (taught.py)
    need not be in the fold of its review, whose label that model has not seen.
    """
    fold = np.zeros(len(channel), dtype=np.int64)
    for kind in np.unique(channel.kinds):
        rows = np.flatnonzero(channel.kinds == kind)
        fold[rows] = np.arange(len(rows)) * BLOCKS * folds // len(rows) % folds
    first: dict[bytes, int] = {}
    for row in range(len(channel)):
        fold[row] = first.setdefault(channel.review(row).tobytes(), int(fold[row]))
    return fold


class _Examples(NamedTuple):
    """What the regression learns from: a row for each text of the channel, then one for each fragment.

    The n-grams `known` (K,), which are ascending, have `values` (M,), divided by the norm of their row, at
    `row` (M,) and `column` (M,); the first `cells_of_texts` are those of the texts. `text`, `labels` and
    `weights` (rows,) are the text that a row is from, and its label and weight in the loss.
    """

    known: np.ndarray
    row: np.ndarray
    column: np.ndarray
    values: np.ndarray
    cells_of_texts: int
    text: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def _examples(
    table: NgramTable,
    channel: Channel,
    text_weights: np.ndarray,
    min_reviews: int,
    fragments: float,
    seed: int,
) -> _Examples:
    """The examples of `fit_ngrams`, whose arguments these are."""
    reviews = [channel.review(row) for row in range(len(channel))]
    row, column, values, keys = presence_of_all(reviews, table.patterns, table.ending)
    kept = np.bincount(column) >= min_reviews
    known, there, place = keys[kept], kept[column], np.cumsum(kept) - 1
    row, column, values = row[there], place[column[there]], values[there]
    cells_of_texts, text, weights = len(row), np.arange(len(channel)), text_weights
    if fragments and len(known):
        random = np.random.default_rng(seed)
        whole = np.flatnonzero(channel.kinds == REVIEW)
        whole_reviews = [reviews[number] for number in whole]
        pieces = [piece for _ in range(FRAGMENTS) for piece in draw_fragments(whole_reviews, random)]
        row_of_piece, column_of_piece, values_in_pieces, keys = presence_of_all(
            pieces, table.patterns, table.ending
        )
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        there = (known[place] == keys)[column_of_piece]
        row = np.concatenate([row, len(text) + row_of_piece[there]])
        column = np.concatenate([column, place[column_of_piece[there]]])
        values = np.concatenate([values, values_in_pieces[there]])
        text = np.concatenate([text, np.tile(whole, FRAGMENTS)])
        weights = np.concatenate([weights, np.full(len(pieces), fragments)])
    norm = np.sqrt(np.bincount(row, weights=values**2, minlength=len(text)))
    labels = channel.targets[text]
    return _Examples(known, row, column, values / norm[row], cells_of_texts, text, labels, weights)


def _fitted(examples: _Examples, learned: np.ndarray, c: float) -> np.ndarray:
    """The weights (K,) of the n-grams, fitted to the texts that are `learned` (N,) and their fragments."""
    known, row, column, values, cells_of_texts, text, labels, weights = examples
    weights = weights * learned[text]
    of_text, ngram = row[:cells_of_texts], column[:cells_of_texts]
    positive = np.bincount(ngram, (weights * labels)[of_text], len(known)) + SMOOTHING
    negative = np.bincount(ngram, (weights * (1 - labels))[of_text], len(known)) + SMOOTHING
    ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    found = logistic_regression(row, column, ratio[column] * values, labels, weights, len(known), c)
    scaled: np.ndarray = ratio * found
    return scaled


def draw_fragments(reviews: Sequence[np.ndarray], random: np.random.Generator) -> list[np.ndarray]:
    """Draw a fragment of each review (word ids): consecutive words of random length and position."""
    shortest, longest = FRAGMENT_WORDS
    lengths = np.exp(random.uniform(np.log(shortest), np.log(longest), len(reviews))).round().astype(int)
    pieces = []
    for ids, length, place in zip(reviews, lengths, random.random(len(reviews)), strict=True):
        start = int(place * (max(len(ids) - length, 0) + 1))
        pieces.append(ids[start : start + length])
    return pieces


def presence_of_all(
    reviews: Sequence[np.ndarray], patterns: Sequence[Pattern], ending: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find the distinct n-grams of each review, as presence() of ngrams.py does, in all reviews at once.

    Returns the rows (N,), columns (N,) and values (N,) of a sparse matrix, sorted by row and column, and the
    keys (columns,) of its columns: int64, ascending. A row is a review's position in `reviews`.
    """
    lengths = np.array([len(ids) for ids in reviews], dtype=np.int64)
    review, end = np.repeat(np.arange(len(reviews)), lengths), np.repeat(np.cumsum(lengths), lengths)
    found, rows, to_come = [], [], []
    for pattern, keys in zip(patterns, ngram_keys(np.concatenate(reviews), patterns), strict=True):
        after = end[: len(keys)] - pattern[-1] - 1 - np.arange(len(keys))
        inside = after >= 0
        found.append(keys[inside])
        rows.append(review[: len(keys)][inside])
        to_come.append(np.minimum(after[inside], FAR))
    keys, column = np.unique(np.concatenate(found), return_inverse=True)
    # Packed into one number each, sorting puts equal n-grams of a review together, the last place first.
    packed = np.concatenate(rows) << COLUMN_BITS | column
    packed = packed << PLACE_BITS | np.concatenate(to_come)
    packed.sort()
    cells, places = packed >> PLACE_BITS, packed & FAR
    is_first = np.diff(cells, prepend=-1) > 0
    cells, values = cells[is_first], emphasis(np.arange(FAR + 1), ending)[places[is_first]]
    return cells >> COLUMN_BITS, cells & (1 << COLUMN_BITS) - 1, values, keys


def logistic_regression(
    row: np.ndarray,
    column: np.ndarray,
    values: np.ndarray,
    labels: np.ndarray,
    loss_weights: np.ndarray,
    columns: int,
    c: float,
) -> np.ndarray:
    """The weights (columns,) that minimise the weighted sum of log losses plus |weights|^2 / 2c.

    The sparse matrix has `values` at `row` and `column`, sorted by row. `labels` and `loss_weights` have an
    entry for each row.
    """
    matrix = _sparse(row, column, values, (len(labels), columns))
    by_column = _stable_order(column)
    transposed = _sparse(column[by_column], row[by_column], values[by_column], (columns, len(labels)))
    target = torch.from_numpy(labels.astype(np.float32))
    counts = torch.from_numpy(loss_weights.astype(np.float32))
    weights = torch.zeros(columns, requires_grad=True)
    optimizer = without_compiler(torch.optim.LBFGS)(
        [weights], max_iter=ITERATIONS, line_search_fn="strong_wolfe"
    )

    @torch.no_grad()
    def loss_and_gradient() -> torch.Tensor:
        logits = matrix @ weights
        weights.grad = transposed @ (counts * (torch.sigmoid(logits) - target)) + weights / c
        losses = torch.nn.functional.softplus((1 - 2 * target) * logits)
        return (counts * losses).sum() + weights.square().sum() / (2 * c)

    optimizer.step(loss_and_gradient)
    return weights.detach().numpy().astype(np.float64)


def _stable_order(numbers: np.ndarray) -> np.ndarray:
    """Return np.argsort(numbers, kind="stable") in a fifth of the time.

    The numbers and their count must be below 2**31.
    """
    return np.sort(numbers << 32 | np.arange(len(numbers))) & 0xFFFFFFFF


def _sparse(row: np.ndarray, column: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> torch.Tensor:
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Ss]parse")  # "beta state", printed at first use
        # Products take half the time with 32-bit indices.
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts.astype(np.int32)),
            torch.from_numpy(column.astype(np.int32)),
            torch.from_numpy(values).float(),
            shape,
        )
