"""Child processes that do not outlive this one, such as servers and trainings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from project import supervise
from project.paths import PROJECT

GRACE_SECONDS = 10.0
"""The time between SIGTERM and SIGKILL."""


class Program:
    """A running command that ends when this process ends, for whatever reason (supervise.py).

    It runs in `folder`. Its output goes to the file `log`, or to this process's output. `grace` is the time
    in seconds that it has to end after SIGTERM.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None = None,
        grace: float = GRACE_SECONDS,
        folder: Path = PROJECT,
    ):
        self.name, self.log = name, log
        reading, self._writing = os.pipe()
        try:
            if log is not None:
                log.parent.mkdir(parents=True, exist_ok=True)
            with open(log or os.devnull, "wb") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-S", "-E", supervise.__file__, str(reading), str(grace), *command],
                    cwd=folder,
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output if log else None,
                    stderr=subprocess.STDOUT if log else None,
                    pass_fds=(reading,),
                    start_new_session=True,
                )
        finally:
            os.close(reading)

    def poll(self) -> int | None:
        """The exit status, or None while the command runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait for the command to end, and return its exit status."""
        return self._process.wait()

    def stop(self) -> None:
        """Ask the command to end, without waiting for it."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def last_lines(self, count: int = 15) -> str:
        """The last lines of the log; empty without one."""
        if self.log is None:
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
