"""Keeps the person's real AWS account out of reach of everything that runs in the cloud."""

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
"""Credentials, where to find some, and what could lead a client to the real account."""
REMOVED_PREFIXES = ("AWS_BEARER_TOKEN_", "AWS_ENDPOINT_URL_", "AWS_SSO_")
"""Variables like AWS_ENDPOINT_URL_S3 win over AWS_ENDPOINT_URL."""


def removed(environ: Mapping[str, str]) -> list[str]:
    """The variables to remove from an environment."""
    return [name for name in environ if name in REMOVED or name.startswith(REMOVED_PREFIXES)]


def restart_without_it() -> None:
    """Starts this program anew, in the same process, if its environment leads to the real account.

    Changing os.environ would not do: /proc/PID/environ, which every job of the same user can read, keeps
    showing what the program was started with.
    """
    if names := removed(os.environ):
        environment = {name: value for name, value in os.environ.items() if name not in names}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
