"""Installs the lock files of an image into a virtual environment, and prints its interpreter.

``python image_environment.py FOLDER LOCK...``. If this interpreter has every pinned package in the pinned
version, it is used instead, and nothing is downloaded.
"""

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.containers.overlay import install_requirements
else:  # this runs as a script, beside it
    from overlay import install_requirements


def has(lock: Path) -> bool:
    """Whether this interpreter has what a lock file pins."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return False  # pip will tell
    for line in lock.read_text(encoding="utf-8").splitlines():
        if not line[:1].isalnum():
            continue
        requirement = Requirement(line.rstrip("\\ "))
        if requirement.marker and not requirement.marker.evaluate():
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            return False
        if not requirement.specifier.contains(found, prereleases=True):
            return False
    return True


def main() -> None:
    folder, locks = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    python = Path(sys.executable)
    if missing := [lock for lock in locks if not has(lock)]:
        together = folder.with_suffix(".lock")
        together.write_text("".join(lock.read_text(encoding="utf-8") for lock in missing), encoding="utf-8")
        try:
            python = install_requirements(together, folder)
        except subprocess.CalledProcessError as error:
            errors = [line for line in error.output.splitlines() if line.startswith("ERROR")]
            sys.exit(errors[0] if errors else "pip failed")
    print(python)


if __name__ == "__main__":
    main()
