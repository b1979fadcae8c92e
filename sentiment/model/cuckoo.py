"""A table from integer keys to numbers that answers many keys at once: cuckoo hashing. Needs numpy only.

Each key has two places where it may stand, and stands in one of them (Pagh and Rodler, Journal of Algorithms
51, 2004). So however many keys there are, two looks find one: bisection takes eighteen in a table of the
n-grams, most of them at memory that no cache holds. Building it takes some tens of milliseconds.
"""

import numpy as np

SLOTS_PER_KEY = 3.0
ROUNDS = 200
"""A table that has not settled by then is too full; it takes about ten."""
MAX_SLOTS_PER_KEY = 100
"""Keys that do not settle in so many were made not to."""
_EMPTY = -1
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)


class CuckooTable:
    """A value beside each of some keys: ascending int64, none negative, none twice, or it is a ValueError."""

    def __init__(self, keys: np.ndarray, values: np.ndarray):
        if len(keys) != len(values) or (keys[:1] < 0).any() or (keys[1:] <= keys[:-1]).any():
            raise ValueError("the keys of a table must ascend from 0 or more, each once and with a value")
        self._slots = 1 + int(SLOTS_PER_KEY * len(keys))
        while (owner := self._settle(keys)) is None:
            self._slots *= 2
            if self._slots > MAX_SLOTS_PER_KEY * len(keys):
                raise ValueError("the keys of a table do not settle")
        taken = np.flatnonzero(owner >= 0)
        self._keys = np.full(self._slots, _EMPTY)
        self._keys[taken] = keys[owner[taken]]
        self._values = np.zeros(self._slots, dtype=values.dtype)
        self._values[taken] = values[owner[taken]]

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the keys (their positions) are in the table, and the value of each of those."""
        mixed = _mixed(keys)
        slots = self._slot(mixed >> _HALF)
        elsewhere = np.flatnonzero(self._keys[slots] != keys)
        slots[elsewhere] = self._slot(mixed[elsewhere] & _LOW)
        known = np.flatnonzero(self._keys[slots] == keys)
        return known, self._values[slots[known]]

    def _slot(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers of 32 bits as slots."""
        return (numbers * np.uint64(self._slots) >> _HALF).astype(np.int64)

    def _settle(self, keys: np.ndarray) -> np.ndarray | None:
        """For each slot the number of the key that stands in it, or -1; None where they do not all fit.

        All keys without a slot move at once, each to the other of its two; who stood there has none then.
        """
        owner = np.full(self._slots, -1, dtype=np.int32)
        mixed = _mixed(keys)
        choices = np.stack([self._slot(mixed >> _HALF), self._slot(mixed & _LOW)]).astype(np.int32)
        choice = np.ones(len(keys), dtype=np.int8)
        unplaced = np.arange(len(keys), dtype=np.int32)
        for _ in range(ROUNDS):
            if not len(unplaced):
                return owner
            choice[unplaced] ^= 1
            slots = choices[choice[unplaced], unplaced]
            displaced = owner[slots]
            owner[slots] = unplaced  # of several at one slot, the last stays
            lost = unplaced[owner[slots] != unplaced]
            unplaced = np.concatenate([lost, np.unique(displaced[displaced >= 0])])
        return None


def _mixed(keys: np.ndarray) -> np.ndarray:
    """64 bits that look random; a key's two slots are read off their halves."""
    mixed: np.ndarray = keys.astype(np.uint64) * _MULTIPLIERS[0]
    mixed = (mixed ^ mixed >> _HALF) * _MULTIPLIERS[1]
    return mixed
