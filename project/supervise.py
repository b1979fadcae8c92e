"""Run a command that ends when the process that started it does, however that happens.

`python -S -E supervise.py FD GRACE COMMAND...` runs COMMAND in a process group of its own. FD is the read end
of a pipe that only the starter writes to. When it closes - on purpose, or because the starter was killed -
the group gets SIGTERM and, GRACE seconds later, SIGKILL. The exit status is the command's; 127 if it cannot
be started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

# Ctrl-C in a terminal reaches everything that runs in it; the process that started us decides.
IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    fd, grace, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        child = subprocess.Popen(command, process_group=0, preexec_fn=_default_signals)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_end_with, args=(fd, grace, child), daemon=True).start()
    status = child.wait()
    _signal(child.pid, signal.SIGKILL)  # its own children
    return status if status >= 0 else 128 - status


def _end_with(fd: int, grace: float, child: subprocess.Popen[bytes]) -> None:
    os.read(fd, 1)
    _signal(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    _signal(child.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    # macOS says EPERM for a group that has ended.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _default_signals() -> None:
    """Ignored signals would be inherited."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
