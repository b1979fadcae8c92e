"""The wide part: a linear term over the word n-grams of a review. Needs numpy only.

A review's logit is the sum of the weights of the distinct known n-grams it holds, divided by the square root
of how many they are, plus a bias. N-grams are exact 64-bit keys in a sorted array, found by bisection: no
hash, no collisions, and a table of a few megabytes that needs no building. ngram_fit.py fits the weights.
"""

from dataclasses import dataclass

import numpy as np

from sentiment.vocabulary import limit

KEY_BITS = 20
WORDS_IN_KEYS = 1 << KEY_BITS
"""Word ids take 20 bits of a key, so that three of them fit 63; words beyond them count as infrequent."""


def ngram_keys(ids: np.ndarray, order: int) -> list[np.ndarray]:
    """Keys (int64) of a review's n-grams: entry n - 1 holds those of n words, one for each starting place."""
    keys = [limit(ids, WORDS_IN_KEYS).astype(np.int64)]
    for length in range(1, order):
        keys.append((keys[-1][:-1] << KEY_BITS) | keys[0][length:])
    return keys


@dataclass(frozen=True)
class Ngrams:
    """N-grams of up to `order` words: sorted keys (int64), a weight (float32) beside each, and a bias."""

    order: int
    keys: np.ndarray
    weights: np.ndarray
    bias: float

    def logit(self, ids: np.ndarray) -> float:
        """The logit of a whole review as word ids; the bias alone where nothing is known."""
        found = self._rows_of(np.concatenate(ngram_keys(ids, self.order)))
        found = found[found >= 0]
        if not len(found):
            return self.bias
        found.sort()
        is_first = np.empty(len(found), dtype=bool)
        is_first[0] = True
        np.not_equal(found[1:], found[:-1], out=is_first[1:])
        total = self.weights[found[is_first]].sum(dtype=np.float64)
        return float(total) / int(is_first.sum()) ** 0.5 + self.bias

    def word_shares(self, ids: np.ndarray) -> np.ndarray:
        """What each word of a review adds to its logit, apart from the bias.

        An n-gram's weight is shared evenly among its words and the places it stands at.
        """
        keys = ngram_keys(ids, self.order)
        rows = self._rows_of(np.concatenate(keys))
        found, which, places = np.unique(rows, return_inverse=True, return_counts=True)
        scale = max(int((found >= 0).sum()), 1) ** 0.5
        share = np.where(rows >= 0, self.weights[rows] if len(self.weights) else 0.0, 0.0)
        share = share / (places[which] * scale)
        shares = np.zeros(len(ids))
        start = 0
        for length, of_length in enumerate(keys, start=1):
            each = share[start : start + len(of_length)] / length
            for step in range(length):
                shares[step : step + len(each)] += each
            start += len(of_length)
        return shares

    def _rows_of(self, keys: np.ndarray) -> np.ndarray:
        """The row of each key in the table, -1 where it is not in it."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        rows = np.searchsorted(self.keys, keys)
        rows[rows == len(self.keys)] = 0
        rows[self.keys[rows] != keys] = -1
        return rows
