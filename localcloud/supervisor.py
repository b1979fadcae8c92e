"""Runs one command and outlives whoever asked for it just long enough to stop that command.

``python -S -E supervisor.py CONTROL_FD RECORD GRACE COMMAND...``

CONTROL_FD is the read end of a pipe whose only writer is localcloud. A byte on it is a signal number for
the command's process group; its end, which the kernel delivers however localcloud ended (``kill -9``
included), means SIGTERM, GRACE seconds, SIGKILL. A parent-death signal would not do: it fires when the
parent's *thread* ends, and macOS has none. The command's exit status or fatal signal becomes this process's
own. RECORD holds "pid start-time" of the group while it lives, so that a later localcloud can find it should
this supervisor be killed too.

Only the standard library, and no site-packages: this starts before every job and function.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

COULD_NOT_START = 127
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def start_time(pid: int) -> str | None:
    """When a process started, in the system's own notation; None when there is no such process.

    A process id can be handed out again, the pair (id, start time) cannot.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # Field 22; the command name in field 2 may itself hold blanks and brackets.
            return stat.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        if os.path.isdir("/proc/self"):
            return None
    ps = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return ps.stdout.strip() or None


def signal_group(pid: int, number: int) -> None:
    """Signals a whole process group; one that has gone meanwhile is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        os.killpg(pid, number)


def obey_localcloud(control: int, group: int, grace: float) -> None:
    """Passes on the signals that localcloud asks for; stops the group when localcloud has ended."""
    while message := os.read(control, 1):
        signal_group(group, message[0])
    signal_group(group, signal.SIGTERM)
    time.sleep(grace)
    signal_group(group, signal.SIGKILL)


def main() -> int:
    control, record, grace, command = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4:]
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_IGN)
    try:
        # Ignored signals would be inherited: the command gets the default ones back.
        child = subprocess.Popen(command, process_group=0, preexec_fn=_default_signals)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return COULD_NOT_START
    with open(record, "w") as file:
        file.write(f"{child.pid} {start_time(child.pid)}")
    threading.Thread(target=obey_localcloud, args=(control, child.pid, grace), daemon=True).start()
    status = child.wait()
    signal_group(child.pid, signal.SIGKILL)  # what the command left behind ends with it, as in a container
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record)
    if status < 0:
        _end_by(-status)
    return status


def _default_signals() -> None:
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_DFL)


def _end_by(number: int) -> None:
    """Ends as the command did, without a second core file."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    sys.exit(main())
