"""Make the virtual environments of the project by uv, exactly as the lock files pin them.

    python3 requirements/install.py [NAME ...] [--torch-index URL] [--this-python] [--folder FOLDER]

project (.venv) holds the project with all that it needs, sam (.venv-sam) the SAM CLI, scan (.venv-scan) what
looks for insecure code and writes bills of materials, toolkit (.venv-toolkit) AWS's own container toolkits,
serve (.venv-serve) what our own inference image holds, ray (.venv-ray) Ray Serve as AWS's container has it,
sdk3 (.venv-sdk3) version 3 of the SageMaker SDK, awscli (.venv-awscli) the AWS CLI.
What is up to date is left alone; of what is not, only the packages that changed are touched. Standard library
only, Python 3.8 or newer: it runs before anything else is installed.
"""

from __future__ import annotations

import argparse
import ast
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT / "requirements"
NEEDED_GIGABYTES = 5
SUPPORTED = "3.11 to 3.14"
SUPPORTED_RANGE = ">=3.11,<3.15"
FETCHED = "3.13"
"""The Python that uv is asked for where none is supported."""
OLDEST_UV = (0, 6)
NO_NETWORK = re.compile(r"error sending request|dns error|\(Connect\)|Failed to fetch|timed out", re.I)
OTHER_FILE = re.compile(r"Hash mismatch for `([^`]+)`")


class InstallError(Exception):
    """The message is the one line that the person reads."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the project's virtual environments.")
    parser.add_argument("names", nargs="*", default=["project", "sam", "scan"], metavar="NAME")
    parser.add_argument("--torch-index", default="", help="package index for torch (default: pip's own)")
    parser.add_argument("--this-python", action="store_true", help="fail if this Python is not supported")
    parser.add_argument("--folder", type=Path, help="where to make the one environment that is named")
    options = parser.parse_args()
    try:
        if options.this_python and not is_supported():
            version = ".".join(map(str, sys.version_info[:3]))
            raise InstallError(f"Python {SUPPORTED} is needed, this is {version} ({sys.executable})")
        environments = [Environment(name, options.torch_index, options.folder) for name in options.names]
        if not all(environment.is_current() for environment in environments):
            install(environments)
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}" if error.filename else f"{error}"
        print(f"error: the environments could not be made: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def is_supported() -> bool:
    """Whether the Python that runs this is one that the project runs on."""
    return (3, 11) <= sys.version_info[:2] <= (3, 14)


class Environment:
    """A virtual environment, and whether it holds what its lock files pin."""

    def __init__(self, name: str, torch_index: str = "", folder: Path | None = None) -> None:
        self.is_project = name == "project"
        self.folder = folder or PROJECT / (".venv" if self.is_project else f".venv-{name}")
        self.torch_index = torch_index
        self.locks = [REQUIREMENTS / f"{name}.lock"]
        if self.is_project:
            self.locks = [REQUIREMENTS / "lock.txt", *torch_locks(torch_index)]
        python = (sys.version_info[:3], sys.base_prefix) if is_supported() else "the one that uv finds"
        digest = hashlib.sha256(f"{python} {torch_index if self.is_project else ''}".encode())
        for file in [*self.locks, *([PROJECT / "pyproject.toml"] if self.is_project else [])]:
            digest.update(file.read_bytes())
        self.stamp = self.folder / ".installed"
        self.fingerprint = digest.hexdigest()

    def is_current(self) -> bool:
        return self.stamp.exists() and self.stamp.read_text() == self.fingerprint

    def make(self, uv: Uv, python: str) -> None:
        """Raises InstallError. The stamp comes last: without it, an environment is not taken for complete."""
        if self.stamp.exists():
            self.stamp.unlink()
        program = str(self.folder / "bin" / "python")
        if identity(program) != identity(python):
            shutil.rmtree(self.folder, ignore_errors=True)
            uv.run("venv", "--python", python, str(self.folder))
        install = ["pip", "install", "--python", program, "--no-deps", *uv.no_index]
        if self.is_project and self.torch_index and not uv.no_index:
            self._install_torch(uv, [*install, *pinned(self.locks[1])])
        uv.run(*install, "--exact", *pinned(*self.locks), *bytecode())
        if self.is_project:
            uv.run(*install, "--no-build-isolation", "--editable", str(PROJECT))
        self.stamp.write_text(self.fingerprint)

    def _install_torch(self, uv: Uv, install: list[str]) -> None:
        """From its own index; but first from where find-links point, since its build may lie on a disk."""
        if not (uv.settings.get("UV_FIND_LINKS") and uv.succeeds(*install, "--no-index")):
            uv.run(*install, "--default-index", self.torch_index, hint="; TORCH_INDEX names torch's index")


def bytecode() -> list[str]:
    """Whether uv compiles all modules, which takes about a minute.

    Python does so by itself as they are imported, but not where PYTHONDONTWRITEBYTECODE is set: there each
    start of a program would compile them again.
    """
    return ["--compile-bytecode"] if os.environ.get("PYTHONDONTWRITEBYTECODE") else []


def torch_locks(index: str) -> list[Path]:
    """Those of torch's CPU build for Linux, or of the build that PyPI has for this machine."""
    on_cpu = sys.platform == "linux" and index.rstrip("/").endswith("cpu")
    names = ["torch-cpu.lock"] if on_cpu else ["torch.lock", "torch-cuda.lock"]
    return [REQUIREMENTS / name for name in names]


