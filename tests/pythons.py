"""Run the fast tests on the other supported Pythons of this machine: `python tests/pythons.py`.

Each gets an environment of its own (.venv-3.13), from the same lock files. A line says which is skipped,
because it is not here or because its environment cannot be made (there may be no build of torch at hand).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the fast tests on other Pythons.")
    parser.add_argument("--torch-index", default="")
    options = parser.parse_args()
    own = "{}.{}".format(*sys.version_info)
    return max(run(version, options.torch_index) for version in SUPPORTED if version != own)


def run(version: str, torch_index: str) -> int:
    """The exit status of the fast tests on this version, 0 where they cannot be run."""
    python = find(version)
    if python is None:
        print(f"skipped: Python {version} is not on this machine", flush=True)
        return 0
    print(f"The fast tests on Python {version} ({python}):", flush=True)
    folder = PROJECT / f".venv-{version}"
    install = [python, PROJECT / "requirements" / "install.py", "project", "--this-python"]
    install += ["--folder", folder, "--torch-index", torch_index]
    made = subprocess.run(install, stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        print(f"skipped: Python {version}: {made.stderr.strip()}", flush=True)
        return 0
    tests = ["-m", "pytest", "-q", "-n", "2", "-m", "not slow", "tests/unit"]
    return subprocess.run([folder / "bin" / "python", *tests], cwd=PROJECT, check=False).returncode


def find(version: str) -> str | None:
    """A Python of this version, on the PATH or among pyenv's, of which only the chosen ones run by name."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    for program in (shutil.which(f"python{version}"), *map(str, reversed(installed))):
        if program and is_version(program, version):
            return program
    return None


def is_version(program: str, version: str) -> bool:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return bool(re.match(rf"Python {re.escape(version)}\.", done.stdout))


if __name__ == "__main__":
    sys.exit(main())
