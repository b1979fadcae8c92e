"""A hash table from integer keys to numbers that looks up many keys at once. Needs numpy only.

It uses cuckoo hashing (Pagh and Rodler, Journal of Algorithms 51, 2004): each key is in one of two slots, so
two accesses find it, however many keys there are. Bisection of the table of n-grams would take eighteen, most
of them cache misses. Building the table takes some tens of milliseconds.
"""

import numpy as np

SLOTS_PER_KEY = 3.0
ROUNDS = 200
"""Placing the keys usually takes about ten rounds; a table that needs more than this is too full."""
MAX_SLOTS_PER_KEY = 100
"""Keys that find no place even in a table of this size were chosen to collide."""
_EMPTY = -1
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)


class CuckooTable:
    """Maps `keys` (N,), strictly ascending non-negative int64, to `values` (N,).

    Raises ValueError for other keys, and for keys that collide too often.
    """

    def __init__(self, keys: np.ndarray, values: np.ndarray):
        if keys.dtype != np.int64:
            raise ValueError(f"the keys of a table must be int64, not {keys.dtype}")
        if len(keys) != len(values) or (keys[:1] < 0).any() or (keys[1:] <= keys[:-1]).any():
            raise ValueError(
                "the keys of a table must be non-negative and strictly ascending, with one value each"
            )
        self._slots = 1 + int(SLOTS_PER_KEY * len(keys))
        while (slots := self._settle(keys)) is None:
            self._slots *= 2
            if self._slots > MAX_SLOTS_PER_KEY * len(keys):
                raise ValueError("too many keys of the table collide")
        self._keys = np.full(self._slots, _EMPTY)
        self._keys[slots] = keys
        self.values = np.zeros(self._slots, dtype=values.dtype)
        self.values[slots] = values

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look up keys (M,): return the positions (K,) of those in the table, and their slots (K,).

        A slot stands for its key, and `values[slot]` is the key's value.
        """
        mixed = _mixed(keys)
        slots = self._slot(mixed >> _HALF)
        slots = np.where(self._keys.take(slots) == keys, slots, self._slot(mixed & _LOW))
        known = np.flatnonzero(self._keys.take(slots) == keys)
        return known, slots.take(known)

    def _slot(self, numbers: np.ndarray) -> np.ndarray:
        """Map 32-bit numbers to slots."""
        return (numbers * np.uint64(self._slots) >> _HALF).view(np.int64)

    def _settle(self, keys: np.ndarray) -> np.ndarray | None:
        """The slot (N,) of each key. None if the keys do not all fit.

        In each round, all keys without a place want the other of their two slots, and displace what is there.
        """
        mixed = _mixed(keys)
        slots, seconds = self._slot(mixed >> _HALF), self._slot(mixed & _LOW)
        both = slots ^ seconds
        owner = np.full(self._slots, -1, dtype=np.int32)
        unplaced = np.arange(len(keys), dtype=np.int32)
        for _ in range(ROUNDS):
            wanted = slots.take(unplaced)
            displaced = owner.take(wanted)
            owner[wanted] = unplaced  # if several keys want a slot, the last one gets it
            is_placed = owner.take(wanted) == unplaced
            unplaced = np.where(is_placed, displaced, unplaced)
            unplaced = unplaced[unplaced >= 0]
            if not len(unplaced):
                return slots
            slots[unplaced] ^= both.take(unplaced)
        return None


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Hash keys to 64 bits; the two halves determine a key's two slots."""
    mixed: np.ndarray = keys.view(np.uint64) * _MULTIPLIERS[0]
    mixed = (mixed ^ mixed >> _HALF) * _MULTIPLIERS[1]
    return mixed
