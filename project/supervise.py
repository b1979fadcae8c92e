"""Run a command that ends when the process that started it ends, for whatever reason.

`python -S -E supervise.py FD GRACE COMMAND...` runs COMMAND in a process group of its own. FD is the read end
of a pipe whose write end only the starter has. When that is closed, on purpose or because the starter was
killed, the group gets SIGTERM and, GRACE seconds later, SIGKILL. The exit status is that of the command, or
127 if it cannot be started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

# Ctrl-C reaches all processes of a terminal, but only the starter decides when the command ends.
IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
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
    _signal(child.pid, signal.SIGKILL)  # end the command's own children
    return status if status >= 0 else 128 - status


def _end_with(fd: int, grace: float, child: subprocess.Popen[bytes]) -> None:
    os.read(fd, 1)
    _signal(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    _signal(child.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    # For a group that has ended, macOS returns EPERM.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _default_signals() -> None:
    """Reset the signals, since the command would inherit that they are ignored."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
