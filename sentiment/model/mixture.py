"""Combine the logits of a model's two parts: the LSTM (deep) and the n-grams (wide). Needs numpy only.

The weights are fitted on validation (evaluation/calibration.py). They depend on the length of the text: the
LSTM is better at sentences, and a few words are weaker evidence than a page, even if a part's logit is the
same. In a model without a wide part, the weight is the inverse of a temperature.
"""

import numpy as np

SHORT_WORDS = 40.0
"""The number of words at which the shortness of a text has fallen to 1/e."""


def shortness(lengths: np.ndarray) -> np.ndarray:
    """How short texts are (N,), by their numbers of words (N,): near 1 for a few words, near 0 for a page."""
    return np.exp(-np.asarray(lengths, dtype=np.float64) / SHORT_WORDS)


def part_weights(mixture: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The weights (N, 2) of the deep and the wide logit, for texts with these numbers of words (N,).

    `mixture` (4,) has the weights of the deep and the wide part for long texts, then those for short texts.
    """
    long, short = mixture[:2], mixture[2:]
    short_share = shortness(lengths)[:, None]
    weights: np.ndarray = (1 - short_share) * long + short_share * short
    return weights


def combine(deep: np.ndarray, wide: np.ndarray, mixture: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Combine the deep and the wide logits, both (N,), of texts with these numbers of words (N,).

    Returns the logits (N,), which are above 0 for positive. That of a text without words is exactly 0.
    """
    return np.where(lengths > 0, weighted_sum(deep, wide, part_weights(mixture, lengths)), 0.0)


def weighted_sum(deep: np.ndarray | float, wide: np.ndarray | float, weights: np.ndarray) -> np.ndarray:
    """The logits (N,) of texts with words, from those of the two parts and the `weights` (N, 2) of these."""
    total: np.ndarray = weights[:, 0] * deep + weights[:, 1] * wide
    return total
