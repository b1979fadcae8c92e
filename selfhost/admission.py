"""Limit how many requests the server takes on, and refuse the others at once.

A process computes on about one core, so computing many requests at once gains nothing: a few compute, and a
few wait. Whoever has a place gets an answer, however slow the machine is just then; whoever finds none is
refused without waiting, and can ask again. The processes share their places, because connections are not
spread evenly over them.
"""

from __future__ import annotations

import fcntl
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sentiment_api.errors import Overloaded

from selfhost.logs import fields, logger

# Computing at the same time in a process: while one waits for memory or another thread, the other goes on.
CONCURRENT = 2
# Places for each process of the server.
PLACES = 5
# The longest time until a refused client should ask again. Each is told another, or all would come at once.
MAX_RETRY_SECONDS = 3

log = logger()


class Places:
    """Places that all processes with the same file share. A process that dies releases its places.

    If the file cannot be written or locked, the process logs that and has the places for itself.
    """

    def __init__(self, file: Path, number: int):
        # A place is a byte that a process has locked. Locking does not keep threads apart, but `_free` does.
        self._file = _lockable(file, number)
        self._mutex = threading.Lock()
        self._free = set(range(number))

    def take(self) -> int | None:
        """Take a place; return its number, or None if all are taken."""
        with self._mutex:
            for place in self._free:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                except (BlockingIOError, PermissionError):  # the system may report either
                    continue
                self._free.remove(place)
                return place
        return None

    def leave(self, place: int) -> None:
        """Leave a place of this process."""
        with self._mutex:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
            self._free.add(place)


def _lockable(file: Path, number: int) -> IO[bytes]:
    """Open `file`, or a temporary one of this process if its byte `number` cannot be locked."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = file.open("wb")
        fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        fcntl.lockf(opened, fcntl.LOCK_UN, 1, number)
    except OSError as error:
        log.warning("the processes do not share their places", **fields(reason=str(error)))
        return tempfile.TemporaryFile()
    return opened


class Admission:
    """Lets callers with a place compute, `concurrent` of them at the same time in this process."""

    def __init__(self, places: Places, concurrent: int = CONCURRENT):
        self._places = places
        self._turns = threading.Semaphore(concurrent)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and keep it for the block. Raises Overloaded at once if all places are taken."""
        place = self._places.take()
        if place is None:
            seconds = random.randint(1, MAX_RETRY_SECONDS)
            raise Overloaded(
                "Too many reviews at once just now.", retry_after=seconds, detail="no place to wait"
            )
        try:
            with self._turns:
                yield
        finally:
            self._places.leave(place)
