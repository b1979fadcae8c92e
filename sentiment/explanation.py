"""The weight of each word of a review, put together from a model's two parts.

The LSTM's words have gradients (word_gradients.py), the n-grams the exact shares of their linear term; both
are in the logit's own units. Words that the LSTM skips have the shares alone.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sentiment.architecture import Architecture
from sentiment.batches import crop, groups_of_like_length
from sentiment.ngrams import Ngrams

ROWS_AT_ONCE = 16


class Explanation(NamedTuple):
    """The logit of a review, and the weight of each of its words (float64)."""

    logit: float
    weights: np.ndarray


def explained(
    reviews: Sequence[np.ndarray],
    architecture: Architecture,
    deep: Sequence[float],
    mixture: Sequence[float],
    gradients: Callable[[Sequence[np.ndarray]], list[np.ndarray]],
    ngrams: Ngrams | None,
) -> list[Explanation]:
    """Explanations of whole reviews as word ids.

    `deep` are the LSTM's logits of the reviews, and `gradients` weighs the words of cropped ones for it.
    """
    of_deep, of_wide, bias = mixture
    results = []
    for ids, logit in zip(reviews, deep, strict=True):
        shares = ngrams.word_shares(ids) if ngrams else np.zeros(len(ids))
        wide = float(shares.sum()) + ngrams.bias if ngrams else 0.0
        total = of_deep * float(logit) + of_wide * wide + bias if len(ids) else 0.0
        results.append(Explanation(total, of_wide * shares))
    cropped = [crop(ids, architecture) for ids in reviews]
    for numbers in groups_of_like_length(cropped, architecture, ROWS_AT_ONCE):
        found = gradients([cropped[number] for number in numbers])
        for number, of_words in zip(numbers, found, strict=True):
            is_read = np.ones(len(reviews[number]), dtype=bool)
            skipped = architecture.skipped(len(is_read))
            is_read[skipped.start : skipped.stop] = False
            results[number].weights[is_read] += of_deep * of_words
    return results
