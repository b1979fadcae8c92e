"""The folder of a running cloud, which holds everything temporary and is removed with the cloud.

There is one folder per port, with an exclusive lock. A folder without a lock belongs to a dead cloud.
"""

import contextlib
import fcntl
import functools
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import IO

from localcloud.processes import stop_recorded

LOCK = "lock"
PROCESSES = "processes"
ACCESS_KEY = "access-key"
WAIT_FOR_LOCK_SECONDS = 10.0
"""How long to wait for a cloud on the same port that is just ending."""


REMOVE_SECONDS = 2.0


class StateError(Exception):
    """The state folder is not available. The message says why."""


@functools.cache
def folders() -> Path:
    """Where the folders of all clouds are. Later, a cloud's own `tempfile` writes into its folder.

    Raises OSError if no temporary folder can be written.
    """
    return Path(tempfile.gettempdir())


def state_dir(port: int) -> Path:
    """The path of the folder for a port, whether a cloud runs or not."""
    return folders() / f"localcloud-{os.getuid()}-{port}"


class State:
    """Locks the state folder of one port from construction to `close()`."""

    def __init__(self, port: int):
        self.path = state_dir(port)
        self._lock = _acquire(self.path, time.monotonic() + WAIT_FOR_LOCK_SECONDS)
        _clear(self.path)
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def store_access_key(self, access_key: str) -> None:
        """Stores the access key for the commands of the same user, who alone can read the folder."""
        (self.path / ACCESS_KEY).write_text(access_key)

    def close(self) -> None:
        _remove(self.path)
        self._lock.close()


def read_access_key(port: int) -> str | None:
    """The secret access key id of a running cloud; None for a cloud without one."""
    with contextlib.suppress(FileNotFoundError):
        if _ours(state_dir(port)):
            return (state_dir(port) / ACCESS_KEY).read_text()
    return None


def holder(port: int) -> int | None:
    """The process id of this user's cloud on a port; None when there is none."""
    try:
        if not _ours(state_dir(port)):
            return None
        with (state_dir(port) / LOCK).open() as lock:
            if _try_lock(lock):
                return None
            return int(lock.read() or 0) or None
    except (OSError, ValueError):
        return None


def clear_dead() -> None:
    """Stops the processes of this user's dead clouds, on any port, and removes their folders."""
    for folder in folders().glob(f"localcloud-{os.getuid()}-*"):
        with contextlib.suppress(FileNotFoundError):  # its cloud has just removed it, or not filled it yet
            if _ours(folder):
                with (folder / LOCK).open("a+") as lock:
                    if _lock_of(folder, lock):
                        _remove(folder)


def _acquire(folder: Path, deadline: float) -> IO[str]:
    """Creates and locks the folder, again if another cloud removes it meanwhile."""
    while time.monotonic() < deadline:
        folder.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if not _ours(folder):
                raise StateError(f"{folder} is not a private folder of yours: remove it or take another port")
            lock = (folder / LOCK).open("a+")
            if _lock_of(folder, lock):
                return lock
            lock.close()
        time.sleep(0.05)
    raise StateError(f"{folder} is held by another localcloud")


def _lock_of(folder: Path, lock: IO[str]) -> bool:
    """Locks an open file. Returns False if another process has, or if the folder has a new file since."""
    return _try_lock(lock) and os.path.samestat(os.fstat(lock.fileno()), (folder / LOCK).stat())


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ours(folder: Path) -> bool:
    """Whether a path in the shared temporary folder is a folder of this user alone, and no link."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077


def _clear(folder: Path) -> None:
    stop_recorded(folder / PROCESSES)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != LOCK:
            entry.unlink()


def _remove(folder: Path) -> None:
    """Removes a folder whose lock this process holds."""
    deadline = time.monotonic() + REMOVE_SECONDS
    _clear(folder)
    while len(list(folder.iterdir())) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)  # a job that was ending has still written something
        _clear(folder)
    (folder / LOCK).unlink()  # last: from then on the folder may be a new cloud's
    with contextlib.suppress(OSError):
        folder.rmdir()
