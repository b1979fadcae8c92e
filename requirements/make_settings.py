"""Check what was typed after `make` before anything is installed: make_settings.py MAKEFILE NAME=VALUE ...

make itself takes any NAME=VALUE, and a misspelled one would change nothing. Standard library only: it runs
before anything else is installed.
"""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path

PORTS = ("PORT", "WEB_PORT", "MLFLOW_PORT")


def main(makefile: str, *given: str) -> int:
    names = re.findall(r"^([A-Z_]+) *[?:]?=", Path(makefile).read_text(encoding="utf-8"), re.M)
    for pair in given:
        name, _, value = pair.partition("=")
        if name not in names:
            near = difflib.get_close_matches(name.upper(), names, 1)
            hint = f"did you mean {near[0]}?" if near else "a bare `make` lists the names"
            return fail(f"there is no setting {name}; {hint}")
        if name in PORTS and not (value.isdecimal() and 0 < int(value) < 65536):
            return fail(f"{name}={value} is not a port: a number from 1 to 65535")
    return 0


def fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
