"""The wide part: a linear term over the word n-grams of a review. Needs numpy only.

A review's logit is the sum of the weights of the distinct known n-grams it holds, divided by the square root
of how many they are. N-grams are exact 64-bit keys in a sorted array, found by bisection: no
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
    """N-grams of up to `order` words: sorted keys (int64), and a weight (float32) beside each."""

    order: int
    keys: np.ndarray
    weights: np.ndarray

    def logit(self, ids: np.ndarray) -> float:
        """The logit of a whole review as word ids; 0 where nothing is known."""
        keys = np.concatenate(ngram_keys(ids, self.order))
        keys.sort()  # neighbours in the table are found sooner than places all over it
        is_first = np.ones(len(keys), dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
        found = self._rows_of(keys[is_first])
        found = found[found >= 0]
        return float(self.weights[found].sum(dtype=np.float64)) / max(len(found), 1) ** 0.5

    def word_shares(self, ids: np.ndarray) -> np.ndarray:
        """What each word of a review adds to its logit.

        An n-gram's weight is shared evenly among its words and the places it stands at.
        """
        keys = ngram_keys(ids, self.order)
        distinct, which, places = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
        rows = self._rows_of(distinct)
        known = rows >= 0
        of_distinct = np.zeros(len(distinct))
        of_distinct[known] = self.weights[rows[known]] / (places[known] * max(known.sum(), 1) ** 0.5)
        share = of_distinct[which]
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
