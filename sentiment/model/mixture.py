"""The sum of a model's two parts, the one place where a logit is made.

The deep part is the LSTM, the wide part the n-grams. Two weights, fitted on validation, say how much each
counts; where there is no wide part the first is the inverse of a temperature. Needs numpy only.
"""

import numpy as np


def combine(deep: np.ndarray, wide: np.ndarray, mixture: np.ndarray, has_words: np.ndarray) -> np.ndarray:
    """The logits (N,) of reviews from those of the two parts (N,); above 0 is positive.

    `mixture` (2,) holds the weights of the deep and of the wide part. A review without words, where
    `has_words` (N,) is false, gives no evidence: its logit is exactly 0.
    """
    return np.where(has_words, mixture[0] * deep + mixture[1] * wide, 0.0)
