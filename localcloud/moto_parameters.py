"""What the Parameter Store refuses, though moto would take it, or fail.

The words are those that users of AWS report.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.cloud import ACCOUNT_ID
from localcloud.moto_backends import backend_of
from localcloud.moto_limits import has_unknown_token
from localcloud.protocol import ApiError
from localcloud.untrusted import Pattern, PatternError

STANDARD, ADVANCED, INTELLIGENT = "Standard", "Advanced", "Intelligent-Tiering"
VALUE_CHARACTERS = {STANDARD: 4096, ADVANCED: 8192, INTELLIGENT: 8192}
LABELLING = ("LabelParameterVersion", "UnlabelParameterVersion")
"""With these, moto makes an empty record of a parameter that it does not find; its lists fail on it."""
MAX_LEVELS = 15
NAME = re.compile(r"[\w.-]+|(/[\w.-]+)+/?", re.ASCII)
ARN = re.compile(r"arn:aws:ssm:[a-z0-9-]+:\d{12}:parameter")
INVALID_NAME = (
    'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can '
    "consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, "
    "numbers and the following 3 symbols .-_"
)
INVALID_PATH = (
    "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a "
    'forward slash "/". It can\'t be prefixed with \\"aws\\" or \\"ssm\\" (case-insensitive). It must use '
    "only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special "
    'characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid '
    "example: /get/parameters2-/by1./path0_."
)
NO_DOWNGRADE = (
    "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the "
    "advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced "
    "parameter and recreate it as a standard parameter."
)
ABOUT_TIERS = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
)


def check_parameter(operation: str, members: Mapping[str, Any], region: str) -> None:
    """Raises ApiError for an invalid name, path, value or token."""
    if operation == "PutParameter":
        _check_new(members, region)
    elif operation in ("GetParameter", "GetParameters"):
        for name in members.get("Names") or [members["Name"]]:
            # Without the version or label that may follow the name.
            if not NAME.fullmatch(ARN.sub("", name).split(":")[0]):
                raise _invalid(INVALID_NAME)
    elif operation == "GetParametersByPath" and not members["Path"].startswith("/"):
        raise _invalid(INVALID_PATH)
    elif operation in LABELLING and not _versions(members["Name"], region):
        raise ApiError("ParameterNotFound", "")
    if has_unknown_token(members):
        raise ApiError("InvalidNextToken", "The specified token isn't valid.")


def choose_tier(answer: dict[str, Any], members: Mapping[str, Any], region: str) -> None:
    """Gives a parameter with Intelligent-Tiering, in moto's record and its answer, the tier that it needs."""
    if members.get("Tier") != INTELLIGENT:
        return
    versions = _versions(members["Name"], region)
    fits = len(members["Value"]) <= VALUE_CHARACTERS[STANDARD]
    was_advanced = any(version.tier == ADVANCED for version in versions)
    answer["Tier"] = STANDARD if fits and not was_advanced else ADVANCED
    for version in versions:
        if version.version == answer["Version"]:
            version.tier = answer["Tier"]


def _versions(name: str, region: str) -> Sequence[Any]:
    """moto's records of the versions of a parameter, the newest last; none if there is no such parameter."""
    from moto.ssm.models import ssm_backends

    parameters = vars(backend_of(ssm_backends, ACCOUNT_ID, region))["_parameters"]
    versions: Sequence[Any] = parameters.get(parameters.normalize_name(name), ())
    return versions


def _check_new(members: Mapping[str, Any], region: str) -> None:
    name, value = members["Name"], members["Value"]
    if "/" in name and not name.startswith("/"):
        raise _invalid("Parameter name must be a fully qualified name")
    if not NAME.fullmatch(name):
        raise _invalid(INVALID_NAME)
    if name.count("/") > MAX_LEVELS:
        raise ApiError(
            "HierarchyLevelLimitExceededException", f"A parameter's name has at most {MAX_LEVELS} levels."
        )
    if members.get("KeyId") and members.get("Type") in ("String", "StringList"):
        raise _invalid("KeyId is required for SecureString type parameter only.")
    if "}}" in value.partition("{{")[2]:
        raise _invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.')
    is_advanced = any(version.tier == ADVANCED for version in _versions(name, region))
    tier = members.get("Tier") or (ADVANCED if is_advanced else STANDARD)
    if is_advanced and members.get("Overwrite") and tier == STANDARD:
        raise _invalid(NO_DOWNGRADE)
    if len(value) > VALUE_CHARACTERS[tier]:
        raise _invalid(_too_long(tier))
    pattern = members.get("AllowedPattern")
    if pattern and not _matches_somewhere(pattern, value):
        raise ApiError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )
    if members.get("Policies"):
        message = "PutParameter: localcloud does not support the property Policies."
        raise ApiError("UnsupportedOperation", message)


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationException", message)


def _too_long(tier: str) -> str:
    limit = VALUE_CHARACTERS[tier]
    if tier == STANDARD:
        return (
            f"Standard tier parameters support a maximum parameter value of {limit} characters. To create a "
            "larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more "
            f"information, see {ABOUT_TIERS}"
        )
    return f"Advanced tier parameters support a maximum parameter value of {limit} characters."


def _matches_somewhere(pattern: str, value: str) -> bool:
    try:
        return Pattern(f"(?s:.*)(?:{pattern})(?s:.*)").matches_all_of(value)
    except PatternError as error:
        raise ApiError("InvalidAllowedPatternException", f"Invalid allowedPattern: {error}.") from None
