"""The environment of a container's process: its own folder, its role's credentials and little else."""

import functools
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from localcloud import containers
from localcloud.cloud import Cloud
from localcloud.processes import Process

log = logging.getLogger(__name__)

RUNNERS = Path(containers.__file__).parent

PASSED_THROUGH = (
    # the source of packages, for a requirements.txt
    *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    # the GPUs and their libraries
    *("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "NVIDIA_VISIBLE_DEVICES"),
)
PIP_CONFIGURATION = (".config/pip/pip.conf", ".pip/pip.conf")


def environment(cloud: Cloud, role_arn: str, folder: Path, own: dict[str, str] | None) -> dict[str, str]:
    """Variables of a container whose /opt/ml is `folder`. `own` are those of its job or model."""
    home = folder.parent / "home"
    temporary = folder.parent / "tmp"
    for directory in (folder, home, temporary):
        directory.mkdir(parents=True, exist_ok=True)
    return {
        **_pip_settings(),
        **{name: os.environ[name] for name in PASSED_THROUGH if name in os.environ},
        **cloud.environment(role_arn),
        "PATH": f"{cloud.job_python.parent}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # as in AWS's images
        "SAGEMAKER_BASE_DIR": str(folder),
        "SAGEMAKER_REGION": cloud.region,
        **(own or {}),
    }


def start(cloud: Cloud, name: str, runner: str, env: dict[str, str], *arguments: str | Path) -> Process:
    """Starts a runner of `localcloud/containers` in the container that `env` describes."""
    return start_command(cloud, name, [cloud.job_python, RUNNERS / runner, *arguments], env)


def start_command(cloud: Cloud, name: str, command: Sequence[str | Path], env: dict[str, str]) -> Process:
    """Starts a command in the container that `env` describes."""
    folder = Path(env["SAGEMAKER_BASE_DIR"])
    if has_own_file_system():
        command = [*_mounted(folder), *command]
    return cloud.processes.start(name, command, env=env, cwd=folder)


@functools.cache
def has_own_file_system() -> bool:
    """Whether containers have their folder at /opt/ml and cannot write elsewhere (see mounts.py).

    They do not on macOS, and where neither mount nor user namespaces are allowed, as in most containers.
    """
    if not sys.platform.startswith("linux"):
        return False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "ml")
        folder.mkdir()
        done = subprocess.run(
            [*_mounted(folder), "true"], capture_output=True, text=True, cwd=folder, check=False
        )
    if done.returncode:
        log.info("containers share this machine's file system: %s", done.stderr.strip())
    return done.returncode == 0


def _mounted(folder: Path) -> list[str | Path]:
    return [sys.executable, "-S", "-E", RUNNERS / "mounts.py", folder]


def _pip_settings() -> dict[str, str]:
    """The user's settings of pip, which the container's own HOME would hide."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    if "PIP_CONFIG_FILE" not in settings:
        files = [Path.home() / name for name in PIP_CONFIGURATION]
        settings.update(("PIP_CONFIG_FILE", str(file)) for file in files if file.exists())
    return settings
