"""Fit the wide part: logistic regression on n-grams scaled by their log-count ratios.

The features are those of Wang and Manning, "Baselines and Bigrams" (ACL 2012): the presence of an n-gram
times the log of how much more often positive reviews hold it than negative ones. Each review's row is divided
by the square root of its number of n-grams. There is no intercept: one fitted to whole reviews would decide
short sentences, whose few n-grams say less. The optimum of the convex loss is found by L-BFGS over sparse
matrices in seconds.
"""

import warnings

import numpy as np
import torch

from sentiment.channels import Channel
from sentiment.ngram_table import NgramTable
from sentiment.ngrams import ngram_keys

ITERATIONS = 40
SMOOTHING = 1.0


def fit_ngrams(table: NgramTable, channel: Channel, min_reviews: int, c: float) -> None:
    """Fill `table` with the n-grams of at least `min_reviews` reviews; `c` is the inverse of L2 shrinkage."""
    keys = [
        np.unique(np.concatenate(ngram_keys(channel.review(n), table.order))) for n in range(len(channel))
    ]
    review = np.repeat(np.arange(len(channel)), [len(of_review) for of_review in keys])
    known, column, reviews = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    kept = reviews >= min_reviews
    new_column = np.cumsum(kept) - 1
    there = kept[column]
    review, column, known = review[there], new_column[column[there]], known[kept]
    if not len(known):
        return

    labels = channel.labels.astype(np.float64)
    positive = np.bincount(column, weights=labels[review], minlength=len(known)) + SMOOTHING
    negative = np.bincount(column, weights=1 - labels[review], minlength=len(known)) + SMOOTHING
    ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    held = np.bincount(review, minlength=len(channel))
    values = ratio[column] / np.sqrt(held)[review]
    weights = _logistic_regression(review, column, values, channel.labels, len(known), c)
    table.fill(known, weights * ratio)


def _logistic_regression(
    row: np.ndarray, column: np.ndarray, values: np.ndarray, labels: np.ndarray, columns: int, c: float
) -> np.ndarray:
    """Weights of the least summed log loss plus |weights|^2 / 2c; entries come sorted by row."""
    matrix = _sparse(row, column, values, (len(labels), columns))
    by_column = np.argsort(column, kind="stable")
    transposed = _sparse(column[by_column], row[by_column], values[by_column], (columns, len(labels)))
    target = torch.from_numpy(labels.astype(np.float32))
    weights = torch.zeros(columns, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    @torch.no_grad()
    def loss_and_gradient() -> torch.Tensor:
        logits = matrix @ weights
        weights.grad = transposed @ (torch.sigmoid(logits) - target) + weights / c
        losses = torch.nn.functional.softplus((1 - 2 * target) * logits)
        return losses.sum() + weights.square().sum() / (2 * c)

    optimizer.step(loss_and_gradient)
    return weights.detach().numpy().astype(np.float64)


def _sparse(row: np.ndarray, column: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> torch.Tensor:
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Ss]parse")  # "beta state", printed at first use
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts), torch.from_numpy(column), torch.from_numpy(values).float(), shape
        )
