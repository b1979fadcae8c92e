"""How the steps speak to the person who runs them: a headline, then what was read and written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _styled(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if _COLOURED else text


def step(title: str) -> None:
    _print(_styled(f"\n== {title}", "1;36"))


def say(text: str) -> None:
    _print(f"   {text}")


def log_line(text: str) -> None:
    """A line that a job wrote, set apart from our own."""
    _print(_styled(f"   | {text}", "2"))


def _print(text: str) -> None:
    """Print a line; what the terminal cannot show, such as a file's name in another encoding, is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def shown(path: Path | str) -> str:
    """The path as the person would type it: relative where it lies below the current folder."""
    path = Path(path)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
