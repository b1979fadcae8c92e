"""Limit how many requests the server takes on, and refuse the others at once.

A process computes on about one core, so computing many requests at once gains nothing: a few compute, and a
few wait. Whoever has a place gets an answer, however slow the machine is just then; whoever finds none is
refused without waiting, and can ask again. A process lends the places that it does not need to the others,
because requests are not spread evenly over them.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sentiment_api.errors import Overloaded

from selfhost.scoreboard import Scoreboard

# Computing at the same time in a process: while one waits for memory or another thread, the other goes on.
CONCURRENT = 2
# Places for each process of the server: two compute, and two wait, so that no thread idles between requests.
PLACES = 4
# The longest time until a refused client should ask again. Each is told another, or all would come at once.
MAX_RETRY_SECONDS = 3


class Admission:
    """Lets callers with a place compute, `concurrent` of them at the same time in this process.

    There are `places` for each of the processes that share the scoreboard.
    """

    def __init__(self, scoreboard: Scoreboard, places: int = PLACES, concurrent: int = CONCURRENT):
        self._scoreboard, self._places = scoreboard, places
        self._turns = threading.Semaphore(concurrent)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and keep it for the block. Raises Overloaded at once if all places are taken."""
        if not self._scoreboard.take_place(self._places):
            seconds = random.randint(1, MAX_RETRY_SECONDS)
            raise Overloaded(
                "Too many reviews at once just now.", retry_after=seconds, detail="no place to wait"
            )
        try:
            with self._turns:
                yield
        finally:
            self._scoreboard.leave_place()
