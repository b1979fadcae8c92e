"""The sum of a model's two parts, the one place where a logit is made.

The deep part is the LSTM, the wide part the n-grams. Weights fitted on validation say how much each counts.
They depend on the length: of a sentence the LSTM knows more, and a few words tell less than a page, so that
the same logit of a part is less sure there. Where there is no wide part, a weight is the inverse of a
temperature. Needs numpy only.
"""

import numpy as np

SHORT_WORDS = 40.0
"""At so many words a text still counts as short by 1/e."""


def shortness(lengths: np.ndarray) -> np.ndarray:
    """How much texts of so many words (N,) count as short: near 1 for a few words, near 0 for a page."""
    return np.exp(-np.asarray(lengths, dtype=np.float64) / SHORT_WORDS)


def part_weights(mixture: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The weights (N, 2) of the deep and of the wide logit of texts of so many words (N,).

    `mixture` (4,) holds those of the two parts for long texts, and then those for short ones.
    """
    long, short = mixture[:2], mixture[2:]
    short_share = shortness(lengths)[:, None]
    weights: np.ndarray = (1 - short_share) * long + short_share * short
    return weights


def combine(deep: np.ndarray, wide: np.ndarray, mixture: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The logits (N,) of texts of so many words (N,) from those of the two parts (N,); above 0 is positive.

    A text without words gives no evidence: its logit is exactly 0.
    """
    weights = part_weights(mixture, lengths)
    return np.where(lengths > 0, weights[:, 0] * deep + weights[:, 1] * wide, 0.0)
