"""Write the lock files anew: the newest versions that pyproject.toml and sam.in allow, with their hashes.

demo.txt is the part of lock.txt that `make demo` needs. The locks hold for Python 3.11 and 3.12 on Linux and
macOS. torch is left out: its build depends on the machine, so install.py takes it from an index of its own;
with it go the CUDA packages that only its GPU build needs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DEMO_EXTRAS = ("data", "pipeline", "localcloud", "onnx")
ONLY_WITH_TORCH_ON_GPU = re.compile(r"^((?:nvidia|cuda)-[a-z0-9-]+|triton)==", re.M)


def compile_lock(uv: Path, output: str, *arguments: str) -> str:
    command = [uv, "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", "3.11"]
    subprocess.run(
        [*command, "--generate-hashes", "--no-header", "--output-file", output, *arguments],
        cwd=PROJECT,
        check=True,
    )
    return (PROJECT / output).read_text()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", "uv"], check=True)
        uv = Path(folder, "bin", "uv")
        compile_lock(uv, "requirements/sam.lock", "requirements/sam.in")
        project = ["--all-extras", "--no-emit-package", "torch", "pyproject.toml"]
        lock = compile_lock(uv, "requirements/lock.txt", *project)
        unwanted = sorted(set(ONLY_WITH_TORCH_ON_GPU.findall(lock)))
        left_out = [argument for name in unwanted for argument in ("--no-emit-package", name)]
        compile_lock(uv, "requirements/lock.txt", *left_out, *project)
        extras = [argument for extra in DEMO_EXTRAS for argument in ("--extra", extra)]
        pins = ["--constraint", "requirements/lock.txt", "--no-emit-package", "torch", *left_out]
        compile_lock(uv, "requirements/demo.txt", *pins, *extras, "pyproject.toml")


if __name__ == "__main__":
    main()
