"""The weight of each word of a review, put together from a model's two parts.

The LSTM's words have their weights from its states (word_weights.py), the n-grams the exact shares of their
linear term; both are in the logit's own units. Words that the LSTM skips have the shares alone.
"""

from typing import NamedTuple

import numpy as np

from sentiment.architecture import Architecture
from sentiment.ngrams import Ngrams


class Explanation(NamedTuple):
    """The logit of a review, and the weight of each of its words (float64)."""

    logit: float
    weights: np.ndarray


def explanation(
    ids: np.ndarray,
    architecture: Architecture,
    mixture: tuple[float, float],
    deep: Explanation,
    ngrams: Ngrams | None,
) -> Explanation:
    """That of a whole review that has words; `deep` is that of the cropped one for the LSTM alone."""
    of_deep, of_wide = mixture
    weights = np.zeros(len(ids)) if ngrams is None else of_wide * ngrams.word_shares(ids)
    logit = of_deep * deep.logit + float(weights.sum())
    skipped = architecture.skipped(len(ids))
    weights[: skipped.start] += of_deep * deep.weights[: skipped.start]
    weights[skipped.stop :] += of_deep * deep.weights[skipped.start :]
    return Explanation(logit, weights)
