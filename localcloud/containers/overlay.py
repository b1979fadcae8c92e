"""Packages for one container alone, on top of the interpreter that all containers share."""

import importlib.util
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def make_environment(folder: Path) -> Path:
    """Makes a virtual environment that also sees this interpreter's packages, pip among them.

    Returns the environment's interpreter.
    """
    has_pip = importlib.util.find_spec("pip") is not None  # then the new one need not be given its own
    venv.EnvBuilder(symlinks=True, with_pip=not has_pip).create(folder)
    python = folder / "bin" / "python"
    variables = {"base": str(folder), "platbase": str(folder)}
    own_packages = Path(sysconfig.get_path("purelib", "venv", variables))
    # After the environment's own folder in sys.path, so that what is installed into it wins.
    (own_packages / "shared.pth").write_text("\n".join(path for path in sys.path if "-packages" in path))
    for name in ("pip", "pip3"):
        script = python.with_name(name)
        script.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n')
        script.chmod(0o755)
    return python


def install_requirements(requirements: Path, folder: Path) -> Path:
    """Installs a requirements.txt into a virtual environment in `folder` that also sees this interpreter's
    packages, unless that has been done before.

    Returns the environment's interpreter. Raises subprocess.CalledProcessError, its `output` what pip
    printed.
    """
    installed = folder / "installed"
    if installed.exists():
        return folder / "bin" / "python"
    python = make_environment(folder)
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = []
    assert pip.stdout is not None
    for line in pip.stdout:
        print(line, end="", flush=True)
        output.append(line)
    if pip.wait():
        raise subprocess.CalledProcessError(pip.returncode, command, "".join(output))
    installed.touch()
    return python
