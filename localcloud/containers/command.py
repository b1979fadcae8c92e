"""Executes the command of a container that has its own entry point, in a virtual environment of its own.

``python command.py COMMAND...`` with the container's folder (AWS: /opt/ml) in SAGEMAKER_BASE_DIR. Packages
that the command installs with pip go into the container's folder, because all containers share the
interpreter.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.containers.overlay import make_environment, use_environment
else:  # this runs as a script, beside it
    from overlay import make_environment, use_environment

COULD_NOT_START = 127


def main() -> int:
    """Execute the command in place of this process; return the exit status if that fails."""
    python = make_environment(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "packages"))
    use_environment(python)
    command = sys.argv[1:]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return COULD_NOT_START


if __name__ == "__main__":
    sys.exit(main())
