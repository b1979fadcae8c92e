"""Output of the steps: a headline for each, then lines about what was read and written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _styled(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if _COLOURED else text


def step(title: str) -> None:
    """Print the headline of a step."""
    print(_styled(f"\n== {title}", "1;36"), flush=True)


def say(text: str) -> None:
    """Print a line below the headline."""
    print(f"   {text}", flush=True)


def log_line(text: str) -> None:
    """Print a line of a job's log, set apart from our own."""
    print(_styled(f"   | {text}", "2"), flush=True)


def shown(path: Path | str) -> str:
    """The path as the user would type it: relative if it is below the current folder."""
    path = Path(path)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
