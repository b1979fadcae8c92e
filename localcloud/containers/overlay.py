"""Installs packages for a single container, on top of the interpreter that all containers share."""

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

SHARED = "shared.pth"
HASH = "--hash="
SHEBANG_BYTES = 1024
OTHER_FILE = re.compile(r"^[-.]|/|\.(whl|zip|tar\.gz)\b")
"""In a line of requirements.txt: an option, or the place of a file."""


def make_environment(folder: Path) -> Path:
    """Makes a virtual environment that also sees this interpreter's packages, and pip.

    Returns the environment's interpreter.
    """
    shared = [path for path in sys.path if "-packages" in path]
    kept = os.environ.get("LOCALCLOUD_PACKAGES")
    lacks_pip = importlib.util.find_spec("pip") is None  # as in the environments that uv makes
    venv.EnvBuilder(symlinks=True, with_pip=lacks_pip and not kept).create(folder)
    if lacks_pip and kept:
        shared.append(str(_packages_of(_kept_pip(Path(kept)))))
    python = folder / "bin" / "python"
    # After the environment's own folder in sys.path, so that what is installed into it wins.
    (_packages_of(folder) / SHARED).write_text("\n".join(shared))
    for name in ("pip", "pip3"):
        script = python.with_name(name)
        script.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n')
        script.chmod(0o755)
    return python


def use_environment(python: Path) -> None:
    """Makes the commands of an environment, given by its interpreter, those that this process starts.

    The commands of the packages that all containers share, as torchrun, run in it as well: they would start
    an interpreter that lacks what is installed for this container.
    """
    shared = Path(sys.executable).parent
    for command in shared.iterdir():
        own = python.with_name(command.name)
        if not own.exists() and _is_run_by(command, shared):
            own.write_text(f'#!/bin/sh\nexec "{python}" "{command}" "$@"\n')
            own.chmod(0o755)
    os.environ["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"


def install_requirements(requirements: Path, folder: Path) -> Path:
    """Makes a virtual environment in `folder` with the packages of a requirements.txt, unless it exists.

    The packages are kept in the folder LOCALCLOUD_PACKAGES for other containers with the same file. Anything
    else that this container installs goes into its own environment. Returns the environment's interpreter.
    Raises subprocess.CalledProcessError with pip's output.
    """
    installed, python = folder / "installed", folder / "bin" / "python"
    if installed.exists():
        return python
    make_environment(folder)
    kept = os.environ.get("LOCALCLOUD_PACKAGES")
    if kept and _is_reproducible(requirements):
        _use(_kept_environment(requirements, Path(kept)), folder)
    else:
        _pip_install(python, requirements)
    installed.touch()
    return python


def _is_reproducible(requirements: Path) -> bool:
    """Whether a requirements.txt names only packages of an index, and no other files, which might change."""
    lines = [line.strip() for line in requirements.read_text(errors="replace").splitlines()]
    return not any(OTHER_FILE.search(line) for line in lines if not line.startswith(HASH))


def _kept_environment(requirements: Path, kept: Path) -> Path:
    """The environment for all containers with this requirements.txt, made by the first of them."""

    def make(folder: Path) -> None:
        _pip_install(make_environment(folder), requirements)

    folder, is_new = _made_once(kept, requirements.read_bytes(), make)
    if not is_new:
        print("The packages of an earlier container with this requirements.txt are used", flush=True)
    return folder


def _kept_pip(kept: Path) -> Path:
    """An environment with this Python's pip, for all containers: to install it takes seconds."""
    folder, _ = _made_once(kept, b"pip alone", venv.EnvBuilder(symlinks=True, with_pip=True).create)
    return folder


def _made_once(kept: Path, key: bytes, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """The folder below `kept` for this key and interpreter, and whether it was made just now."""
    digest = hashlib.sha256(f"{sys.version}\n{sys.prefix}\n".encode() + key).hexdigest()
    folder = kept / digest[:32]
    kept.mkdir(exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "installed").exists():
            return folder, False
        shutil.rmtree(folder, ignore_errors=True)  # of a container that was ended while it installed
        make(folder)
        (folder / "installed").touch()
    return folder, True


def _use(kept: Path, folder: Path) -> None:
    """Adds the packages and commands of another environment to that in `folder`, after its own."""
    shared = _packages_of(folder) / SHARED
    shared.write_text(f"import site; site.addsitedir({str(_packages_of(kept))!r})\n{shared.read_text()}")
    for command in (kept / "bin").iterdir():
        own = folder / "bin" / command.name
        if not own.exists():
            own.symlink_to(command)


def _pip_install(python: Path, requirements: Path) -> None:
    # Looking for conflicts with this interpreter's packages takes seconds, and AWS's container has others.
    options = ("--disable-pip-version-check", "--no-warn-conflicts")
    command = [str(python), "-m", "pip", "install", *options, "-r", str(requirements)]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = []
    assert pip.stdout is not None
    for line in pip.stdout:
        print(line, end="", flush=True)
        output.append(line)
    if pip.wait():
        raise subprocess.CalledProcessError(pip.returncode, command, "".join(output))


def _is_run_by(command: Path, interpreters: Path) -> bool:
    """Whether a command is a script of an interpreter in a folder; the second line has long paths of it."""
    if not command.is_file():
        return False
    with command.open("rb") as file:
        head = file.read(SHEBANG_BYTES)
    return head.startswith(b"#!") and os.fsencode(interpreters / "python") in b"\n".join(
        head.split(b"\n")[:2]
    )


def _packages_of(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
