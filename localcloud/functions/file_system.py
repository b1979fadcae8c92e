"""The files of a sandbox: its code, which is read-only, and a /tmp of its own.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html
"""

import contextlib
import functools
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from localcloud import containers

log = logging.getLogger(__name__)

RUNNERS = Path(containers.__file__).parent
BOOTSTRAP = RUNNERS / "function_bootstrap.py"
MOUNTS = RUNNERS / "function_mounts.py"
TASK_FOLDER = "/var/task"
PIPE = "alive"


class SandboxFiles:
    """The folder of a sandbox, for all its runtimes one after the other.

    On Linux, they have a file system of their own (see function_mounts.py). On macOS, and if namespaces are
    not allowed, the code is where it was unpacked, and the folder for temporary files has no limit.
    """

    def __init__(self, code: Path, storage_mb: int, python: Path):
        self.folder = Path(tempfile.mkdtemp(prefix="sandbox-", dir=code.parent))
        self._code, self._storage_mb, self._python = code, storage_mb, python
        self._temporary = self.folder / "tmp"
        self._temporary.mkdir()
        self._alive = -1
        if has_own_file_systems():
            os.mkfifo(self.folder / PIPE)
            self._alive = os.open(self.folder / PIPE, os.O_RDWR)

    def command(self, runtime: Sequence[str | Path]) -> list[str | Path]:
        """The command that runs a runtime's command in the sandbox."""
        if self._alive < 0:
            return [*runtime]
        needed = ":".join(str(folder) for folder in _folders_of(self._python))
        place: list[str | Path] = [self.folder, self._code, str(self._storage_mb), needed]
        return [sys.executable, "-S", "-E", MOUNTS, *place, *runtime]

    def environment(self) -> dict[str, str]:
        """The environment variables with the paths."""
        if self._alive < 0:
            temporary = str(self._temporary)
            return {"LAMBDA_TASK_ROOT": str(self._code), "HOME": temporary, "TMPDIR": temporary}
        return {"LAMBDA_TASK_ROOT": TASK_FOLDER, "HOME": "/tmp"}  # nosec B108 - the sandbox's own

    def resolve(self, path: str) -> str:
        """The path within the sandbox for one below /var/task; other paths are unchanged."""
        if self._alive < 0 and path.startswith(f"{TASK_FOLDER}/"):
            return str(self._code / path.removeprefix(f"{TASK_FOLDER}/"))
        return path

    def remove(self) -> None:
        """Releases the file system and removes the folder."""
        if self._alive >= 0:
            os.close(self._alive)
        shutil.rmtree(self.folder, ignore_errors=True)


@functools.cache
def has_own_file_systems() -> bool:
    """Whether sandboxes can have file systems of their own on this machine."""
    if not sys.platform.startswith("linux"):
        return False
    with tempfile.TemporaryDirectory() as name:
        pipe = Path(name, PIPE)
        os.mkfifo(pipe)
        alive = os.open(pipe, os.O_RDWR)
        with contextlib.closing(os.fdopen(alive, "wb")):
            command: list[str | Path] = [sys.executable, "-S", "-E", MOUNTS, name, name, "1", "", "true"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        log.info("functions share this machine's file system: %s", done.stderr.strip())
    return done.returncode == 0


@functools.cache
def _folders_of(python: Path) -> list[Path]:
    """The folders that an interpreter needs, beside those of localcloud's runners."""
    script = "import sys; print(sys.prefix, sys.base_prefix, *filter(None, sys.path), sep='\\n')"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, cwd=RUNNERS)
    found = {python.parent.parent, RUNNERS, *map(Path, done.stdout.splitlines())}
    folders = sorted(folder for folder in found if folder.is_dir())
    return [one for one in folders if not any(other in one.parents for other in folders)]
