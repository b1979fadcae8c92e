"""A pool of threads that starts few for many short jobs, and as many as there are for jobs that wait.

The interpreter runs one thread at a time. If many want to run, they do so in turns and all end late, and part
of the processor time goes into the turns.
"""

import _thread
import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")

PROMPT_THREADS = 24
"""So many are started as soon as there are jobs for them. The ten events that functions handle at once keep
two busy each: one waits for the function, one for the endpoint that it asks. Some are left for refusals."""
GROW_SECONDS = 0.005
"""While jobs wait, another thread is started after that time."""
STALL_SECONDS = 0.05
"""If no job ends for that time, each that waits gets a thread: what the others do takes long."""
IDLE_SECONDS = 10.0
"""A thread without a job ends after that time."""


class GrowingPool(Generic[Job]):
    """Runs jobs in their order, in at most `most` threads. `run` gets a job and must not raise an exception.

    One thread submits the jobs, and calls `grow` whenever that says.
    """

    def __init__(self, run: Callable[[Job], None], most: int):
        self._run = run
        self._most = most
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._next_start = 0.0
        self._last_progress = 0.0

    def submit(self, job: Job) -> None:
        """Has a job run as soon as a thread is free."""
        if self._jobs.empty():
            self._last_progress = time.monotonic()
        self._jobs.put(job)
        self.grow()

    def has_waiting(self) -> bool:
        """Whether a job waits for a thread."""
        return not self._jobs.empty()

    def grow(self) -> float | None:
        """Starts threads if jobs wait; returns the seconds until the next call, or None if no job waits."""
        if self._jobs.empty():
            return None
        now = time.monotonic()
        with self._lock:
            without_thread = self._jobs.qsize() - self._idle
            if without_thread <= 0:  # the idle threads are about to take the jobs
                return GROW_SECONDS
            if now - self._last_progress >= STALL_SECONDS:
                self._start(without_thread)
                self._last_progress = now
            elif self._threads < PROMPT_THREADS or now >= self._next_start:
                self._start(1)
                self._next_start = now + GROW_SECONDS
        return max(0.001, self._next_start - now)

    def _start(self, count: int) -> None:
        for _ in range(min(count, self._most - self._threads)):
            _thread.start_new_thread(self._work, ())
            self._threads += 1

    def close(self) -> None:
        """Ends the threads, each after its current job."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._run(job)
            self._last_progress = time.monotonic()
        with self._lock:
            self._threads -= 1

    def _next(self) -> Job | None:
        """The next job; None if this thread should end."""
        with self._lock:
            self._idle += 1
        try:
            job = self._jobs.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            return None
        finally:
            with self._lock:
                self._idle -= 1
        if job is None:
            self._jobs.put(None)  # for the next thread
        return job
