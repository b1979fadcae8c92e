"""Runs one command, and stops it when localcloud has ended.

``python -S -E supervisor.py CONTROL_FD RECORD GRACE ORPHANS COMMAND...``

CONTROL_FD is the read end of a pipe that only localcloud writes to. Each byte is the number of a signal for
the command's process group. The kernel closes the pipe however localcloud ends, ``kill -9`` included; then
the group gets SIGTERM and, GRACE seconds later, SIGKILL. A parent-death signal would not do: it is sent when
the parent's *thread* ends, and macOS has none. This process ends with the command's exit status or by its
signal. RECORD holds "pid start-time" of the group while it runs, so that a later localcloud finds the group
if the supervisor is killed too. ORPHANS says what becomes of processes that left the group (see KILL, KEEP).

This starts before every job and function, so it uses the standard library alone, without site-packages.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

COULD_NOT_START = 127
KILL, KEEP = "kill", "keep"
"""What to do with processes that left the command's process group, when the command ends."""
PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h: orphaned descendants become children of this process."""
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def start_time(pid: int) -> str | None:
    """When a process started, in the system's own notation; None when there is no such process.

    Process ids are reused, but the pair of id and start time is unique.
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
    """Signals a process group, which may have ended already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        os.killpg(pid, number)


def adopt_orphans() -> None:
    """Makes this process the parent of descendants that lose theirs. Only Linux can."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_adopted() -> None:
    """Kills the children of this process, and theirs, which become its own then.

    They left the command's process group, as the workers of torchrun do, which have sessions of their own.
    """
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    own = str(os.getpid()).encode()
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{int(name)}/stat", "rb") as stat:
            if stat.read().rpartition(b")")[2].split()[1] == own:
                found.append(int(name))
    return found


def follow_control_pipe(control: int, group: int, grace: float) -> None:
    """Sends the group the signals that localcloud asks for, and stops it when localcloud has ended."""
    while message := os.read(control, 1):
        signal_group(group, message[0])
    signal_group(group, signal.SIGTERM)
    time.sleep(grace)
    signal_group(group, signal.SIGKILL)


def main() -> int:
    """Runs the command and returns its exit status."""
    control, record, grace = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    orphans, command = sys.argv[4], sys.argv[5:]
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_IGN)
    if orphans == KILL:
        adopt_orphans()
    try:
        # The command would inherit the ignored signals, so it gets their default handlers back.
        child = subprocess.Popen(command, process_group=0, preexec_fn=_default_signals)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return COULD_NOT_START
    with open(record, "w") as file:
        file.write(f"{child.pid} {start_time(child.pid)}")
    threading.Thread(target=follow_control_pipe, args=(control, child.pid, grace), daemon=True).start()
    status = child.wait()
    # As in a container, the command's own processes end with it.
    signal_group(child.pid, signal.SIGKILL)
    kill_adopted()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record)
    if status < 0:
        _end_by(-status)
    return status


def _default_signals() -> None:
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_DFL)


def _end_by(number: int) -> None:
    """Ends by the signal that ended the command, without a second core file."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    sys.exit(main())
