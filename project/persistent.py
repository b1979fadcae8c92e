"""Move what cannot be made again out of build/, where it once lay: `python project/persistent.py BUILD VAR`.

`make clean`, which deletes build/ and leaves var/, runs it as a program. Standard library only: the virtual
environment may be gone already.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

# Names below var/, and where each once lay below build/.
EARLIER_PLACES = {"mlflow": "mlflow", "feedback": "selfhost/feedback"}


def move_to_var(build: Path, var: Path, names: Iterable[str] = tuple(EARLIER_PLACES)) -> Iterator[str]:
    """Move each to its place, or beside what is there already; yields a line to tell about each."""
    for name in names:
        old = build / EARLIER_PLACES[name]
        if not old.is_dir():
            continue
        var.mkdir(parents=True, exist_ok=True)
        place, number = var / name, 1
        while place.exists():
            number += 1
            place = var / f"{name}-{number}"
        shutil.move(old, place)
        yield f"moved {old} to {place}, for it cannot be made again"


def main(arguments: list[str]) -> int:
    build, var = map(Path, arguments)
    try:
        for line in move_to_var(build, var):
            print(line, flush=True)
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}; nothing was deleted", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
