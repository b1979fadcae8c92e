"""How many requests may keep the model busy at once, and who is told to come back later.

A process computes on about one core, so requests beyond a few gain nothing by being computed at once. They
wait for a turn, in order and not for long; whoever would have to wait for longer is refused without delay,
so that those who were admitted are answered as quickly as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sentiment_api.errors import Overloaded

RETRY_SECONDS = 1


class Admission:
    """Turns at something that `at_once` may do at a time. `waiting` others wait, for `seconds` at most."""

    def __init__(self, at_once: int = 2, waiting: int = 24, seconds: float = 0.08):
        self._turns = threading.Semaphore(at_once)
        self._places = threading.Semaphore(at_once + waiting)
        self._seconds = seconds

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Within the block it is the caller's turn. Raises Overloaded where it does not come soon."""
        if not self._places.acquire(blocking=False):
            raise _overloaded("no place to wait")
        try:
            if not self._turns.acquire(timeout=self._seconds):
                raise _overloaded(f"no turn within {self._seconds} s")
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()


def _overloaded(detail: str) -> Overloaded:
    return Overloaded("Too many reviews at once just now.", retry_after=RETRY_SECONDS, detail=detail)
