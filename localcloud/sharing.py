"""Shares a cloud between all `localcloud run` of a port: the first one starts it, and it ends with the last.

This takes two file locks: one beside the cloud's folder while a cloud starts, and one in the folder that each
user of the cloud holds.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from typing import IO

from localcloud.state import StateError, state_dir
from localcloud.stop_signals import StopSignals

USERS = "users"
START_SECONDS = 60.0
POLL_SECONDS = 0.05
OF_OTHERS = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR)
"""Errors of opening a path that belongs to someone else, or is a link or a folder."""


@contextlib.contextmanager
def start_lock(port: int, stopped: StopSignals) -> Iterator[None]:
    """Lets one process at a time look for a cloud and start one. Raises StateError.

    With port 0 there is nothing to wait for, since every cloud gets a port of its own.
    """
    if port == 0:
        yield
        return
    path = f"{state_dir(port)}.starting"
    for _ in range(round(START_SECONDS / POLL_SECONDS)):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            if error.errno not in OF_OTHERS:
                raise
            raise StateError(f"{path} is not a file of yours: remove it or take another port") from error
        with open(descriptor, "a") as lock:
            if _try_lock(lock, fcntl.LOCK_EX, path):
                try:
                    yield
                finally:
                    os.unlink(path)
                return
        if stopped.wait(POLL_SECONDS):
            break
    raise StateError(f"another localcloud has been starting on port {port} for {START_SECONDS:g} seconds")


class Use:
    """A context in which this process uses a cloud."""

    def __init__(self) -> None:
        self._lock: IO[str] | None = None

    def __enter__(self) -> "Use":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lock:
            self._lock.close()

    def join(self, port: int) -> bool:
        """Uses the cloud that another process has started. Returns False when that cloud is just ending."""
        return self._take(port, fcntl.LOCK_SH)

    def end(self, port: int, stopped: StopSignals, on_wait: Callable[[], None]) -> None:
        """Waits until nobody else uses the cloud of this process, after which nobody can join it.

        Calls `on_wait` if it has to wait.
        """
        if not self._take(port, fcntl.LOCK_EX):
            on_wait()
            while not stopped.wait(POLL_SECONDS) and not self._take(port, fcntl.LOCK_EX):
                pass

    def _take(self, port: int, kind: int) -> bool:
        path = state_dir(port) / USERS
        with contextlib.suppress(FileNotFoundError):  # the cloud has just removed its folder
            lock = path.open("a")
            if _try_lock(lock, kind, path):
                self._lock = lock
                return True
            lock.close()
        return False


def _try_lock(lock: IO[str], kind: int, path: str | os.PathLike[str]) -> bool:
    """Locks an open file. Returns False if another process has, or if the path has a new file since."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(lock.fileno()), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False
