"""Limit how many requests a process takes on, and refuse the others at once.

A process computes on about one core, so computing many requests at once gains nothing: a few compute, and a
few wait. Whoever has a place gets an answer, however slow the machine is just then; whoever finds none is
refused without waiting, and can ask again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sentiment_api.errors import Overloaded

RETRY_SECONDS = 1


class Admission:
    """Lets `concurrent` callers compute at the same time, and `queued` others wait for their turn."""

    def __init__(self, concurrent: int = 2, queued: int = 6):
        self._turns = threading.Semaphore(concurrent)
        self._places = threading.Semaphore(concurrent + queued)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and keep it for the block. Raises Overloaded at once if all places are taken."""
        if not self._places.acquire(blocking=False):
            raise Overloaded(
                "Too many reviews at once just now.", retry_after=RETRY_SECONDS, detail="no place to wait"
            )
        try:
            with self._turns:
                yield
        finally:
            self._places.release()
