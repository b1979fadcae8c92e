"""Limits of services whose requests moto answers without checking them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from localcloud.protocol import ApiError

OF_AWS = "AWS/"
TOKEN = re.compile("[0-9]{1,18}")
"""moto's tokens are positions in its lists."""
MAX_PERIODS = 200_000
"""Of all queries of a GetMetricData: moto looks at each, whether it has data or not."""


def check_limits(service: str | None, operation: str, members: Mapping[str, Any]) -> None:
    """Raises ApiError for a request that the service would refuse. `service` is botocore's name."""
    if check := CHECKS.get((service or "", operation)):
        check(members)


def has_unknown_token(members: Mapping[str, Any]) -> bool:
    """Whether a request has a NextToken that moto has not given out, and may fail at."""
    return TOKEN.fullmatch(str(members.get("NextToken", "0"))) is None


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
}
