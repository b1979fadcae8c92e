"""The environment variables that containers and builds have, without those that only this machine's user has.

Those may hold keys and passwords of any kind, so the variables that pass are named.
"""

import os
from pathlib import Path

from localcloud.cloud import Cloud

PASSED_THROUGH = (
    # the source of packages, for a requirements.txt
    *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    # the GPUs and their libraries
    *("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "NVIDIA_VISIBLE_DEVICES"),
)
PIP_CONFIGURATION = (".config/pip/pip.conf", ".pip/pip.conf")


def container_variables(cloud: Cloud, role_arn: str, folder: Path) -> dict[str, str]:
    """Variables of a process with the rights of a role. Its home and its temporary files are in `folder`."""
    home, temporary, packages = folder / "home", folder / "tmp", cloud.state_dir / "packages"
    for directory in (home, temporary, packages):
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
        "LOCALCLOUD_PACKAGES": str(packages),
        "PIP_CACHE_DIR": str(cloud.state_dir / "pip"),
    }


def _pip_settings() -> dict[str, str]:
    """The user's settings of pip, which the container's own HOME would hide."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    if "PIP_CONFIG_FILE" not in settings:
        files = [Path.home() / name for name in PIP_CONFIGURATION]
        settings.update(("PIP_CONFIG_FILE", str(file)) for file in files if file.exists())
    return settings
