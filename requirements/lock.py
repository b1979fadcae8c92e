"""Write the lock files anew: the newest versions that pyproject.toml and the .in files allow, with hashes.

demo.txt is the part of lock.txt that `make demo` needs. The locks hold for Python 3.11 and 3.12 on Linux and
macOS. torch has locks of its own, since its build depends on the machine: torch.lock has the hashes of both
indexes that it may come from, torch-cuda.lock the packages that only its GPU build needs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT / "requirements"
DEMO_EXTRAS = ("data", "pipeline", "localcloud", "onnx")
ONLY_WITH_TORCH_ON_GPU = re.compile(r"^((?:nvidia|cuda)-[a-z0-9-]+|triton)==", re.M)
TORCH_INDEXES = ("https://pypi.org/simple/torch/", "https://download.pytorch.org/whl/cpu/torch/")
TORCH_FILE = re.compile(
    r'href="[^"]*/(torch-(?P<version>\d[\d.]*)(?:(?:%2B|\+)cpu)?-cp31[12]-cp31[12]-'
    r'(?:manylinux\w+_(?:x86_64|aarch64)|macosx\w+)\.whl)#sha256=(?P<hash>[0-9a-f]{64})"'
)


def compile_lock(uv: Path, output: str, *arguments: str) -> str:
    command = [uv, "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", "3.11"]
    subprocess.run(
        [*command, "--generate-hashes", "--no-header", "--output-file", output, *arguments],
        cwd=PROJECT,
        check=True,
    )
    return (PROJECT / output).read_text()


def torch_files(pages: list[str], wanted: Requirement) -> tuple[str, dict[str, str]]:
    """The newest version of torch that every index page offers, and its files with their SHA-256."""
    offered = [[match.group("version", 1, "hash") for match in TORCH_FILE.finditer(page)] for page in pages]
    common = set.intersection(*({version for version, _, _ in files} for files in offered))
    version = max(wanted.specifier.filter(common), key=Version)
    found = {file: digest for files in offered for of, file, digest in files if of == version}
    return version, {file.replace("%2B", "+"): found[file] for file in sorted(found)}


def torch_lock(version: str, files: dict[str, str]) -> str:
    names = "".join(f"#   {name}\n" for name in files)
    hashes = " \\\n".join(f"    --hash=sha256:{digest}" for digest in files.values())
    return (
        "# From PyPI, or (+cpu, and macOS's) from https://download.pytorch.org/whl/cpu; the hashes are of:\n"
        f"{names}torch=={version} \\\n{hashes}\n"
    )


def write_torch_locks(uv: Path, scratch: Path) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    [wanted] = [each for each in map(Requirement, project["dependencies"]) if each.name == "torch"]
    pages = []
    for address in TORCH_INDEXES:
        with urllib.request.urlopen(address, timeout=60) as answer:
            pages.append(answer.read().decode())
    version, files = torch_files(pages, wanted)
    (REQUIREMENTS / "torch.lock").write_text(torch_lock(version, files))
    (scratch / "torch.in").write_text(f"torch=={version}\n")
    pins = ["--constraint", "requirements/lock.txt", str(scratch / "torch.in")]
    (REQUIREMENTS / "torch-cuda.lock").write_text(
        cuda_part(compile_lock(uv, str(scratch / "torch.lock"), *pins))
    )


def cuda_part(lock: str) -> str:
    """The entries of the packages that only torch's GPU build needs."""
    return "".join(
        entry for entry in re.split(r"^(?=[^\s#])", lock, flags=re.M) if ONLY_WITH_TORCH_ON_GPU.match(entry)
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", "uv"], check=True)
        uv = Path(folder, "bin", "uv")
        for name in ("sam", "scan"):
            compile_lock(uv, f"requirements/{name}.lock", f"requirements/{name}.in")
        project = ["--all-extras", "--no-emit-package", "torch", "pyproject.toml"]
        lock = compile_lock(uv, "requirements/lock.txt", *project)
        unwanted = sorted(set(ONLY_WITH_TORCH_ON_GPU.findall(lock)))
        left_out = [argument for name in unwanted for argument in ("--no-emit-package", name)]
        compile_lock(uv, "requirements/lock.txt", *left_out, *project)
        extras = [argument for extra in DEMO_EXTRAS for argument in ("--extra", extra)]
        pins = ["--constraint", "requirements/lock.txt", "--no-emit-package", "torch", *left_out]
        compile_lock(uv, "requirements/demo.txt", *pins, *extras, "pyproject.toml")
        write_torch_locks(uv, Path(folder))


if __name__ == "__main__":
    main()
