"""CloudWatch's alarms: what they must say, how they are found, and their states, which nothing evaluates.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmsForMetric.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

import functools
import re
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
TOKEN = re.compile("[0-9]{1,9}")
"""The number of alarms before a page."""
PAGE_ALARMS = 100
OF_A_SEARCH: Mapping[str, str] = {
    "ExtendedStatistic": "extended_statistic",
    "MetricName": "metric_name",
    "Namespace": "namespace",
    "Period": "period",
    "Statistic": "statistic",
    "Unit": "unit",
}
"""The members of DescribeAlarmsForMetric, and what moto calls them."""
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


def check_token(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a NextToken that `correct_searches` has not given out."""
    if not TOKEN.fullmatch(members.get("NextToken", "0")):
        raise ApiError("InvalidNextToken", "The next token specified is invalid.")


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


def correct_searches() -> None:
    """Lets moto's CloudWatch find the alarms that meet all conditions, and answer them in pages.

    The change is to moto itself, which looks at one condition alone.
    """
    from moto.cloudwatch.responses import CloudWatchResponse
    from moto.core.responses import ActionResult

    def describe_alarms(handler: Any) -> Any:
        members = handler._get_params()
        found = [
            alarm for alarm in handler.cloudwatch_backend.describe_alarms() if _is_asked_for(alarm, members)
        ]
        start, size = int(members.get("NextToken", 0)), int(members.get("MaxRecords", PAGE_ALARMS))
        answer: dict[str, Any] = {"MetricAlarms": found[start : start + size], "CompositeAlarms": []}
        if len(found) > start + size:
            answer["NextToken"] = str(start + size)
        return ActionResult(answer)

    def describe_alarms_for_metric(handler: Any) -> Any:
        members = handler._get_params()
        dimensions = {(each["Name"], each["Value"]) for each in members.get("Dimensions", ())}
        found = [
            alarm
            for alarm in handler.cloudwatch_backend.describe_alarms()
            if {(each.name, each.value) for each in alarm.dimensions or ()} == dimensions
            and all(
                str(getattr(alarm, OF_A_SEARCH[name])) == str(members[name])
                for name in OF_A_SEARCH.keys() & members.keys()
            )
        ]
        return ActionResult({"MetricAlarms": found})

    for function in (describe_alarms, describe_alarms_for_metric):
        setattr(CloudWatchResponse, function.__name__, function)


def _is_asked_for(alarm: Any, members: Mapping[str, Any]) -> bool:
    names, state = members.get("AlarmNames"), members.get("StateValue")
    return (
        (not names or alarm.name in names)
        and alarm.name.startswith(members.get("AlarmNamePrefix", ""))
        and (not state or alarm.state_value == state)
        and (
            not (prefix := members.get("ActionPrefix"))
            or any(action.startswith(prefix) for action in alarm.alarm_actions or ())
        )
    )
