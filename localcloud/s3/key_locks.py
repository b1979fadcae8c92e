"""Locks of single objects, so that a condition and its write are one step."""

import threading
from weakref import WeakValueDictionary


class KeyLocks:
    """A lock for each key of a bucket, for as long as somebody has it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, str], threading.Lock] = WeakValueDictionary()
        self._choosing = threading.Lock()

    def of(self, bucket: str, key: str) -> threading.Lock:
        """The lock to hold while the object with this key is replaced, or deleted."""
        with self._choosing:
            return self._locks.setdefault((bucket, key), threading.Lock())