def pinned(*locks: Path) -> list[str]:
    return ["--require-hashes", *(word for lock in locks for word in ("--requirement", str(lock)))]


def identity(python: str) -> str:
    """Version and place of an interpreter; empty if it does not run."""
    try:
        ask = [python, "-c", "import sys; print(sys.version, sys.base_prefix)"]
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


class Uv:
    """The uv that installs: the one on the PATH, or the pinned one in .venv-uv, which pip puts there.

    `settings` are pip's, as uv's environment variables. What is set for uv itself comes first.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        pip = pip_settings()
        self.no_index = ["--no-index"] if is_true(pip.get("no-index", "")) else []
        self.settings = dict(os.environ)
        for name, value in uv_settings(pip).items():
            if not (name.startswith("UV_") and name in os.environ):
                self.settings[name] = value
        found = shutil.which("uv")
        self.program = found if found and version(found) >= OLDEST_UV else self._own()

    def _own(self) -> str:
        folder, lock = PROJECT / ".venv-uv", REQUIREMENTS / "uv.lock"
        stamp, digest = folder / ".installed", hashlib.sha256(lock.read_bytes()).hexdigest()
        program = folder / "bin" / "uv"
        if not (stamp.exists() and stamp.read_text() == digest and version(str(program))):
            shutil.rmtree(folder, ignore_errors=True)
            self._call([sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
            self._call([*pip, "--no-deps", "--only-binary", ":all:", *pinned(lock)])
            stamp.write_text(digest)
        return str(program)

    def run(self, *arguments: str, hint: str = "") -> None:
        """Raises InstallError."""
        self._call([self.program, *arguments], hint)

    def succeeds(self, *arguments: str) -> bool:
        try:
            self.run(*arguments)
        except InstallError:
            return False
        return True

    def _call(self, command: list[str], hint: str = "") -> None:
        """Run a command into the log, and print what it says of its progress."""
        output = ""
        process = subprocess.Popen(
            command,
            env=self.settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        with self.log.open("a") as log, process:
            for line in process.stdout:
                log.write(line)
                output += line
                if line.startswith(("Downloading", "Prepared", "Installed", "Uninstalled")):
                    print(f"  {line.strip()}", flush=True)
        if process.returncode:
            where = os.path.relpath(self.log, PROJECT)
            raise InstallError(f"{reason(output, hint)}; full log: {where}")

    def find_python(self) -> str:
        """A supported Python: the one that runs this, another one, or one that uv fetches.

        Raises InstallError.
        """
        if is_supported():
            return sys.executable
        find = [self.program, "python", "find", "--system", SUPPORTED_RANGE]
        found = subprocess.run(find, env=self.settings, capture_output=True, text=True, check=False)
        if found.returncode:
            print(f"  No Python {SUPPORTED} is here; uv fetches {FETCHED}", flush=True)
            try:
                self.run("python", "install", FETCHED)
            except InstallError as error:
                raise InstallError(
                    f"Python {SUPPORTED} is needed, none is here, and uv could not fetch one: {error}; "
                    "install one, or name it: make PYTHON=/path/to/python3.13"
                ) from error
            found = subprocess.run(find, env=self.settings, capture_output=True, text=True, check=True)
        return found.stdout.strip()


def reason(output: str, hint: str) -> str:
    """What went wrong, of what uv or pip printed, in one line."""
    if "No space left on device" in output:
        return f"the disk is full: the environments need about {NEEDED_GIGABYTES} GB"
    if names := sorted(set(OTHER_FILE.findall(output))):
        return f"the package index has another file for {', '.join(names)} than the lock file pins{hint}"
    if NO_NETWORK.search(output):
        return f"the package index cannot be reached: check the network and pip's settings{hint}"
    if "ensurepip is not available" in output:
        return "this Python has no venv module: install its package (Debian: python3-venv), or uv"
    errors = [line.strip() for line in output.splitlines() if re.match(r"error|ERROR|\s+(cause:|[×╰])", line)]
    return errors[-1] if errors else "uv failed"


def version(uv: str) -> tuple[int, ...]:
    """Of a uv, empty if it does not run."""
    try:
        said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", said)[:3])


def pip_settings() -> dict[str, str]:
    """What pip's files and variables set, by option; where there is no pip, its variables alone."""
    listed = ""
    for folder in (Path(sys.prefix), Path(sys.base_prefix), PROJECT / ".venv-uv"):
        python = folder / "bin" / "python3"
        ask = [str(python), "-m", "pip", "config", "list"]
        if not listed and python.exists():
            listed = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for section, option, value in re.findall(r"^(global|install|:env:)\.([\w-]+)=(.*)$", listed, re.M):
        found[section][option] = ast.literal_eval(value)
    for name, value in os.environ.items():
        if name.startswith("PIP_") and value:
            found[":env:"][name[4:].lower().replace("_", "-")] = value
    return {**found["global"], **found["install"], **found[":env:"]}


