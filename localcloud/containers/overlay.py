"""Packages for one container alone, on top of the interpreter that all containers share."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def install_requirements(requirements: Path, folder: Path) -> Path:
    """Installs a requirements.txt into a virtual environment in `folder` that also sees this interpreter's
    packages.

    Returns the environment's interpreter. Raises subprocess.CalledProcessError, its `output` what pip
    printed.
    """
    environment = venv.EnvBuilder(with_pip=True)
    environment.create(folder)
    python = folder / "bin" / "python"
    variables = {"base": str(folder), "platbase": str(folder)}
    own_packages = Path(sysconfig.get_path("purelib", "venv", variables))
    # After the environment's own folder in sys.path, so that what the requirements pin wins.
    (own_packages / "shared.pth").write_text("\n".join(path for path in sys.path if "-packages" in path))
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = []
    assert pip.stdout is not None
    for line in pip.stdout:
        print(line, end="", flush=True)
        output.append(line)
    if pip.wait():
        raise subprocess.CalledProcessError(pip.returncode, command, "".join(output))
    return python
