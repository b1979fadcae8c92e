"""Environment variables with which AWS clients use a cloud on this machine, and no other."""

import os
import shlex
from pathlib import Path

from localcloud import authority
from localcloud.cloud import ACCESS_KEY, ACCOUNT_ID, SECRET_KEY, Cloud, Credentials
from localcloud.control import role_credentials
from localcloud.listening import reachable
from localcloud.real_account import variables_to_remove
from localcloud.state import read_access_key, state_dir

REGION = "us-east-1"
SDK_SETTINGS = "sagemaker-sdk.yaml"


def settings(host: str, port: int, region: str = REGION, role: str | None = None) -> dict[str, str]:
    """The variables to set for the cloud at an address, with the rights of its owner or of a role.

    Raises RoleRefused for a role that cannot be had.
    """
    owner = Credentials(read_access_key(port) or ACCESS_KEY, SECRET_KEY, None)
    host = reachable(host)
    bypass = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    no_proxy = ",".join(dict.fromkeys([*filter(None, bypass.split(",")), host, "localhost"]))
    return {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        **authority.variables(f"http://{host}:{port}", port),
        **(owner.environment() if role is None else role_credentials(host, port, role)),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LOCALSTACK_HOST": f"{host}:{port}",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(state_dir(port) / SDK_SETTINGS),
        "SAM_CLI_TELEMETRY": "0",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def for_command(host: str, port: int, role: str | None = None) -> dict[str, str]:
    """The environment of this process, changed to use the cloud. Raises RoleRefused."""
    unwanted = variables_to_remove(os.environ)
    return {k: v for k, v in os.environ.items() if k not in unwanted} | settings(host, port, role=role)


def as_shell(host: str, port: int, role: str | None = None) -> str:
    """The changes that `for_command` makes, as lines for a shell's `eval`. Raises RoleRefused."""
    lines = [f"unset {' '.join(names)}"] if (names := variables_to_remove(os.environ)) else []
    lines += [
        f"export {name}={shlex.quote(value)}" for name, value in settings(host, port, role=role).items()
    ]
    return "\n".join(lines)


def write_sdk_settings(cloud: Cloud) -> Path:
    """Writes the settings file of the SageMaker Python SDK.

    Without it the SDK finds its default bucket through an STS address of its own, and sends telemetry to AWS.
    """
    bucket = f"sagemaker-{cloud.region}-{ACCOUNT_ID}"
    file = cloud.state_dir / SDK_SETTINGS
    file.write_text(
        "SchemaVersion: '1.0'\n"
        "SageMaker:\n"
        "  PythonSDK:\n"
        "    Modules:\n"
        "      TelemetryOptOut: true\n"
        "      Session:\n"
        f"        DefaultS3Bucket: {bucket}\n"
    )
    return file
