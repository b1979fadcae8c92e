"""The environment of a container's process: its own folder, its role's credentials and little else."""

import functools
import logging
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcloud import containers
from localcloud.cloud import Cloud
from localcloud.container_variables import container_variables
from localcloud.processes import Process
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.transfer import changed_files

log = logging.getLogger(__name__)

RUNNERS = Path(containers.__file__).parent
CONTAINER_FOLDER = "/opt/ml"
"""Where containers have their folder on AWS."""


def environment(cloud: Cloud, role_arn: str, folder: Path, own: Mapping[str, str] | None) -> dict[str, str]:
    """Variables of a container whose /opt/ml is `folder`. `own` are those of its job or model."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        **container_variables(cloud, role_arn, folder.parent),
        "SAGEMAKER_BASE_DIR": inside_path(folder),
        "SAGEMAKER_REGION": cloud.region,
        **(own or {}),
    }


def inside_path(folder: Path, *names: str) -> str:
    """The path by which the container's processes find its folder, or `names` below it."""
    seen = Path(CONTAINER_FOLDER) if has_own_file_system() else folder
    return str(seen.joinpath(*names))


def runner(cloud: Cloud, name: str, *arguments: str | Path) -> list[str | Path]:
    """The command of a runner of `localcloud/containers`."""
    return [cloud.job_python, RUNNERS / name, *arguments]


def start(
    cloud: Cloud,
    name: str,
    folder: Path,
    command: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    host: str = "",
    hosts_file: Path | None = None,
) -> Process:
    """Starts a command in the container whose /opt/ml is `folder`.

    `host` and `hosts_file` are its name among the hosts of a job and the /etc/hosts that has them all.
    """
    if has_own_file_system():
        command = [*_mounted(folder, host, hosts_file), *command]
    return cloud.processes.start(name, command, env=env, cwd=folder)


@functools.cache
def has_own_file_system() -> bool:
    """Whether containers have their folder at /opt/ml and cannot write elsewhere (see mounts.py).

    They do not on macOS, and where neither mount nor user namespaces are allowed, as in most containers.
    """
    if not sys.platform.startswith("linux"):
        return False
    with tempfile.TemporaryDirectory() as name:
        folder, hosts_file = Path(name, "ml"), Path(name, "hosts")
        folder.mkdir()
        hosts_file.touch()
        done = subprocess.run(
            [*_mounted(folder, "algo-1", hosts_file), "true"],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
    if done.returncode:
        log.info("containers share this machine's file system: %s", done.stderr.strip())
    return done.returncode == 0


class MachineFiles:
    """The files at this machine's own /opt/ml, which containers without their own file system may write to.

    Such files are not part of the job's output, so the job must not succeed.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, int]] = {}
        if not has_own_file_system():
            list(changed_files(Path(CONTAINER_FOLDER), self._seen))

    def require_untouched(self) -> None:
        """Raises JobFailed, saying what to change, if a file is new or changed since this was made."""
        if has_own_file_system():
            return
        for file in changed_files(Path(CONTAINER_FOLDER), self._seen):
            raise JobFailed(
                f"AlgorithmError: the script wrote {file}, which is this machine's file and not the job's: "
                f"localcloud may not put a job's folder at {CONTAINER_FOLDER} here. Use SM_MODEL_DIR and its "
                "like, and remove that file."
            )


def missing_folder_hint(text: str) -> str:
    """A hint for the message of a script that failed at a missing path below /opt/ml; empty for others."""
    if has_own_file_system() or CONTAINER_FOLDER not in text:
        return ""
    return (
        f" (localcloud may not put a job's folder at {CONTAINER_FOLDER} here: use SM_MODEL_DIR, "
        "SM_CHANNEL_... and their like, or run localcloud on Linux where user namespaces are allowed)"
    )


def _mounted(folder: Path, host: str, hosts_file: Path | None) -> list[str | Path]:
    return [sys.executable, "-S", "-E", RUNNERS / "mounts.py", folder, host, hosts_file or ""]
