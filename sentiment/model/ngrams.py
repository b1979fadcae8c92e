"""The wide part: a linear model over the word n-grams of a review. Needs numpy only.

The n-grams are consecutive words and, optionally, skip-bigrams: two words with others between them, such as
"not ... good". Negated words differ from others (negation.py). Each n-gram has a 64-bit key of its own, so
they never collide. training/ngram_fit.py fits the weights.

An n-gram in a review has a value, which is larger near the end (emphasis.py). A review's logit is the sum of
weight times value over its distinct known n-grams, divided by the Euclidean norm of their values.
"""

import math
from collections.abc import Sequence

import numpy as np

from sentiment.model.cuckoo import CuckooTable
from sentiment.model.emphasis import emphasis
from sentiment.text.vocabulary import limit

KEY_BITS = 18
WORDS_IN_KEYS = 1 << KEY_BITS
"""A word id, with the mark of negation.py, takes 18 bits of a key, so three take 54."""
GAP = 1 << 3 * KEY_BITS
"""Set in the key of a skip-bigram, whatever the size of the gap."""
PLACE_BITS = 8
FAR = (1 << PLACE_BITS) - 1
"""The largest distance from the end that is distinguished, in words."""

Pattern = tuple[int, ...]


def ngram_patterns(order: int, skip: int) -> list[Pattern]:
    """The patterns of n-grams: the positions of their words, relative to the first.

    They are 1 to `order` consecutive words, and pairs of words with gaps of 1 to `skip` words.
    """
    return [tuple(range(words)) for words in range(1, order + 1)] + [(0, n + 1) for n in range(1, skip + 1)]


def ngram_keys(ids: np.ndarray, patterns: Sequence[Pattern]) -> list[np.ndarray]:
    """For each pattern, the keys (int64) of a review's n-grams, one for each starting position."""
    ids = limit(ids, WORDS_IN_KEYS).astype(np.int64)
    found = []
    for pattern in patterns:
        starts = max(len(ids) - pattern[-1], 0)
        keys = ids[:starts]
        for place in pattern[1:]:
            keys = keys << KEY_BITS | ids[place : place + starts]
        found.append(keys if pattern[-1] < len(pattern) else keys | GAP)
    return found


def presence(ids: np.ndarray, patterns: Sequence[Pattern], ending: float) -> tuple[np.ndarray, np.ndarray]:
    """The distinct n-grams of a review: their sorted keys (K,), int64, and their values (K,), float64.

    The value of an n-gram is that of its last occurrence.
    """
    keys = ngram_keys(ids, patterns)
    distinct, last = _distinct(np.concatenate(keys), _to_come(keys))
    return distinct, emphasis(_PLACES, ending)[last]


def _distinct(keys: np.ndarray, to_come: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys (K,), sorted, and the number of words after the last occurrence (K,) of each.

    `keys` (M,) are those of all occurrences, and `to_come` (M,) the numbers of words after these.
    """
    # The position goes into the lowest bits, so that one sort groups equal keys, the last occurrence first.
    packed = keys << PLACE_BITS | to_come
    packed.sort()
    keys = packed >> PLACE_BITS
    is_first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    return keys[is_first], packed[is_first] & FAR


def _to_come(keys: Sequence[np.ndarray]) -> np.ndarray:
    """For n-grams with these keys by pattern, the number of words after each, at most FAR."""
    return np.concatenate([_descending(len(of_pattern)) for of_pattern in keys])


def _descending(places: int) -> np.ndarray:
    """The numbers from `places` - 1 down to 0, but at most FAR."""
    if places <= FAR:
        return _PLACES[places - 1 :: -1] if places else _PLACES[:0]
    return np.concatenate([np.full(places - FAR, FAR), _PLACES[FAR - 1 :: -1]])


_PLACES = np.arange(FAR + 1)


class Ngrams:
    """The n-grams of some patterns, with sorted `keys` (K,), int64, and `weights` (K,), float32.

    Raises ValueError for keys that are not ascending.
    """

    def __init__(self, patterns: Sequence[Pattern], ending: float, keys: np.ndarray, weights: np.ndarray):
        self.patterns = patterns
        self._values = emphasis(_PLACES, ending)
        self._table = CuckooTable(keys, weights)

    def logit(self, ids: np.ndarray) -> float:
        """The logit of a whole review as word ids (N,); 0 if no n-gram is known."""
        keys = ngram_keys(ids, self.patterns)
        known, slots = self._table.find(np.concatenate(keys))
        return float(self._terms(slots, _to_come(keys).take(known))[1].sum())

    def explain(self, ids: np.ndarray) -> tuple[float, np.ndarray]:
        """The logit of a whole review as word ids (N,), and the contribution (N,) of each word to it.

        The contribution of an n-gram is shared evenly among its words and its occurrences.
        """
        keys = ngram_keys(ids, self.patterns)
        flat = np.concatenate(keys)
        known, slots = self._table.find(flat)
        distinct, terms = self._terms(slots, _to_come(keys).take(known))
        which = distinct.searchsorted(slots)
        share = np.zeros(len(flat))
        share[known] = (terms / np.bincount(which, minlength=len(terms))).take(which)
        shares = np.zeros(len(ids))
        start = 0
        for pattern, of_pattern in zip(self.patterns, keys, strict=True):
            each = share[start : start + len(of_pattern)] / len(pattern)
            for place in pattern:
                shares[place : place + len(each)] += each
            start += len(of_pattern)
        return float(terms.sum()), shares

    def known_weights(self, ids: np.ndarray) -> np.ndarray:
        """The weights (K,) of the known distinct n-grams of a review, in no particular order."""
        _, slots = self._table.find(np.concatenate(ngram_keys(ids, self.patterns)))
        distinct, _ = _distinct(slots, np.zeros_like(slots))
        return self._table.values.take(distinct)

    def single_weights(self, ids: np.ndarray) -> np.ndarray:
        """The weights (N,) of single words, without any longer n-gram; 0 for unknown ones."""
        weights = np.zeros(len(ids))
        known, slots = self._table.find(limit(ids, WORDS_IN_KEYS).astype(np.int64))
        weights[known] = self._table.values[slots]
        return weights

    def _terms(self, slots: np.ndarray, to_come: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The distinct n-grams (K,) of a review, by ascending slots, and the contribution (K,) of each to its
        logit. `slots` (M,) are those of the occurrences of its known n-grams.
        """
        distinct, last = _distinct(slots, to_come)
        values = self._values.take(last)
        norm = max(math.sqrt(values @ values), 1.0)
        return distinct, self._table.values.take(distinct) * values / norm
