"""Limit how many requests compute at the same time, and refuse those that would wait too long.

A process computes on about one core, so computing many requests at once gains nothing. Others wait briefly.
Requests that would wait longer are refused, so that the admitted ones stay fast.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sentiment_api.errors import Overloaded

RETRY_SECONDS = 1


class Admission:
    """Admits `concurrent` callers at a time; up to `queued` others wait, each for at most `seconds`."""

    def __init__(self, concurrent: int = 2, queued: int = 24, seconds: float = 0.08):
        self._turns = threading.Semaphore(concurrent)
        self._places = threading.Semaphore(concurrent + queued)
        self._seconds = seconds

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and keep it for the block. Raises Overloaded if there is none in time."""
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
