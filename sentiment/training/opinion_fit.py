"""Fit the words that tell opinions from other short texts (model/opinion.py).

The opinions are the short texts that people judged, whatever their label, the others those without an
opinion; both kinds count the same.
"""

import numpy as np

from sentiment.data.channels import NEUTRAL, SNIPPET, Channel
from sentiment.model.opinion import features
from sentiment.training.ngram_fit import logistic_regression

C = 2.0
"""The inverse of the strength of L2 regularization, chosen on the validation sets of evidence.py."""


def fit_opinion(channel: Channel, vocab_size: int) -> np.ndarray | None:
    """The weights (vocab_size,) of the features; None without texts of both kinds."""
    chosen = np.flatnonzero(np.isin(channel.kinds, (SNIPPET, NEUTRAL)))
    labels = (channel.kinds[chosen] == SNIPPET).astype(np.float64)
    if not 0 < labels.sum() < len(labels):
        return None
    found = [features(channel.review(row), vocab_size) for row in chosen.tolist()]
    row = np.repeat(np.arange(len(chosen)), [len(numbers) for numbers, _ in found])
    column, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    share = labels.mean()
    loss_weights = 0.5 / np.where(labels > 0, share, 1 - share)
    return logistic_regression(row, column, values, labels, loss_weights, vocab_size, C)
