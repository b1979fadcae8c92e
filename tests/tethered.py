"""Commands that end with the tests that started them, however those end: by kill -9 too.

`tethered(command)` is a command that becomes the given one, with the same process id, once the kernel has
been asked to send it SIGTERM when its parent dies. Only Linux does that; elsewhere it becomes the command and
no more.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[object]) -> list[str]:
    """To be started by the main thread: the kernel counts the end of a thread as the parent's."""
    return [sys.executable, "-S", "-E", __file__, str(os.getpid()), *map(str, command)]


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has ended before we asked
            sys.exit(f"{command[0]} was not started: whoever wanted it is gone")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
