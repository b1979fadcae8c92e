"""Starts and stops the processes of localcloud: training jobs, model servers and function runtimes.

Each has its own process group under a supervisor (see supervisor.py), so that none outlives localcloud.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from localcloud import supervisor

GRACE_SECONDS = 3.0
"""The time between SIGTERM and SIGKILL when localcloud itself ends."""
MARK = "LOCALCLOUD_PROCESS"
"""The variable with the name of the record, which what a command starts inherits, in any session."""


class Process:
    """A running command. `lines()` yields its standard output and error, merged."""

    def __init__(self, name: str, supervisor_process: subprocess.Popen[bytes], control: int):
        if supervisor_process.stdout is None:
            raise ValueError("the supervisor's output must be a pipe")
        self.name = name
        self._supervisor = supervisor_process
        self._output = supervisor_process.stdout
        self._control = control
        self._lock = threading.Lock()
        self._read = False

    @property
    def pid(self) -> int:
        """The process id of the supervisor, which lives as long as the command."""
        return self._supervisor.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, the negative number of the signal that ended the command, or None."""
        return self._supervisor.poll()

    def poll(self) -> int | None:
        return self._supervisor.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit status at the end. Raises TimeoutExpired after `timeout` seconds."""
        return self._supervisor.wait(timeout)

    def lines(self) -> Iterator[str]:
        """Yields what the command prints, as it comes, without line ends, until the command has ended."""
        self._read = True
        for line in self._output:
            yield line.decode(errors="replace").rstrip("\r\n")
        self._output.close()

    def send_signal(self, number: int) -> None:
        """Signals the command's process group, if it has not ended."""
        with self._lock, contextlib.suppress(OSError):
            os.write(self._control, bytes([number]))

    def terminate(self, grace: float = GRACE_SECONDS) -> int:
        """Sends SIGTERM and, after `grace` seconds, SIGKILL. Returns the exit status at the end."""
        self.send_signal(signal.SIGTERM)
        try:
            return self.wait(grace)
        except subprocess.TimeoutExpired:
            self.send_signal(signal.SIGKILL)
            return self.wait()

    def kill(self) -> int:
        """Sends SIGKILL. Returns the exit status."""
        self.send_signal(signal.SIGKILL)
        return self.wait()

    def _release(self) -> None:
        with self._lock:
            if self._control >= 0:
                os.close(self._control)
                self._control = -1
        if not self._read:  # a reader gets the last lines and closes it then
            self._output.close()


class Processes:
    """Starts processes and stops them all. `folder` holds one record for each running process group."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._running: set[Process] = set()
        self._lock = threading.Lock()
        self._closed = False

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        keeps_orphans: bool = False,
    ) -> Process:
        """Starts `command` with exactly the environment `env`, and its mark.

        When it ends, all processes that it has started end as well; with `keeps_orphans`, only those that are
        still in its process group. A command that cannot be started prints the reason and ends with status
        127. Raises RuntimeError once localcloud is closing.
        """
        reading, writing = os.pipe()
        record = self._folder / uuid.uuid4().hex
        watch = [sys.executable, "-S", "-E", supervisor.__file__, reading, record, GRACE_SECONDS]
        watch.append(supervisor.KEEP if keeps_orphans else supervisor.KILL)
        try:
            with self._lock:
                if self._closed:
                    raise RuntimeError("localcloud is stopping")
                record.touch()  # before there is a process to be found by it
                child = subprocess.Popen(
                    [str(argument) for argument in (*watch, *command)],
                    env={**env, MARK: record.name},
                    cwd=cwd,
                    pass_fds=(reading,),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                process = Process(name, child, writing)
                self._running.add(process)
        except BaseException:
            os.close(writing)
            record.unlink(missing_ok=True)
            raise
        finally:
            os.close(reading)
        threading.Thread(target=_end_with, args=(child, record), daemon=True).start()
        return process

    def discard(self, process: Process) -> None:
        """Stops a process, if it still runs, and closes its pipes."""
        process.terminate()
        with self._lock:
            self._running.discard(process)
        process._release()

    def close(self) -> None:
        """Stops all processes at the same time. No more can be started."""
        with self._lock:
            self._closed = True
            running = list(self._running)
            self._running.clear()
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for process in running:
            process.terminate(max(0.0, deadline - time.monotonic()))
            process._release()


def stop_recorded(folder: Path) -> int:
    """Kills what a dead localcloud has recorded in `folder`. Returns how many commands still ran."""
    return sum(map(_stop, folder.glob("*") if folder.is_dir() else ()))


def _stop(record: Path) -> bool:
    """Kills what is left of a command whose supervisor was killed. Returns whether anything was.

    Its process group, if the first process is still the recorded one, by id and start time; and all processes
    with its mark: when the first process is gone as well, or for those that left the group. Who removes a
    record has ended its command, so one that has just been removed needs nothing.
    """
    try:
        pid, _, started = record.read_text().partition(" ")
    except FileNotFoundError:
        return False
    lives = bool(pid.isdigit() and started and supervisor.start_time(int(pid)) == started)
    if lives:
        supervisor.signal_group(int(pid), signal.SIGKILL)
    left = _kill_marked(record.name)
    record.unlink(missing_ok=True)
    return lives or left


def _kill_marked(mark: str) -> bool:
    """Kills the processes with a mark, until none is left that another one has just started."""
    deadline = time.monotonic() + GRACE_SECONDS
    found = marked = _marked(mark)
    while found and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, max(0.0, deadline - time.monotonic()))
        found = _marked(mark)
    return bool(marked)


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # another user's, or one that has just ended
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _end_with(child: subprocess.Popen[bytes], record: Path) -> None:
    """Kills what a supervisor has left that was killed itself: the others remove their records."""
    child.wait()
    _stop(record)
