"""Keeps everything that runs in the cloud away from the user's real AWS account."""

import os
import sys
from collections.abc import Mapping

REMOVED = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_CREDENTIAL_FILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_VAULT",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
)
"""Variables with credentials, with their location, or with settings that lead to the real account."""
REMOVED_PREFIXES = ("AWS_BEARER_TOKEN_", "AWS_ENDPOINT_URL_", "AWS_SSO_")
"""Prefixes of such variables. AWS_ENDPOINT_URL_S3, say, takes precedence over AWS_ENDPOINT_URL."""


def variables_to_remove(environ: Mapping[str, str]) -> list[str]:
    """The names of the variables to remove from an environment."""
    return [name for name in environ if name in REMOVED or name.startswith(REMOVED_PREFIXES)]


def restart_without_credentials() -> None:
    """Executes this program again, in the same process, if its environment leads to the real account.

    Changing os.environ would not do: every job of the same user can read /proc/PID/environ, which keeps the
    variables that the program was started with.
    """
    if names := variables_to_remove(os.environ):
        environment = {name: value for name, value in os.environ.items() if name not in names}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
