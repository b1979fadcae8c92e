"""Create the project's virtual environments by uv, exactly as the lock files pin them.

    python3 requirements/install.py [NAME ...] [--torch-index URL] [--this-python] [--folder FOLDER]

"project" (.venv) is for the project with everything that it needs, "sam" (.venv-sam) for the SAM CLI, "scan"
(.venv-scan) for the security scanners and bills of materials, "toolkit" (.venv-toolkit) for AWS's container
toolkits, "serve" (.venv-serve) for the packages of our own inference image, "ray" (.venv-ray) for Ray Serve
as in AWS's container, "sdk3" (.venv-sdk3) for version 3 of the SageMaker SDK, "awscli" (.venv-awscli) for the
AWS CLI. An environment that is up to date is left alone; in others, only the packages that changed are
replaced. Needs only the standard library of Python 3.8 or newer, since it runs before anything else is
installed.
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
SUPPORTED = "3.11.4 to 3.14"
SUPPORTED_RANGE = ">=3.11.4,<3.15"
"""Older ones, such as Debian 12's 3.11.2, lack the filters by which tarfile unpacks safely (PEP 706)."""
FETCHED = "3.13"
"""The Python that uv downloads if no supported one is found."""
OLDEST_UV = (0, 6)
NO_NETWORK = re.compile(r"error sending request|dns error|\(Connect\)|Failed to fetch|timed out", re.I)
OTHER_FILE = re.compile(r"Hash mismatch for `([^`]+)`")
PIP_SOURCES = (
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "keyring-provider"),
    *("cert", "client-cert", "proxy", "timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir"),
)
"""The options of pip that say where packages come from, but not which ones, nor where they go (`user`)."""
UV_CONTENTS = {"UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_BUILD_CONSTRAINT", "UV_NO_EDITABLE"}
"""uv's variables that would change what is installed."""


class InstallError(Exception):
    """An environment cannot be made; the message is one line for the user."""


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
            raise InstallError(f"Python {SUPPORTED} is needed, but this is {version} ({sys.executable})")
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
    """Whether the Python that runs this is supported by the project."""
    return (3, 11, 4) <= sys.version_info[:3] < (3, 15)


class Environment:
    """A virtual environment with the packages of its lock files."""

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
        """Create or update the environment. Raises InstallError.

        The stamp is written last; without it, the environment counts as incomplete.
        """
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
            # Not by its path, in which uv takes some characters (#, %) for those of an address.
            uv.run(*install, "--no-build-isolation", "--editable", ".")
        self.stamp.write_text(self.fingerprint)

    def _install_torch(self, uv: Uv, install: list[str]) -> None:
        """Install torch from its own index, or from find-links, which may have a build on a disk."""
        if not (uv.settings.get("UV_FIND_LINKS") and uv.succeeds(*install, "--no-index")):
            uv.run(*install, "--default-index", self.torch_index, hint="; TORCH_INDEX names torch's index")


def bytecode() -> list[str]:
    """The option that lets uv compile all modules, which takes about a minute, if that is necessary.

    Usually, Python compiles modules when they are imported. If PYTHONDONTWRITEBYTECODE is set, it would
    compile them again at each start of a program.
    """
    return ["--compile-bytecode"] if os.environ.get("PYTHONDONTWRITEBYTECODE") else []


def torch_locks(index: str) -> list[Path]:
    """The lock files of torch's CPU build for Linux, or of PyPI's build for this machine."""
    on_cpu = sys.platform == "linux" and index.rstrip("/").endswith("cpu")
    names = ["torch-cpu.lock"] if on_cpu else ["torch.lock", "torch-cuda.lock"]
    return [REQUIREMENTS / name for name in names]


def pinned(*locks: Path) -> list[str]:
    """The arguments of uv for the packages of these lock files, each checked by its hash."""
    return ["--require-hashes", *(word for lock in locks for word in ("--requirement", str(lock)))]


def identity(python: str) -> str:
    """The version and the prefix of an interpreter; empty if it does not run."""
    try:
        ask = [python, "-c", "import sys; print(sys.version, sys.base_prefix)"]
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


