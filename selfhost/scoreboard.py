"""What the processes of the web server know of one another: a few numbers in memory that they share.

gunicorn's arbiter makes the memory before it forks the processes, as Apache's httpd does for its scoreboard.
Each process writes only its own numbers, and the arbiter those of a process that has ended, so no process
waits for another. What it reads may be a moment old: two processes that look at the same time may both take
the last place, or both accept a connection.
"""

from __future__ import annotations

import mmap
import threading
import time
from collections.abc import Callable

MAX_PROCESSES = 256
# A process that has given no sign of life for as long does not count: it hangs.
SILENT_SECONDS = 2.0
# By how much the numbers of connections may differ. If they had to be equal, the processes would wait for one
# another whenever many clients connect at once.
TOLERANCE = 1.25


class Scoreboard:
    """The numbers of all processes. Those of this process are the first, until it enters as another one.

    `memory` is that of another scoreboard, to share it.
    """

    def __init__(self, memory: mmap.mmap | None = None, clock: Callable[[], float] = time.monotonic):
        self.memory = mmap.mmap(-1, 4 * 8 * MAX_PROCESSES) if memory is None else memory
        numbers = memoryview(self.memory).cast("d")
        # By process: when it last gave a sign of life, its connections, the places it has taken, and whether
        # others are being started in the place of all.
        self._seen = numbers[:MAX_PROCESSES]
        self._connections = numbers[MAX_PROCESSES : 2 * MAX_PROCESSES]
        self._places = numbers[2 * MAX_PROCESSES : 3 * MAX_PROCESSES]
        self._replaced = numbers[3 * MAX_PROCESSES :]
        self._own, self._clock, self._mutex = 0, clock, threading.Lock()

    def enter(self, process: int) -> None:
        """Begin as the process with this number, which no other living process has."""
        self._own = process
        self._seen[process] = self._connections[process] = 0
        self._places[process] = self._replaced[process] = 0

    def remove(self, process: int) -> None:
        """Count a process that has ended no more, until another one enters with its number."""
        self._seen[process] = 0

    def replace_all(self) -> None:
        """Say that processes which enter from now on are started in the place of those that there are."""
        for process in range(MAX_PROCESSES):
            self._replaced[process] = 1

    def awaits_successor(self) -> bool:
        """Whether this process is being replaced, and none of the new ones has given a sign of life yet."""
        return bool(self._replaced[self._own]) and all(self._replaced[each] for each in self._others())

    def report(self, connections: float) -> None:
        """Give a sign of life, and say how many connections this process has; `inf` if it accepts none."""
        self._connections[self._own] = connections
        self._seen[self._own] = self._clock()

    def has_too_many_connections(self) -> bool:
        """Whether another process has fewer connections than this one, by more than the tolerance."""
        own = self._connections[self._own]
        return any(own > TOLERANCE * self._connections[each] for each in self._others())

    def take_place(self, share: int) -> bool:
        """Take a place; return whether there was one.

        A process always has its `share`, and may have more while the processes have fewer than their shares
        together. So a busy one uses what others do not need, and none has to wait for its share.
        """
        with self._mutex:
            own = self._places[self._own]
            if own >= share:
                others = self._others()
                if own + sum(self._places[each] for each in others) >= share * (1 + len(others)):
                    return False
            self._places[self._own] = own + 1
            return True

    def leave_place(self) -> None:
        """Leave a place of this process."""
        with self._mutex:
            self._places[self._own] -= 1

    def _others(self) -> list[int]:
        since = self._clock() - SILENT_SECONDS
        return [each for each, seen in enumerate(self._seen) if seen > since and each != self._own]


SCOREBOARD = Scoreboard()
