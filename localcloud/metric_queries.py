"""Statistics of CloudWatch's metrics: which may be asked for, and what they are.

A metric is its namespace, name and exact dimensions; values with other dimensions belong to another metric.
moto adds up all of one name, so what it answers is computed here from its records.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

import datetime
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from localcloud.protocol import ApiError

OF_AWS = "AWS/"
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
PERCENTILE_LIKE = re.compile(r"(?i:p|tm|wm|tc|ts)[0-9.]+|(?:TM|WM|PR|TC|TS)\(.*\)|IQM")
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html"""
ID = re.compile("[a-z][a-zA-Z0-9_]*")
MINUTE = 60
SHORT_PERIODS = (1, 5, 10, 20, 30)
"""Seconds; longer ones are whole minutes."""
MAX_DATAPOINTS = 1440
"""Of one GetMetricStatistics."""
RECENT = datetime.timedelta(days=15)
OLD = datetime.timedelta(days=63)
MAX_AGE_SECONDS = 14 * 24 * 3600
MAX_AHEAD_SECONDS = 2 * 3600
EPOCH = datetime.datetime(1970, 1, 1)
"""moto's times are in UTC, and naive."""
NO_UNIT = "None"
"""The unit of values that were put without one."""
Key = TypeVar("Key")
Metric = tuple[str, str, frozenset[tuple[str | None, str | None]]]


