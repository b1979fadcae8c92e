"""Move data that cannot be reproduced from build/, where earlier versions kept it, to var/.

`make clean`, which deletes build/ but not var/, runs `python project/persistent.py BUILD VAR`. Standard
library only, since the virtual environment may have been deleted already.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

# Names below var/, and where earlier versions kept each below build/.
EARLIER_PLACES = {"mlflow": "mlflow", "feedback": "selfhost/feedback"}


def move_to_var(build: Path, var: Path, names: Iterable[str] = tuple(EARLIER_PLACES)) -> Iterator[str]:
    """Move each folder to var/, with a number if that name is taken; yield a message for each.

    Raises OSError.
    """
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
    """Move the folders. Returns the exit status; errors are one line on standard error."""
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
