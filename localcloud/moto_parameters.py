"""What the Parameter Store refuses, though moto would take it, or fail.

The words are those that users of AWS report.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
"""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import ACCOUNT_ID
from localcloud.moto_backends import backend_of
from localcloud.protocol import ApiError
from localcloud.untrusted import Pattern, PatternError

INTELLIGENT = "Intelligent-Tiering"
VALUE_CHARACTERS = {"Standard": 4096, "Advanced": 8192, INTELLIGENT: 8192}
MAX_LEVELS = 15
NAME = re.compile(r"[\w.-]+|(/[\w.-]+)+/?", re.ASCII)
ARN = re.compile(r"arn:aws:ssm:[a-z0-9-]+:\d{12}:parameter")
NESTED = re.compile(r"\{\{.*\}\}", re.DOTALL)
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
ADVANCED = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
)


def check_parameter(operation: str, members: Mapping[str, Any], region: str) -> None:
    """Raises ApiError for a name, a path, a value or a token that there cannot be."""
    _forget_unfound(region)
    if operation == "PutParameter":
        _check_new(members)
    elif operation in ("GetParameter", "GetParameters"):
        for name in members.get("Names") or [members["Name"]]:
            # Without the version or label that may follow the name.
            if not NAME.fullmatch(ARN.sub("", name).split(":")[0]):
                raise _invalid(INVALID_NAME)
    elif operation == "GetParametersByPath" and not members["Path"].startswith("/"):
        raise _invalid(INVALID_PATH)
    if not str(members.get("NextToken", "0")).isdecimal():  # moto's are numbers
        raise ApiError("InvalidNextToken", "The specified token isn't valid.")


def choose_tier(answer: dict[str, Any], members: Mapping[str, Any], region: str) -> None:
    """Gives a parameter with Intelligent-Tiering, in moto's record and its answer, the tier that it needs."""
    if members.get("Tier") != INTELLIGENT:
        return
    fits = len(members["Value"]) <= VALUE_CHARACTERS["Standard"]
    answer["Tier"] = "Standard" if fits else "Advanced"
    for version in _records(region)[members["Name"]]:
        if version.version == answer["Version"]:
            version.tier = answer["Tier"]


def _forget_unfound(region: str) -> None:
    """Removes the empty records that moto makes of parameters it does not find; its lists fail on them."""
    records = _records(region)
    for name in [name for name, versions in list(records.items()) if not versions]:
        records.pop(name, None)


def _records(region: str) -> Any:
    """The versions of each parameter in moto's records, by its name."""
    from moto.ssm.models import ssm_backends

    return vars(backend_of(ssm_backends, ACCOUNT_ID, region))["_parameters"]


def _check_new(members: Mapping[str, Any]) -> None:
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
    if NESTED.search(value):
        raise _invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.')
    tier = members.get("Tier", "Standard")
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
    if tier == "Standard":
        return (
            f"Standard tier parameters support a maximum parameter value of {limit} characters. To create a "
            "larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more "
            f"information, see {ADVANCED}"
        )
    return f"Advanced tier parameters support a maximum parameter value of {limit} characters."


def _matches_somewhere(pattern: str, value: str) -> bool:
    try:
        return Pattern(f"(?s:.*)(?:{pattern})(?s:.*)").matches_all_of(value)
    except PatternError as error:
        raise ApiError("InvalidAllowedPatternException", f"Invalid allowedPattern: {error}.") from None