def check_put(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a PutMetricData to a namespace of AWS, or of a time that is too far away."""
    if members["Namespace"].startswith(OF_AWS):
        _refuse("InvalidParameterValue", f"The value {OF_AWS} for parameter Namespace is invalid.")
    for number, datum in enumerate(members.get("MetricData") or (), 1):
        if not isinstance(moment := datum.get("Timestamp"), datetime.datetime):
            continue
        age = time.time() - _utc(moment).replace(tzinfo=datetime.UTC).timestamp()
        if age > MAX_AGE_SECONDS or age < -MAX_AHEAD_SECONDS:
            bounds = "within the past two weeks" if age > 0 else "no more than two hours in the future"
            parameter = f"MetricData.member.{number}.Timestamp"
            _refuse("InvalidParameterValue", f"The parameter {parameter} must specify a time {bounds}.")


def check_statistics(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a GetMetricStatistics that CloudWatch refuses, or asks for percentiles."""
    start, end = _times(members)
    if extended := members.get("ExtendedStatistics"):
        if members.get("Statistics"):
            _refuse(
                "InvalidParameterCombination",
                "Statistics and ExtendedStatistics may not be specified in the same request.",
            )
        _refuse("InvalidParameterValue", _unsupported_statistic(extended[0]))
    if not members.get("Statistics"):
        _refuse(
            "InvalidParameterCombination",
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        )
    period = members["Period"]
    _check_period(period, "Period", "InvalidParameterValue")
    count = int((end - start).total_seconds() // period)
    if count > MAX_DATAPOINTS:
        _refuse(
            "InvalidParameterCombination",
            f"You have requested up to {count:,} datapoints, which exceeds the limit of {MAX_DATAPOINTS:,}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        )


def check_data(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a GetMetricData that CloudWatch refuses, or has expressions or percentiles."""
    _times(members)
    ids = set()
    for number, query in enumerate(members["MetricDataQueries"], 1):
        member = f"MetricDataQueries.member.{number}"
        if not ID.fullmatch(query["Id"]):
            pattern = f"^{ID.pattern}$"
            _refuse(
                "ValidationError",
                f"The value {query['Id']} for parameter {member}.Id is not matching the expected pattern "
                f"{pattern}.",
            )
        if query["Id"] in ids:
            _refuse("ValidationError", "The values for parameter id in MetricDataQueries are not unique.")
        ids.add(query["Id"])
        if query.get("Expression"):
            _refuse(
                "ValidationError",
                f"localcloud does not support expressions in GetMetricData ({member}.Expression: "
                f"{query['Expression']!r}); ask for the metrics and compute it from them.",
            )
        if "${" in query.get("Label", ""):
            _refuse(
                "ValidationError",
                f"localcloud does not support dynamic labels ({member}.Label: {query['Label']!r}).",
            )
        if not (wanted := query.get("MetricStat")):
            _refuse("ValidationError", f"The parameter {member}.MetricStat is required.\n")
        if wanted["Stat"] not in STATISTICS:
            is_known = PERCENTILE_LIKE.fullmatch(wanted["Stat"])
            unknown = f"The value {wanted['Stat']} for parameter {member}.MetricStat.Stat is not supported."
            _refuse("ValidationError", _unsupported_statistic(wanted["Stat"]) if is_known else unknown)
        _check_period(wanted["Period"], f"{member}.MetricStat.Period", "ValidationError")


def correct_queries() -> None:
    """Lets moto's CloudWatch look metrics up by namespace, name and exact dimensions.

    The change is to moto itself.
    """
    from moto.cloudwatch.models import CloudWatchBackend

    for function in (get_metric_data, get_metric_statistics, get_filtered_metrics):
        setattr(CloudWatchBackend, function.__name__, function)


def get_metric_statistics(
    backend: Any,
    namespace: str,
    metric_name: str,
    start_time: datetime.datetime,
    end_time: datetime.datetime,
    period: int,
    stats: Sequence[str],
    dimensions: Sequence[Mapping[str, str]],
    unit: str | None = None,
) -> list[Any]:
    """moto's statistics of a metric, one for each period and unit that has values."""
    wanted = _metric(namespace, metric_name, ((each["Name"], each["Value"]) for each in dimensions))
    data = [datum for datum in backend.get_all_metrics() if metric_of(datum) == wanted]
    return [
        _statistics(stats, moment, in_unit)
        for of_unit in _by(_unit, _of_unit(data, unit)).values()
        for moment, in_unit in _periods(of_unit, start_time, end_time, period)
    ]


def get_metric_data(
    backend: Any,
    queries: Sequence[Mapping[str, Any]],
    start_time: datetime.datetime,
    end_time: datetime.datetime,
    scan_by: str = "TimestampDescending",
) -> list[dict[str, Any]]:
    """The results of queries that were checked by `check_data`."""
    by_metric = _by(metric_of, backend.get_all_metrics())
    results = []
    for query in queries:
        if not query.get("ReturnData", True):
            continue
        wanted = query["MetricStat"]
        name, stat = wanted["Metric"]["MetricName"], wanted["Stat"]
        dimensions = ((each["Name"], each["Value"]) for each in wanted["Metric"].get("Dimensions", ()))
        data = by_metric.get(_metric(wanted["Metric"]["Namespace"], name, dimensions), [])
        points = _periods(_of_unit(data, wanted.get("Unit")), start_time, end_time, int(wanted["Period"]))
        points.sort(key=lambda point: point[0], reverse=scan_by == "TimestampDescending")
        results.append(
            {
                "id": query["Id"],
                "label": query.get("Label") or f"{name} {stat}",
                "timestamps": [moment for moment, _ in points],
                "values": [
                    _statistics([stat], moment, in_period).get_statistics_for_type(stat)
                    for moment, in_period in points
                ],
                "status_code": "Complete",
            }
        )
    return results


def get_filtered_metrics(
    backend: Any, metric_name: str, namespace: str, dimensions: list[dict[str, str]]
) -> list[Any]:
    """A record of moto's for each metric that ListMetrics is asked for."""
    found: dict[Metric, Any] = {}
    for datum in backend.get_all_metrics():
        if datum.filter(namespace, metric_name, dimensions):
            found.setdefault(metric_of(datum), datum)
    return list(found.values())


def metric_of(datum: Any) -> Metric:
    """The metric that a record of moto's belongs to."""
    return _metric(datum.namespace, datum.name, ((each.name, each.value) for each in datum.dimensions))


def _metric(namespace: str, name: str, dimensions: Iterable[tuple[str | None, str | None]]) -> Metric:
    return namespace, name, frozenset(dimensions)


def _by(key: Callable[[Any], Key], data: Iterable[Any]) -> dict[Key, list[Any]]:
    groups: dict[Key, list[Any]] = defaultdict(list)
    for datum in data:
        groups[key(datum)].append(datum)
    return groups


def _of_unit(data: Iterable[Any], unit: str | None) -> list[Any]:
    return [datum for datum in data if unit is None or _unit(datum) == unit]


def _unit(datum: Any) -> str:
    return datum.unit or NO_UNIT


def _periods(
    data: Iterable[Any], start: datetime.datetime, end: datetime.datetime, seconds: int
) -> list[tuple[datetime.datetime, list[Any]]]:
    """The data of each period that has some, with its beginning. Periods are counted from `start`."""
    start, end, period = _rounded(_utc(start), seconds), _utc(end), datetime.timedelta(seconds=seconds)
    resolution = min(seconds, MINUTE)
    groups: dict[datetime.datetime, list[Any]] = defaultdict(list)
    for datum in data:
        moment = _floor(_utc(datum.timestamp), resolution)
        if start <= moment < end:
            groups[start + (moment - start) // period * period].append(datum)
    return sorted(groups.items(), key=lambda group: group[0])


def _rounded(start: datetime.datetime, period: int) -> datetime.datetime:
    """The beginning of a query, which CloudWatch rounds down the more the older it is."""
    age = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - start
    if age < RECENT:
        return _floor(start, min(period, MINUTE))
    return _floor(start, 5 * MINUTE if age < OLD else 60 * MINUTE)


def _floor(moment: datetime.datetime, seconds: int) -> datetime.datetime:
    return moment - (moment - EPOCH) % datetime.timedelta(seconds=seconds)


def _utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _statistics(names: Sequence[str], moment: datetime.datetime, data: list[Any]) -> Any:
    from moto.cloudwatch.models import Statistics

    statistics = Statistics(list(names), moment, _unit(data[0]))
    statistics.metric_data = data
    return statistics


def _times(members: Mapping[str, Any]) -> tuple[datetime.datetime, datetime.datetime]:
    start, end = members["StartTime"], members["EndTime"]
    if not (isinstance(start, datetime.datetime) and isinstance(end, datetime.datetime)):
        _refuse("InvalidParameterValue", "StartTime and EndTime must be timestamps.")
    start, end = _utc(start), _utc(end)
    if start >= end:
        message = "The parameter StartTime must be less than the parameter EndTime."
        _refuse("InvalidParameterValue", message)
    return start, end


def _check_period(period: int, parameter: str, code: str) -> None:
    if period not in SHORT_PERIODS and period % MINUTE:
        allowed = "1, 5, 10, 20, 30, or any multiple of 60"
        _refuse(code, f"The value {period} for parameter {parameter} is invalid: it must be {allowed}.")


def _unsupported_statistic(name: str) -> str:
    return (
        f"localcloud does not support the statistic {name}, only {', '.join(STATISTICS)}: services keep one "
        "statistic set a minute, of which no percentile can be computed."
    )


def _refuse(code: str, message: str) -> NoReturn:
    raise ApiError(code, message)
