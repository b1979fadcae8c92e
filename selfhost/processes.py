"""The programs that `make selfhost` and `make notebook` start: each on a leash, its output in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from selfhost import PROJECT, leash

GRACE_SECONDS = 10.0
"""Between asking a program to end and ending it."""


class Program:
    """A running command that does not outlive this process. Without a `log` it prints where we do."""

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
                    [sys.executable, "-S", "-E", leash.__file__, str(reading), str(grace), *command],
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

    def release(self) -> None:
        """Ask it to end; `wait` says when it has."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        if self.log is None:
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
