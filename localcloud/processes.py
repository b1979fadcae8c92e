"""Every process that localcloud starts - training jobs, model servers, function runtimes - starts here.

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

from localcloud import supervisor

GRACE_SECONDS = 3.0
"""Between SIGTERM and SIGKILL when localcloud itself ends."""


class Process:
    """A running command. Its standard output and error come merged, line by line, from `lines()`."""

    def __init__(self, name: str, supervisor_process: subprocess.Popen[bytes], control: int):
        self.name = name
        self._supervisor = supervisor_process
        self._control = control
        self._lock = threading.Lock()
        self._read = False

    @property
    def pid(self) -> int:
        """The supervisor's process id; it lives exactly as long as the command."""
        return self._supervisor.pid

    @property
    def returncode(self) -> int | None:
        """The command's exit status, minus the signal's number if one ended it, None while it runs."""
        return self._supervisor.poll()

    def poll(self) -> int | None:
        return self._supervisor.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end; raises subprocess.TimeoutExpired when `timeout` seconds did not do."""
        return self._supervisor.wait(timeout)

    def lines(self) -> Iterator[str]:
        """What the command prints, as it comes, without line ends; stops when the command has ended."""
        self._read = True
        for line in self._supervisor.stdout:
            yield line.decode(errors="replace").rstrip("\r\n")
        self._supervisor.stdout.close()

    def send_signal(self, number: int) -> None:
        """Signals the command's whole process group; does nothing when it has ended."""
        with self._lock, contextlib.suppress(OSError):
            os.write(self._control, bytes([number]))

    def terminate(self, grace: float = GRACE_SECONDS) -> int:
        """SIGTERM, then after `grace` seconds SIGKILL; returns the exit status when the group has ended."""
        self.send_signal(signal.SIGTERM)
        try:
            return self.wait(grace)
        except subprocess.TimeoutExpired:
            self.send_signal(signal.SIGKILL)
            return self.wait()

    def kill(self) -> int:
        """SIGKILL; returns the exit status."""
        self.send_signal(signal.SIGKILL)
        return self.wait()

    def _release(self) -> None:
        with self._lock:
            if self._control >= 0:
                os.close(self._control)
                self._control = -1
        if not self._read:  # a reader still gets the last lines, then closes it itself
            self._supervisor.stdout.close()


class Processes:
    """Starts processes and stops them all. `folder` holds one record per living process group."""

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
    ) -> Process:
        """Starts `command` with exactly the environment `env`.

        A command that cannot be started prints why and ends with status 127.
        Raises RuntimeError once localcloud is closing.
        """
        reading, writing = os.pipe()
        record = self._folder / uuid.uuid4().hex
        watch = [sys.executable, "-S", "-E", supervisor.__file__, reading, record, GRACE_SECONDS]
        try:
            with self._lock:
                if self._closed:
                    raise RuntimeError("localcloud is stopping")
                child = subprocess.Popen(
                    [str(argument) for argument in (*watch, *command)],
                    env=dict(env),
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
            raise
        finally:
            os.close(reading)
        return process

    def discard(self, process: Process) -> None:
        """Stops a process if it still runs and forgets it, its pipes included."""
        process.terminate()
        with self._lock:
            self._running.discard(process)
        process._release()

    def close(self) -> None:
        """Stops all of them, side by side, and lets no more start."""
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
    """Kills the process groups that a dead localcloud left recorded in `folder`; returns how many.

    A group is touched only if its first process still is the one recorded (same id and same start time).
    """
    stopped = 0
    for record in folder.glob("*") if folder.is_dir() else ():
        pid, _, started = record.read_text().partition(" ")
        if pid.isdigit() and started and supervisor.start_time(int(pid)) == started:
            supervisor.signal_group(int(pid), signal.SIGKILL)
            stopped += 1
        record.unlink(missing_ok=True)
    return stopped
