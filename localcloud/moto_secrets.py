"""What Secrets Manager refuses, though moto would take it.

The words are those of recordings on AWS: LocalStack's tests/aws/services/secretsmanager/
test_secretsmanager.snapshot.json, and those that users of AWS report.
"""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import ACCOUNT_ID
from localcloud.moto_backends import backend_of
from localcloud.moto_limits import has_unknown_token
from localcloud.protocol import ApiError
from localcloud.untrusted import parse_json

NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
OF_PRESENT_SECRETS = ("GetSecretValue", "PutSecretValue", "UpdateSecret")


def check_secret(operation: str, members: Mapping[str, Any], region: str) -> None:
    """Raises ApiError for an invalid value, name or label, and for a secret that is marked for deletion."""
    if "SecretString" in members and "SecretBinary" in members:
        message = "You can't specify both a binary secret value and a string secret value in the same secret."
        raise ApiError("InvalidParameterException", message)
    if has_unknown_token(members):
        raise ApiError("InvalidNextTokenException", "The NextToken value is invalid.")
    if operation == "BatchGetSecretValue" and not members.get("SecretIdList") and not members.get("Filters"):
        message = "Either 'SecretIdList' or 'Filters' must be provided, but not both."
        raise ApiError("InvalidParameterException", message)
    if operation == "PutResourcePolicy":
        _check_policy(members["ResourcePolicy"])
    if operation == "CreateSecret":
        _check_new(members["Name"], region)
    secret = _found(members.get("SecretId"), region)
    if secret is None or operation not in OF_PRESENT_SECRETS:
        return
    if secret.is_deleted():
        message = "You can't perform this operation on the secret because it was marked for deletion."
        raise ApiError("InvalidRequestException", message)
    stage = members.get("VersionStage")
    if stage and "VersionId" not in members and not _has(secret, stage):
        message = f"Secrets Manager can't find the specified secret value for staging label: {stage}"
        raise ApiError("ResourceNotFoundException", message)


def arn_of(secret: str, region: str) -> str | None:
    """The ARN of a secret by its name or ARN; None if there is none."""
    found = _found(secret, region)
    return str(found.arn) if found else None


def _check_new(name: str, region: str) -> None:
    if not NAME.fullmatch(name):
        message = (
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
            "-/_+=.@!"
        )
        raise ApiError("ValidationException", message)
    former = _found(name, region)
    if former is not None and former.is_deleted():
        message = (
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
        raise ApiError("InvalidRequestException", message)


def _check_policy(text: str) -> None:
    try:
        policy = parse_json(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        message = "This resource policy contains invalid JSON."
        raise ApiError("MalformedPolicyDocumentException", message)


def _found(secret: str | None, region: str) -> Any:
    """moto's record of a secret; None if there is none."""
    from moto.secretsmanager.models import secretsmanager_backends

    return backend_of(secretsmanager_backends, ACCOUNT_ID, region).secrets.get(secret) if secret else None


def _has(secret: Any, stage: str) -> bool:
    return any(stage in version.get("version_stages", ()) for version in list(secret.versions.values()))