class Uv:
    """Runs uv: the one on the PATH, or a pinned one in .venv-uv, which is installed by pip.

    The user's settings of pip and uv say where packages come from, but not which ones, nor where they go.
    `settings` is uv's environment with those of pip; uv's own settings take precedence.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        pip = pip_settings()
        self.no_index = ["--no-index"] if is_true(pip.get("no-index", "")) else []
        self.pip = pip_environment(pip)
        self.settings = {name: value for name, value in os.environ.items() if name not in UV_CONTENTS}
        for name, value in uv_settings(pip).items():
            if not (name.startswith("UV_") and name in os.environ):
                self.settings[name] = value
        found = shutil.which("uv")
        self.program = found if found and version(found) >= OLDEST_UV else self._own()
        if "UV_CACHE_DIR" not in os.environ and not self._can_cache():
            self.settings["UV_CACHE_DIR"] = str(log.parent / "uv-cache")
            self.settings.setdefault("UV_PYTHON_INSTALL_DIR", str(PROJECT / ".venv-python"))

    def _own(self) -> str:
        folder, lock = PROJECT / ".venv-uv", REQUIREMENTS / "uv.lock"
        stamp, digest = folder / ".installed", hashlib.sha256(lock.read_bytes()).hexdigest()
        program = folder / "bin" / "uv"
        if not (stamp.exists() and stamp.read_text() == digest and version(str(program))):
            shutil.rmtree(folder, ignore_errors=True)
            self._call([sys.executable, "-m", "venv", str(folder)], self.pip)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
            self._call([*pip, "--no-deps", "--only-binary", ":all:", *pinned(lock)], self.pip)
            stamp.write_text(digest)
        return str(program)

    def run(self, *arguments: str, hint: str = "") -> None:
        """Run a command of uv; `hint` is added to some errors. Raises InstallError."""
        self._call([self.program, *arguments], self.settings, hint)

    def _can_cache(self) -> bool:
        """Whether uv's cache can be written: the home may be someone else's, or read-only."""
        ask = [self.program, "cache", "dir"]
        told = subprocess.run(ask, env=self.settings, capture_output=True, text=True, check=False).stdout
        folder = Path(told.strip())
        there = next(each for each in (folder, *folder.parents) if os.path.exists(str(each)))
        return os.access(str(there), os.W_OK | os.X_OK)

    def succeeds(self, *arguments: str) -> bool:
        try:
            self.run(*arguments)
        except InstallError:
            return False
        return True

    def _call(self, command: list[str], environment: dict[str, str], hint: str = "") -> None:
        """Run a command in PROJECT, log its output, and print its lines of progress. Raises InstallError."""
        output = ""
        process = subprocess.Popen(
            command,
            cwd=str(PROJECT),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        assert process.stdout is not None
        with self.log.open("a", encoding="utf-8") as log, process:
            for line in process.stdout:
                log.write(line)
                output += line
                if line.startswith(("Downloading", "Prepared", "Installed", "Uninstalled")):
                    print(f"  {line.strip()}", flush=True)
        if process.returncode:
            where = os.path.relpath(self.log, PROJECT)
            raise InstallError(f"{reason(output, hint)}; full log: {where}")

    def find_python(self) -> str:
        """The path of a supported Python: the one that runs this, another one, or one that uv downloads.

        Raises InstallError.
        """
        if is_supported():
            return sys.executable
        find = [self.program, "python", "find", "--system", SUPPORTED_RANGE]
        found = subprocess.run(find, env=self.settings, capture_output=True, text=True, check=False)
        if found.returncode:
            print(f"  There is no Python {SUPPORTED} on this machine; uv fetches {FETCHED}", flush=True)
            try:
                self.run("python", "install", FETCHED)
            except InstallError as error:
                raise InstallError(
                    f"Python {SUPPORTED} is needed, there is none on this machine, and uv could not fetch "
                    f"one: {error}; install one, or name it: make PYTHON=/path/to/python3.13"
                ) from error
            found = subprocess.run(find, env=self.settings, capture_output=True, text=True, check=True)
        return found.stdout.strip()


def reason(output: str, hint: str) -> str:
    """Find the reason of a failure in the output of uv or pip, and describe it in one line."""
    if "No space left on device" in output:
        return f"the disk is full: the environments need about {NEEDED_GIGABYTES} GB"
    if names := sorted(set(OTHER_FILE.findall(output))):
        return f"the package index has another file for {', '.join(names)} than the lock file pins{hint}"
    if NO_NETWORK.search(output):
        return f"the package index cannot be reached: check the network and pip's settings{hint}"
    if "ensurepip is not available" in output:
        return "this Python has no venv module: install its package (Debian: python3-venv), or uv"
    errors = re.findall(r"^(?:error|ERROR|\s+cause|\s*[×╰][─▶ ]*):?\s*(\S.*)$", output, re.M)
    return errors[-1] if errors else "uv failed"


def version(uv: str) -> tuple[int, ...]:
    """The version of a uv; empty if it does not run."""
    try:
        said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", said)[:3])


def pip_settings() -> dict[str, str]:
    """pip's settings from its files and environment variables, by option; without pip, only the variables."""
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


def pip_environment(pip: dict[str, str]) -> dict[str, str]:
    """The environment in which pip has only those of its settings that say where packages come from."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    sources = {
        f"PIP_{option.upper().replace('-', '_')}": pip[option] for option in PIP_SOURCES if option in pip
    }
    return {**others, **sources, "PIP_CONFIG_FILE": os.devnull}


def uv_settings(pip: dict[str, str]) -> dict[str, str]:
    """Convert pip's settings to uv's variables: indexes, find-links, certificates, proxy, timeout."""
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
    # Like pip, choose the best version from all indexes. The hash of the file must match in any case.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **settings}


def is_true(text: str) -> bool:
    """Whether a setting of pip is on, in any of the words that pip takes for that."""
    return text.lower() in ("1", "true", "t", "yes", "y", "on")


def check_disk() -> None:
    """Raises InstallError if less than NEEDED_GIGABYTES are free."""
    free = shutil.disk_usage(PROJECT).free / 1e9
    if free < NEEDED_GIGABYTES:
        raise InstallError(
            f"{free:.1f} GB of disk are free in {PROJECT}, but about {NEEDED_GIGABYTES} GB are needed"
        )


def install(environments: list[Environment]) -> None:
    """Make the environments that are not up to date; wait if another process does so. Raises InstallError."""
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
