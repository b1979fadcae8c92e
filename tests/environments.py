"""Environments that tests alone need: made where they are first wanted, and kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def interpreter(name: str, needs: str = "") -> Path:
    """The interpreter of an environment of requirements/install.py, made anew when its lock changes.

    The variable <NAME>_VENV has it elsewhere. Where it cannot be made, the test is skipped, in CI it fails;
    `needs` says what making it takes.
    """
    folder = Path(os.environ.get(f"{name.upper()}_VENV", PROJECT / f".venv-{name}"))
    command = [sys.executable, PROJECT / "requirements" / "install.py", name, "--folder", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = f"the environment {name} cannot be made{needs}:\n{done.stderr[-2000:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder / "bin" / "python"
