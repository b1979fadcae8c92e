"""CloudWatch's alarms: what they must say, and their states, which nothing evaluates here.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

import functools
from collections.abc import Mapping
from typing import Any

from localcloud.protocol import ApiError

SHORT_PERIODS = (10, 20, 30)
"""Seconds; longer ones are whole minutes."""
HOUR, DAY, WEEK = 3600, 86_400, 604_800
OF_MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")
OF_EVERY_ALARM = ("ComparisonOperator", "EvaluationPeriods")
OF_ONE_METRIC = ("MetricName", "Namespace", "Period")
NOT_BESIDE_METRICS = (*OF_ONE_METRIC, "Dimensions", "ExtendedStatistic", "Statistic", "Unit")
STATE = ("history", "state_reason", "state_reason_data", "state_updated_timestamp", "state_value")


def check_alarm(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a PutMetricAlarm whose members are valid each by itself, but not together."""
    metrics = members.get("Metrics")
    for name in (*OF_EVERY_ALARM, *(() if metrics else OF_ONE_METRIC)):
        _require(name in members, f"{name} must not be null")
    for name in NOT_BESIDE_METRICS if metrics else ():
        _require(name not in members, f"{name} should not be set if list of Metrics is set.")
    _require_one(members, "Threshold", "ThresholdMetricId")
    if not metrics:
        _require_one(members, "Statistic", "ExtendedStatistic")
    evaluated, breaching = members["EvaluationPeriods"], members.get("DatapointsToAlarm", 1)
    _require(breaching <= evaluated, "DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    for period in _periods(members):
        _require(period in SHORT_PERIODS or period % 60 == 0, "Period must be 10, 20, 30 or a multiple of 60")
        longest, words = (WEEK, "week") if period >= HOUR else (DAY, "day")
        _require(
            evaluated * period <= longest,
            f"Metrics cannot be checked across more than a {words} (EvaluationPeriods * Period must be <= "
            f"{longest}).",
        )
    missing = members.get("TreatMissingData", "missing")
    _require(missing in OF_MISSING_DATA, f"TreatMissingData must be one of {', '.join(OF_MISSING_DATA)}")


def _periods(members: Mapping[str, Any]) -> list[int]:
    queries = members.get("Metrics") or [members]
    periods = [query.get("Period") or query.get("MetricStat", {}).get("Period") for query in queries]
    return [period for period in periods if period]


def _require_one(members: Mapping[str, Any], one: str, other: str) -> None:
    _require((one in members) != (other in members), f"Exactly one of {one} and {other} must be set.")


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise ApiError("ValidationError", message)


def keep_states() -> None:
    """Lets moto's new alarms lack data, as on AWS, instead of being OK, and changed ones keep their states.

    The change is to moto itself.
    """
    from moto.cloudwatch.models import CloudWatchBackend

    put_metric_alarm: Any = CloudWatchBackend.put_metric_alarm

    @functools.wraps(put_metric_alarm)
    def put(backend: Any, name: str, *arguments: Any, **members: Any) -> Any:
        former = backend.alarms.get(name)
        alarm = put_metric_alarm(backend, name, *arguments, **members)
        alarm.state_value = "INSUFFICIENT_DATA"
        if former:
            vars(alarm).update({key: getattr(former, key) for key in STATE})
        return alarm

    setattr(CloudWatchBackend, "put_metric_alarm", put)  # noqa: B010 - mypy takes no assignment to a method
