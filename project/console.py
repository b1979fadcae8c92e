"""Output of the steps: a headline for each, then lines about what was read and written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# https://no-color.org: any value but an empty one. A dumb terminal would show the codes as text.
_COLOURED = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _styled(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m" if _COLOURED else text


def step(title: str) -> None:
    """Print the headline of a step."""
    _print(_styled(f"\n== {title}", "1;36"))


def say(text: str) -> None:
    """Print a line below the headline."""
    _print(f"   {text}")


def log_line(text: str) -> None:
    """Print a line of a job's log, set apart from our own."""
    _print(_styled(f"   | {text}", "2"))


def _print(text: str) -> None:
    """Print a line; escape what the terminal cannot show, such as a file's name in another encoding."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def shown(path: Path | str) -> str:
    """The path as the user would type it: relative if it is below the current folder."""
    path = Path(path)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