def uv_settings(pip: dict[str, str]) -> dict[str, str]:
    """pip's settings as variables of uv: indexes, find-links, certificates, proxy, timeout."""
    several = {"UV_INDEX": "extra-index-url", "UV_INSECURE_HOST": "trusted-host"}
    single = {
        "UV_DEFAULT_INDEX": "index-url",
        "SSL_CERT_FILE": "cert",
        "SSL_CLIENT_CERT": "client-cert",
        "HTTP_PROXY": "proxy",
        "HTTPS_PROXY": "proxy",
        "UV_HTTP_TIMEOUT": "default-timeout" if "default-timeout" in pip else "timeout",
    }
    settings = {name: pip[option] for name, option in single.items() if pip.get(option)}
    for name, option in several.items():
        if pip.get(option):
            settings[name] = " ".join(pip[option].split())
    if pip.get("find-links"):
        settings["UV_FIND_LINKS"] = ",".join(pip["find-links"].split())
    # As pip chooses: the best version of all indexes. Whichever it comes from, a file's hash must be right.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **settings}


def is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "t", "yes", "y", "on")


def check_disk() -> None:
    free = shutil.disk_usage(PROJECT).free / 1e9
    if free < NEEDED_GIGABYTES:
        raise InstallError(
            f"{free:.1f} GB of disk are free in {PROJECT}, about {NEEDED_GIGABYTES} GB are needed"
        )


def install(environments: list[Environment]) -> None:
    """Make what is not up to date, and wait where another process is just making it. Raises InstallError."""
    log = PROJECT / "build" / "setup.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stale := [environment for environment in environments if not environment.is_current()]:
            lock.truncate(0)
            _install(stale, log)


def _install(environments: list[Environment], log: Path) -> None:
    check_disk()
    print("Installing (once; about a minute):", flush=True)
    started = time.monotonic()
    uv = Uv(log)
    python = uv.find_python()
    for environment in environments:
        print(f"  {environment.folder.name}:", flush=True)
        environment.make(uv, python)
    print(f"  ready after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
