"""Make the virtual environments of the project, exactly as the lock files pin them.

    python3.12 requirements/install.py [--only demo] [--torch-index URL]

.venv holds the project, in two layers: what `make demo` needs, and on top of it what tests, notebook,
tracking and benchmarks need besides. .venv-sam holds the SAM CLI and .venv-scan what looks for insecure code
and writes bills of materials; they pin their own boto3 and click. All are made at once. What is up to date is
left alone. Standard library only: it runs before anything else is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT / "requirements"
TORCH_LOCK = str(REQUIREMENTS / "torch.lock")
NEEDED_GIGABYTES = 5
PLAIN_PROGRESS_SECONDS = 10
OTHER_FILE = "DO NOT MATCH THE HASHES"
NO_NETWORK = re.compile(r"NewConnectionError|Name or service not known|ConnectTimeout|ProxyError")


class InstallError(Exception):
    """The message is the one line that the person reads."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the project's virtual environments.")
    parser.add_argument("--torch-index", default="", help="package index for torch (default: pip's own)")
    parser.add_argument("--only", choices=["demo"], help="leave out what `make demo` does without")
    options = parser.parse_args()
    if not (3, 11) <= sys.version_info < (3, 13):
        version = ".".join(map(str, sys.version_info[:3]))
        print(f"error: Python 3.11 or 3.12 is needed, this is {version} ({sys.executable})", file=sys.stderr)
        return 1

    project = ["--no-deps", "--no-build-isolation", "--editable", str(PROJECT)]
    layers = [Layer("demo.txt", *torch(options.torch_index), project), Layer("lock.txt")]
    environments = [
        Environment(".venv", layers[:1] if options.only == "demo" else layers),
        Environment(".venv-sam", [Layer("sam.lock")]),
        *([] if options.only == "demo" else [Environment(".venv-scan", [Layer("scan.lock")])]),
    ]
    stale = [environment for environment in environments if not environment.is_current()]
    if not stale:
        return 0
    try:
        check_disk()
        install(stale)
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def torch(index: str) -> list[list[str]]:
    """What pip gets to install torch: from an index of its own where the machine wants another build."""
    build = ["--retries", "1", *pinned("torch.lock"), *(["--index-url", index] if index else [])]
    on_cpu = sys.platform != "linux" or index.rstrip("/").endswith("/cpu")
    return [build] if on_cpu else [build, pinned("torch-cuda.lock")]


