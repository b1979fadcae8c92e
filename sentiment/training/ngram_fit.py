"""Fit the wide part: logistic regression on n-grams scaled by their log-count ratios.

The features are those of Wang and Manning, "Baselines and Bigrams" (ACL 2012): the presence of an n-gram,
here with its value (ngrams.py), times the log of how much more often positive reviews hold it than negative
ones. Each review's row is divided by the norm of its values. There is no intercept: one fitted to whole
reviews would decide short sentences, whose few n-grams say less.

People type single sentences, and a model that has met whole reviews only is lost in them. So short pieces of
the reviews can be fitted as well, each with the label of its review, though that is often not its own.

The optimum of the convex loss is found by L-BFGS over sparse matrices in seconds.
"""

import warnings
from collections.abc import Sequence

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
"""Of a number that holds a review's row (24 bits), an n-gram's column and its place."""
FRAGMENTS = 4
"""Pieces of each review."""
FRAGMENT_WORDS = (4, 24)
"""Shortest and longest piece, in words; the logarithm of the length is drawn evenly between them."""


def fit_ngrams(
    table: NgramTable,
    channel: Channel,
    text_weights: np.ndarray,
    min_reviews: int,
    c: float,
    fragments: float = 0.0,
    seed: int = 0,
) -> None:
    """Fill `table` with the n-grams of at least `min_reviews` texts; `c` is the inverse of L2 shrinkage.

    `text_weights` (N,) says how much each text of the channel counts, in the loss and in the counts of its
    n-grams. `fragments` is the weight of the loss on FRAGMENTS pieces of each review, drawn by `seed`; 0 for
    none.
    """
    reviews = [channel.review(row) for row in range(len(channel))]
    row, column, values, keys = presence_of_all(reviews, table.patterns, table.ending)
    kept = np.bincount(column) >= min_reviews
    known, there, place = keys[kept], kept[column], np.cumsum(kept) - 1
    if not len(known):
        return
    row, column, values = row[there], place[column[there]], values[there]

    labels = channel.labels.astype(np.float64)
    positive = np.bincount(column, (text_weights * labels)[row], len(known)) + SMOOTHING
    negative = np.bincount(column, (text_weights * (1 - labels))[row], len(known)) + SMOOTHING
    ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    loss_weights = text_weights
    if fragments:
        random = np.random.default_rng(seed)
        whole = np.flatnonzero(channel.kinds == REVIEW)
        whole_reviews = [reviews[number] for number in whole]
        pieces = [piece for _ in range(FRAGMENTS) for piece in draw_fragments(whole_reviews, random)]
        row_of_piece, column_of_piece, values_in_pieces, keys = presence_of_all(
            pieces, table.patterns, table.ending
        )
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        there = (known[place] == keys)[column_of_piece]
        row = np.concatenate([row, len(labels) + row_of_piece[there]])
        column = np.concatenate([column, place[column_of_piece[there]]])
        values = np.concatenate([values, values_in_pieces[there]])
        loss_weights = np.concatenate([loss_weights, np.full(len(pieces), fragments)])
        labels = np.concatenate([labels, np.tile(labels[whole], FRAGMENTS)])
    norm = np.sqrt(np.bincount(row, weights=values**2, minlength=len(labels)))
    features = ratio[column] * values / norm[row]
    weights = _logistic_regression(row, column, features, labels, loss_weights, len(known), c)
    table.fill(known, weights * ratio)


def draw_fragments(reviews: Sequence[np.ndarray], random: np.random.Generator) -> list[np.ndarray]:
    """From each review (word ids) one contiguous piece, its length and place drawn from `random`."""
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
    """The distinct n-grams that presence() of ngrams.py finds in each review, found in all reviews at once.

    Of each n-gram (N,) of a review, in order: the review's number, which of the keys it has, and its value.
    Last come the keys (int64, ascending) of the n-grams of all reviews.
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
    # As one number each: a sort brings equal n-grams of a review together, the last place first.
    packed = np.concatenate(rows) << COLUMN_BITS | column
    packed = packed << PLACE_BITS | np.concatenate(to_come)
    packed.sort()
    cells, places = packed >> PLACE_BITS, packed & FAR
    is_first = np.diff(cells, prepend=-1) > 0
    cells, values = cells[is_first], emphasis(np.arange(FAR + 1), ending)[places[is_first]]
    return cells >> COLUMN_BITS, cells & (1 << COLUMN_BITS) - 1, values, keys


def _logistic_regression(
    row: np.ndarray,
    column: np.ndarray,
    values: np.ndarray,
    labels: np.ndarray,
    loss_weights: np.ndarray,
    columns: int,
    c: float,
) -> np.ndarray:
    """Weights of the least summed log loss plus |weights|^2 / 2c; entries come sorted by row.

    Each row's loss counts `loss_weights` times.
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
    """As np.argsort(numbers, kind="stable") of numbers and places below 2**31, in a fifth of the time."""
    return np.sort(numbers << 32 | np.arange(len(numbers))) & 0xFFFFFFFF


def _sparse(row: np.ndarray, column: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> torch.Tensor:
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Ss]parse")  # "beta state", printed at first use
        # Products with indices of 32 bits take half the time.
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts.astype(np.int32)),
            torch.from_numpy(column.astype(np.int32)),
            torch.from_numpy(values).float(),
            shape,
        )
