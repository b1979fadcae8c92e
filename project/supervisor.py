"""Child processes that do not outlive this one: servers and trainings that the project's commands start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from project import supervise
from project.paths import PROJECT

GRACE_SECONDS = 10.0
"""Between asking a program to end and killing it."""


class Program:
    """A running command that ends when this process does, however that happens (supervise.py).

    Its output goes to the file `log`, or where ours goes without one. `grace` is the time in seconds that it
    has to end by itself.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None = None,
        grace: float = GRACE_SECONDS,
    ):
        self.name, self.log = name, log
        reading, self._writing = os.pipe()
        try:
            if log is not None:
                log.parent.mkdir(parents=True, exist_ok=True)
            with open(log or os.devnull, "wb") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-S", "-E", supervise.__file__, str(reading), str(grace), *command],
                    cwd=PROJECT,
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
        """The exit status; None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        return self._process.wait()

    def stop(self) -> None:
        """Ask it to end; `wait` says when it has."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        if self.log is None:
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