def pinned(lock: str) -> list[str]:
    return ["--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS / lock)]


class Layer:
    """The packages of a lock file, and what `pip install` gets besides, one list of arguments a call."""

    def __init__(self, lock: str, *installs: list[str]) -> None:
        self.installs = [pinned(lock), *installs]
        self.stamp = f".installed-{Path(lock).stem}"
        self.total = len(re.findall(r"^[\w.-]+==", (REQUIREMENTS / lock).read_text(), re.M))
        digest = hashlib.sha256(f"{sys.version_info[:3]} {sys.prefix} {self.installs}".encode())
        for arguments in self.installs:
            if "--requirement" in arguments:
                digest.update(Path(arguments[arguments.index("--requirement") + 1]).read_bytes())
        # Of pyproject.toml only what is installed: other settings of tools leave the environment as it is.
        import tomllib  # not in the Pythons that main() turns away

        settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
        digest.update(repr((settings["project"], settings["tool"]["setuptools"])).encode())
        self.fingerprint = digest.hexdigest()


class Environment:
    """One virtual environment of layers, each on top of those before it, and stamped when it is there."""

    def __init__(self, name: str, layers: list[Layer]) -> None:
        self.folder = PROJECT / name
        self.layers = layers
        self.log = PROJECT / "build" / f"setup{name}.log"
        self.total = max(layer.total for layer in layers)
        self.packages = 0
        self.state = "waiting"
        self.unpacking: list[str] = []
        self.already_there = 0
        self.error: InstallError | None = None
        self.process: subprocess.Popen[str] | None = None

    def is_current(self) -> bool:
        return all(map(self._has, self.layers))

    def _has(self, layer: Layer) -> bool:
        stamp = self.folder / layer.stamp
        return stamp.exists() and stamp.read_text() == layer.fingerprint

    def progress(self) -> str:
        """What is being done, in a few words; while pip unpacks, which says nothing, what appears on disk."""
        names = self.unpacking
        if not names:
            return self.state
        done = min(max(self._installed() - self.already_there, 0), len(names))
        return f"unpacking {done}/{len(names)} packages ({names[min(done, len(names) - 1)]})"

    def _installed(self) -> int:
        return sum(1 for _ in self.folder.glob("lib/python*/site-packages/*.dist-info"))

    def make(self) -> None:
        try:
            self.log.parent.mkdir(exist_ok=True)
            self.log.write_text("")
            self.state = "creating"
            if not self._has(self.layers[0]):
                shutil.rmtree(self.folder, ignore_errors=True)
                self._run([sys.executable, "-m", "venv", str(self.folder)])
            pip = [str(self.folder / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off"]
            for layer in self.layers:
                if not self._has(layer):
                    for arguments in layer.installs:
                        self._run([*pip, *arguments])
                    (self.folder / layer.stamp).write_text(layer.fingerprint)
            self.state = "ready"
        except InstallError as error:
            self.error = error
            self.state = "failed"
        except OSError as error:
            reason = f"{error.strerror}: {error.filename}" if error.filename else f"{error}"
            self.error = InstallError(f"{self.folder.name} could not be made: {reason}")
            self.state = "failed"

    def _run(self, command: list[str]) -> None:
        environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command,
                env=environment,
                text=True,
                errors="replace",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            assert self.process.stdout is not None
            for line in self.process.stdout:
                log.write(line)
                if line.startswith(("Collecting ", "Processing ")):
                    self.packages += 1
                    self.state = f"fetching {min(self.packages, self.total)}/{self.total} packages"
                elif line.startswith("Installing collected packages: "):
                    self.already_there = self._installed()
                    self.unpacking = line.partition(": ")[2].strip().split(", ")
        self.unpacking = []
        if self.process.wait():
            raise InstallError(self._reason(command))

    def _reason(self, command: list[str]) -> str:
        text = self.log.read_text()
        where = f"the whole story is in {os.path.relpath(self.log, PROJECT)}"
        if "No space left on device" in text:
            return f"the disk is full: {self.folder.name} needs about {NEEDED_GIGABYTES} GB"
        if NO_NETWORK.search(text):
            hint = " (torch: name another index, make TORCH_INDEX=...)" if TORCH_LOCK in command else ""
            return f"the package index cannot be reached: check the network and pip's settings{hint}; {where}"
        if OTHER_FILE in text:
            hint = "; TORCH_INDEX must offer one of torch.lock's" if TORCH_LOCK in command else ""
            names = ", ".join(sorted(set(re.findall(r"^    ([\w.-]+==\S+) from ", text, re.M))))
            return f"the package index has another file for {names} than the lock file pins{hint}; {where}"
        if "ensurepip is not available" in text:
            return "this Python has no venv module: install its package (Debian: python3-venv)"
        errors = [line for line in text.splitlines() if line.startswith("ERROR")]
        return f"{self.folder.name} could not be made: {errors[-1] if errors else 'pip failed'}; {where}"


def check_disk() -> None:
    free = shutil.disk_usage(PROJECT).free / 1e9
    if free < NEEDED_GIGABYTES:
        raise InstallError(
            f"{free:.1f} GB of disk are free in {PROJECT}, about {NEEDED_GIGABYTES} GB are needed"
        )


def install(environments: list[Environment]) -> None:
    """All at once, telling how far each one is."""
    print("Installing (once; a minute or three):", flush=True)
    threads = [threading.Thread(target=environment.make, daemon=True) for environment in environments]
    started = time.monotonic()
    told = 0.0
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            elapsed = time.monotonic() - started
            line = f"  {elapsed:4.0f} s  " + "   ".join(
                f"{each.folder.name}: {each.progress()}" for each in environments
            )
            if sys.stdout.isatty():
                print(f"\r{line}\033[K", end="", flush=True)
            elif elapsed - told >= PLAIN_PROGRESS_SECONDS:
                told = elapsed
                print(line, flush=True)
    except KeyboardInterrupt:
        for environment in environments:
            if environment.process:
                environment.process.terminate()
        raise
    finally:
        if sys.stdout.isatty():
            print()
    for environment in environments:
        if environment.error:
            raise environment.error
    print(f"  ready after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
