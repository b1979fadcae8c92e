"""The wide part: a linear term over the word n-grams of a review. Needs numpy only.

The n-grams are words in a row and, if wanted, skip-bigrams: two words with some others between them, such as
"not ... good". Negated words are told from others (negation.py). N-grams are exact 64-bit keys, and no two
are taken for each other. ngram_fit.py fits the weights.

The presence of an n-gram has a value, which is larger near the end of a review (emphasis.py). A review's
logit is the sum of weight times value over the distinct known n-grams it holds, divided by the Euclidean norm
of their values.
"""

from collections.abc import Sequence

import numpy as np

from sentiment.model.cuckoo import CuckooTable
from sentiment.model.emphasis import emphasis
from sentiment.text.vocabulary import limit

KEY_BITS = 18
WORDS_IN_KEYS = 1 << KEY_BITS
"""Word ids, marked as negation.py does it, take 18 bits of a key, and three of them 54."""
GAP = 1 << 3 * KEY_BITS
"""Set in the key of a skip-bigram, however many words it skips."""
PLACE_BITS = 8
FAR = (1 << PLACE_BITS) - 1
"""An n-gram with more words than that after it is taken to have so many."""

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
        found.append(keys if pattern[-1] < len(pattern) else keys | GAP)
    return found


def presence(ids: np.ndarray, patterns: Sequence[Pattern], ending: float) -> tuple[np.ndarray, np.ndarray]:
    """The distinct n-grams of a review: their keys (int64) in order, and the value (float64) of each, which
    is that of the last place it stands at."""
    # The place goes into the lowest bits: one sort brings equal keys together, the last place first.
    packed = np.concatenate([keys << PLACE_BITS | _to_come(len(keys)) for keys in ngram_keys(ids, patterns)])
    packed.sort()
    keys = packed >> PLACE_BITS
    is_first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    return keys[is_first], emphasis(_PLACES, ending)[packed[is_first] & FAR]


def _to_come(places: int) -> np.ndarray:
    """How many words come after an n-gram at each of so many places, at most FAR."""
    if places <= FAR:
        return _PLACES[places - 1 :: -1] if places else _PLACES[:0]
    return np.concatenate([np.full(places - FAR, FAR), _PLACES[FAR - 1 :: -1]])


_PLACES = np.arange(FAR + 1)


class Ngrams:
    """N-grams of these patterns: their keys (int64), and a weight (float32) beside each."""

    def __init__(self, patterns: Sequence[Pattern], ending: float, keys: np.ndarray, weights: np.ndarray):
        self.patterns, self.ending = patterns, ending
        self._weights = CuckooTable(keys, weights)

    def logit(self, ids: np.ndarray) -> float:
        """The logit of a whole review as word ids; 0 where nothing is known."""
        keys, values = presence(ids, self.patterns, self.ending)
        return float(self._terms(keys, values).sum())

    def explain(self, ids: np.ndarray) -> tuple[float, np.ndarray]:
        """The logit of a whole review, and what each of its words (N,) adds to it.

        What an n-gram adds is shared evenly among its words and the places it stands at.
        """
        distinct, values = presence(ids, self.patterns, self.ending)
        terms = self._terms(distinct, values)
        keys = ngram_keys(ids, self.patterns)
        which = np.searchsorted(distinct, np.concatenate(keys))
        share = (terms / np.bincount(which, minlength=len(terms)))[which]
        shares = np.zeros(len(ids))
        start = 0
        for pattern, of_pattern in zip(self.patterns, keys, strict=True):
            each = share[start : start + len(of_pattern)] / len(pattern)
            for place in pattern:
                shares[place : place + len(each)] += each
            start += len(of_pattern)
        return float(terms.sum()), shares

    def known_weights(self, ids: np.ndarray) -> np.ndarray:
        """The weights of the distinct n-grams of a review that are known, in no order."""
        return self._weights.find(presence(ids, self.patterns, self.ending)[0])[1]

    def single_weights(self, ids: np.ndarray) -> np.ndarray:
        """The weight (N,) of each word by itself; 0 for one that is not known."""
        weights = np.zeros(len(ids))
        known, found = self._weights.find(limit(ids, WORDS_IN_KEYS).astype(np.int64))
        weights[known] = found
        return weights

    def _terms(self, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
        """What each of a review's distinct n-grams adds to its logit; 0 for an unknown one."""
        terms = np.zeros(len(keys))
        known, weights = self._weights.find(keys)
        values = values[known]
        terms[known] = weights * values / max(np.sqrt(values @ values), 1.0)
        return terms
