"""The memory that the processes of a sandbox use."""

import contextlib
import math
import os
import resource
from collections.abc import Callable
from pathlib import Path

import psutil

FIND_PROCESSES_SECONDS = 1.0
"""How often the processes of a sandbox are listed anew."""
CHILDREN_ARE_LISTED = Path(f"/proc/self/task/{os.getpid()}/children").exists()
"""By Linux; elsewhere every process of the machine has to be asked for its parent."""
PAGE_BYTES = resource.getpagesize()


class Memory:
    """The resident memory of a sandbox's processes, in MB. It is sampled, so short peaks may be missed."""

    def __init__(self, supervisor: int, clock: Callable[[], float]):
        self._supervisor = supervisor
        self._clock = clock
        self._looked = -math.inf
        self._members: list[int] = []
        self.peak_mb = self._latest_mb = 0.0

    def restart(self) -> None:
        """Resets the peak to the latest use, that at the end of the previous event."""
        self.peak_mb = self._latest_mb

    def find_processes(self, at_once: bool = False) -> None:
        """Finds the runtime and its children; repeated at most once a second."""
        if not at_once and self._clock() - self._looked < FIND_PROCESSES_SECONDS:
            return
        self._looked = self._clock()
        with contextlib.suppress(psutil.NoSuchProcess):
            self._members = _descendants(self._supervisor)

    def sample(self) -> float:
        """Measures the current use, and returns the peak."""
        used = 0
        for member in self._members:
            with contextlib.suppress(OSError, psutil.NoSuchProcess):  # it has ended
                used += _resident_bytes(member)
        self._latest_mb = used / 2**20
        self.peak_mb = max(self.peak_mb, self._latest_mb)
        return self.peak_mb


def _resident_bytes(process: int) -> int:
    """The resident memory of a process. Raises OSError or psutil.NoSuchProcess if it does not exist."""
    if not CHILDREN_ARE_LISTED:
        resident: int = psutil.Process(process).memory_info().rss
        return resident
    with open(f"/proc/{process}/statm", "rb", buffering=0) as file:
        return int(file.read().split()[1]) * PAGE_BYTES


def _descendants(ancestor: int) -> list[int]:
    """The descendants of a process. Raises psutil.NoSuchProcess if it does not exist."""
    if not CHILDREN_ARE_LISTED:
        return [process.pid for process in psutil.Process(ancestor).children(recursive=True)]
    found: list[int] = []
    left = [ancestor]
    while left:
        for file in Path("/proc", str(left.pop()), "task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                children = [int(child) for child in file.read_text().split()]
                found += children
                left += children
    return found
