"""The wide part: a linear term over the word n-grams of a review. Needs numpy only.

The n-grams are words in a row and, if wanted, skip-bigrams: two words with some others between them, such as
"not ... good". A review's logit is the sum of the weights of the distinct known n-grams it holds, divided by
the square root of how many they are. N-grams are exact 64-bit keys in a sorted array, found by bisection: no
hash, no collisions, and a table of a few megabytes that needs no building. ngram_fit.py fits the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.vocabulary import limit

KEY_BITS = 20
WORDS_IN_KEYS = 1 << KEY_BITS
"""Word ids take 20 bits of a key, so that three of them fit 60; words beyond them count as infrequent."""
LONGEST_SKIP = 7
"""How many words a skip-bigram skips takes the 3 bits above."""

Pattern = tuple[int, ...]


def ngram_patterns(order: int, skip: int) -> list[Pattern]:
    """Where the words of an n-gram stand, counted from its first: 1 to `order` words in a row, and two with 1
    to `skip` words between them."""
    return [tuple(range(words)) for words in range(1, order + 1)] + [(0, n + 1) for n in range(1, skip + 1)]


def ngram_keys(ids: np.ndarray, patterns: Sequence[Pattern]) -> list[np.ndarray]:
    """For each pattern the keys (int64) of a review's n-grams, one for each starting place."""
    ids = limit(ids, WORDS_IN_KEYS).astype(np.int64)
    found = []
    for pattern in patterns:
        starts = max(len(ids) - pattern[-1], 0)
        keys = np.zeros(starts, dtype=np.int64)
        for place in pattern:
            keys = keys << KEY_BITS | ids[place : place + starts]
        skipped = pattern[-1] + 1 - len(pattern)
        found.append(keys | skipped << 3 * KEY_BITS)
    return found


@dataclass(frozen=True)
class Ngrams:
    """N-grams of these patterns: sorted keys (int64), and a weight (float32) beside each."""

    patterns: Sequence[Pattern]
    keys: np.ndarray
    weights: np.ndarray

    def logit(self, ids: np.ndarray) -> float:
        """The logit of a whole review as word ids; 0 where nothing is known."""
        keys = np.concatenate(ngram_keys(ids, self.patterns))
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
        keys = ngram_keys(ids, self.patterns)
        distinct, which, places = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
        rows = self._rows_of(distinct)
        known = rows >= 0
        of_distinct = np.zeros(len(distinct))
        of_distinct[known] = self.weights[rows[known]] / (places[known] * max(known.sum(), 1) ** 0.5)
        share = of_distinct[which]
        shares = np.zeros(len(ids))
        start = 0
        for pattern, of_pattern in zip(self.patterns, keys, strict=True):
            each = share[start : start + len(of_pattern)] / len(pattern)
            for place in pattern:
                shares[place : place + len(each)] += each
            start += len(of_pattern)
        return shares

    def _rows_of(self, keys: np.ndarray) -> np.ndarray:
        """The row of each key in the table, -1 where it is not in it."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        rows = np.searchsorted(self.keys, keys)
        rows[rows == len(self.keys)] = 0
        rows[self.keys[rows] != keys] = -1
        return rows
