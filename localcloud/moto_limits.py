"""Limits of services whose requests moto answers without checking them.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from localcloud.protocol import ApiError
from localcloud.untrusted import Pattern, PatternError

VALUE_CHARACTERS = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}
MAX_LEVELS = 15
OF_AWS = "AWS/"
MAX_PERIODS = 200_000
"""Of all queries of a GetMetricData: moto looks at each, whether it has data or not."""
NAME = re.compile(r"(arn:.+|[\w.-]+|(/[\w.-]+)+/?)", re.ASCII)
ADVANCED = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
)


def check_limits(service: str | None, operation: str, members: Mapping[str, Any]) -> None:
    """Raises ApiError for a request that the service would refuse. `service` is botocore's name."""
    if check := CHECKS.get((service or "", operation)):
        check(members)


def _check_parameter(members: Mapping[str, Any]) -> None:
    name, value = members["Name"], members["Value"]
    if not NAME.fullmatch(name):
        raise ApiError(
            "ValidationException",
            'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can '
            "consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, "
            "numbers and the following 3 symbols .-_",
        )
    if name.count("/") > MAX_LEVELS:
        raise ApiError(
            "HierarchyLevelLimitExceededException", f"A parameter's name has at most {MAX_LEVELS} levels."
        )
    tier = members.get("Tier", "Standard")
    if len(value) > VALUE_CHARACTERS[tier]:
        raise ApiError("ValidationException", _too_long(tier))
    pattern = members.get("AllowedPattern")
    if pattern and not _matches_somewhere(pattern, value):
        raise ApiError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )
    if members.get("Policies"):
        message = "PutParameter: localcloud does not support the property Policies."
        raise ApiError("UnsupportedOperation", message)


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


def _check_metrics(members: Mapping[str, Any]) -> None:
    if members["Namespace"].startswith(OF_AWS):
        message = f"The value {OF_AWS} for parameter Namespace is invalid."
        raise ApiError("InvalidParameterValue", message)


def _check_periods(members: Mapping[str, Any]) -> None:
    start, end = members["StartTime"], members["EndTime"]
    if not (isinstance(start, datetime) and isinstance(end, datetime)):
        raise ApiError("InvalidParameterValue", "StartTime and EndTime must be timestamps.")
    seconds = (end - start).total_seconds()
    periods = [
        query.get("Period") or (query.get("MetricStat") or {}).get("Period")
        for query in members["MetricDataQueries"]
    ]
    if sum(seconds / period for period in periods if period) > MAX_PERIODS:
        message = (
            f"localcloud computes at most {MAX_PERIODS:,} periods of all queries in a request; ask for a "
            "shorter time or longer periods."
        )
        raise ApiError("InvalidParameterValue", message)


CHECKS: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], None]] = {
    ("cloudwatch", "GetMetricData"): _check_periods,
    ("cloudwatch", "PutMetricData"): _check_metrics,
    ("ssm", "PutParameter"): _check_parameter,
}
