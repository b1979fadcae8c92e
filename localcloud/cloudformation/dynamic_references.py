"""Resolves dynamic references, `{{resolve:service:key}}`, to parameters and secrets.

As on AWS, references to the Parameter Store are resolved whenever a stack is created or updated, so that a
new value of the parameter changes the resource. References to secrets are resolved only when the resource is
created or updated, and appear unresolved in events and in comparisons. Outputs show references unresolved.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from localcloud.cloudformation.errors import ResourceFailed, ValidationError

REFERENCE = re.compile(r"\{\{resolve:(?P<service>[^:}]*):(?P<key>[^}]*)(?P<end>\}\}|)")
"""Also matches what does not end as a reference does, so that nothing is searched twice."""
UNKNOWN_START = "{{"
"""The beginning of a part of a key that is known only after the deployment (see UNKNOWN in intrinsics.py)."""
SECURE = "ssm-secure"
SERVICES = ("ssm", SECURE, "secretsmanager")
MISSING_PARAMETER = {"ParameterNotFound", "ParameterVersionNotFound", "ValidationException"}
PARAMETER_KEY = re.compile(r"([a-zA-Z0-9_.\-/]+)(?::(\d+))?")
SECRET_KEY = re.compile(
    r"(?P<id>arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:[^:]+|[^:]+)"
    r"(?::(?P<kind>SecretString|)(?::(?P<key>[^:]*)(?::(?P<stage>[^:]*)(?::(?P<version>[^:]*))?)?)?)?"
)


def is_reference(value: Any) -> bool:
    """Whether a value is a text that contains a dynamic reference."""
    return isinstance(value, str) and any(_references(value))


def has_parameter_without_version(text: str) -> bool:
    """Whether a text refers to a parameter in the Parameter Store without a version."""
    return any(found["service"] == "ssm" and ":" not in found["key"] for found in _references(text))


def check(resource_type: str, properties: Any) -> None:
    """Raises ValidationError for malformed references and for secure parameters.

    AWS allows ssm-secure in a few properties only, of types that localcloud does not have ("Resources that
    support dynamic parameter patterns for secure strings").
    """
    secure = []
    for path, text in _texts(properties, f"{resource_type}/Properties"):
        for found in _references(text):
            service, key, reference = found["service"], found["key"], found[0]
            if UNKNOWN_START in key:
                continue
            if service not in SERVICES:
                raise ValidationError(
                    f"Template error: {reference} names no service; use one of {', '.join(SERVICES)}"
                )
            if service == "secretsmanager":
                if not SECRET_KEY.fullmatch(key):
                    raise ValidationError(
                        f"Incorrect format is used in the following Secrets Manager reference: [{reference}]"
                    )
            elif not PARAMETER_KEY.fullmatch(key):
                raise ValidationError(
                    f"Incorrect format is used in the following SSM reference: [{reference}]"
                )
            if service == SECURE:
                secure.append(path)
    if secure:
        raise ValidationError(f"SSM Secure reference is not supported in: [{','.join(secure)}]")


def with_parameters(ssm: Any, value: Any) -> Any:
    """Resolves the references to the Parameter Store. `ssm` is a client. Raises ValidationError."""
    return _replaced(value, "ssm", lambda key: _parameter(ssm, key))


def find_parameter(ssm: Any, name: str) -> Mapping[str, Any] | None:
    """A parameter of the Parameter Store, in a version if the name has one; None if there is none.

    Raises ValidationError when it may not be read.
    """
    try:
        parameter: Mapping[str, Any] = ssm.get_parameter(Name=name)["Parameter"]
    except ParamValidationError:
        return None
    except ClientError as failed:
        if failed.response["Error"]["Code"] in MISSING_PARAMETER:
            return None
        raise ValidationError(failed.response["Error"].get("Message", str(failed))) from failed
    return parameter


def with_secrets(secretsmanager: Any, value: Any) -> Any:
    """Resolves the references to secrets. `secretsmanager` is a client. Raises ResourceFailed."""
    return _replaced(value, "secretsmanager", lambda key: _secret(secretsmanager, key))


def _references(text: str) -> Iterator[re.Match[str]]:
    return (found for found in REFERENCE.finditer(text) if found["end"])


def _replaced(value: Any, wanted: str, resolve: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(entry, wanted, resolve) for name, entry in value.items()}
    if isinstance(value, list):
        return [_replaced(item, wanted, resolve) for item in value]
    if not is_reference(value):
        return value

    def replacement(found: re.Match[str]) -> str:
        is_known = found["end"] and UNKNOWN_START not in found["key"]
        return resolve(found["key"]) if found["service"] == wanted and is_known else found[0]

    return REFERENCE.sub(replacement, value)


def _parameter(ssm: Any, key: str) -> str:
    parameter = find_parameter(ssm, key)
    if parameter is None:
        raise ValidationError(f"Parameters: [ssm:{key}] cannot be found.")
    if parameter["Type"] == "SecureString":
        raise ValidationError(f"Non-secure ssm prefix was used for secure parameter {key.partition(':')[0]}")
    text: str = parameter["Value"]
    return text


def _secret(secretsmanager: Any, key: str) -> str:
    parts = SECRET_KEY.fullmatch(key)
    if parts is None:
        raise ResourceFailed(f"{key} does not refer to a secret")
    version = {"VersionStage": parts["stage"]} if parts["stage"] else {}
    version |= {"VersionId": parts["version"]} if parts["version"] else {}
    try:
        text: str = secretsmanager.get_secret_value(SecretId=parts["id"], **version)["SecretString"]
    except ClientError as failed:
        raise ResourceFailed(
            f"{failed.response['Error'].get('Message')} (Service: AWSSecretsManager; "
            f"Error Code: {failed.response['Error']['Code']}; secret {parts['id']})"
        ) from failed
    if not parts["key"]:
        return text
    try:
        members = json.loads(text)
    except ValueError as wrong:
        raise ResourceFailed("Could not parse SecretString JSON") from wrong
    if not isinstance(members, dict) or parts["key"] not in members:
        raise ResourceFailed("Could not find a value associated with JSONKey in SecretString")
    member = members[parts["key"]]
    return member if isinstance(member, str) else json.dumps(member)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The texts in a value, each with its path."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from _texts(entry, f"{path}/{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
    elif isinstance(value, str):
        yield path, value
