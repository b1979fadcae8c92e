"""Which values belong to a metric of CloudWatch and to a period, and which queries are refused."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.server import Server

MINUTE = datetime.timedelta(minutes=1)
NOW = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)
START = NOW - 20 * MINUTE
"""An earlier minute; every test has metrics of its own."""
LONDON = {"Name": "City", "Value": "London"}
DRY = {"Name": "Sky", "Value": "dry"}


@pytest.fixture(scope="module")
def watch() -> Iterator[Any]:
    with Server(port=0, services=[]) as server:
        yield server.cloud.client("cloudwatch")


def put(watch: Any, namespace: str, *values: float, name: str = "Rain", **members: Any) -> None:
    """Puts a value each minute from START on."""
    data = [
        {"MetricName": name, "Value": value, "Timestamp": START + number * MINUTE} | members
        for number, value in enumerate(values)
    ]
    watch.put_metric_data(Namespace=namespace, MetricData=data)


def statistics(watch: Any, namespace: str, period: int = 300, **members: Any) -> list[dict[str, Any]]:
    request = {"StartTime": START, "EndTime": NOW, "Period": period, "Statistics": ["Sum"], **members}
    given = {name: value for name, value in request.items() if value is not None}
    points = watch.get_metric_statistics(Namespace=namespace, MetricName="Rain", **given)["Datapoints"]
    return sorted(points, key=lambda point: (point["Timestamp"], point["Unit"]))


def query(namespace: str, number: int = 0, period: int = 300, **members: Any) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": "Rain"} | members
    return {"Id": f"q{number}", "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}


def values(watch: Any, *queries: dict[str, Any], **members: Any) -> list[list[float]]:
    request = {"StartTime": START, "EndTime": NOW, "ScanBy": "TimestampAscending"} | members
    results = watch.get_metric_data(MetricDataQueries=queries, **request)["MetricDataResults"]
    return [result["Values"] for result in results]


def test_values_with_other_dimensions_belong_to_another_metric(watch: Any) -> None:
    put(watch, "Identity", 1)
    put(watch, "Identity", 10, Dimensions=[LONDON])
    put(watch, "Identity", 100, Dimensions=[LONDON, DRY])
    for dimensions, total in (([], 1), ([LONDON], 10), ([DRY, LONDON], 100)):
        assert [point["Sum"] for point in statistics(watch, "Identity", Dimensions=dimensions)] == [total]
        assert values(watch, query("Identity", Dimensions=dimensions)) == [[total]]
    assert statistics(watch, "Identity", Dimensions=[DRY]) == []
    assert values(watch, query("Identity", Dimensions=[DRY])) == [[]]


def test_values_of_another_namespace_belong_to_another_metric(watch: Any) -> None:
    put(watch, "Here", 1, Dimensions=[LONDON])
    put(watch, "There", 2, Dimensions=[LONDON])
    assert values(watch, query("Here", Dimensions=[LONDON])) == [[1]]


def test_each_metric_is_listed_once(watch: Any) -> None:
    for dimensions in ([], [LONDON], [LONDON, DRY], [DRY, LONDON]):
        put(watch, "Listed", 1, 2, Dimensions=dimensions)
    listed = watch.list_metrics(Namespace="Listed")["Metrics"]
    assert [metric["Dimensions"] for metric in listed] == [[], [LONDON], [LONDON, DRY]]
    chosen = watch.list_metrics(Namespace="Listed", Dimensions=[{"Name": "Sky"}])["Metrics"]
    assert [metric["Dimensions"] for metric in chosen] == [[LONDON, DRY]]


def test_periods_begin_with_the_query_and_not_with_the_first_value(watch: Any) -> None:
    put(watch, "Periods", 0, 0, 4, 8, Timestamp=START + 2 * MINUTE + datetime.timedelta(seconds=37))
    put(watch, "Periods", 16, Timestamp=START + 7 * MINUTE)
    late = datetime.timedelta(seconds=50)
    expected = [(START, 12.0), (START + 5 * MINUTE, 16.0)]
    points = statistics(watch, "Periods", StartTime=START + late)
    assert [(point["Timestamp"], point["Sum"]) for point in points] == expected
    points = statistics(watch, "Periods", StartTime=START + 2 * MINUTE + late, EndTime=START + 7 * MINUTE)
    assert [(point["Timestamp"], point["Sum"]) for point in points] == [(START + 2 * MINUTE, 12.0)]
    [result] = watch.get_metric_data(
        MetricDataQueries=[query("Periods")], StartTime=START + late, EndTime=NOW
    )["MetricDataResults"]
    assert list(zip(result["Timestamps"], result["Values"], strict=True)) == expected[::-1]


def test_units_are_told_apart(watch: Any) -> None:
    put(watch, "Units", 1, Unit="Seconds")
    put(watch, "Units", 2, Unit="Milliseconds")
    put(watch, "Units", 4)
    points = statistics(watch, "Units")
    assert [(point["Unit"], point["Sum"]) for point in points] == [
        ("Milliseconds", 2),
        ("None", 4),
        ("Seconds", 1),
    ]
    assert [point["Sum"] for point in statistics(watch, "Units", Unit="None")] == [4]
    in_seconds = query("Units")
    in_seconds["MetricStat"]["Unit"] = "Seconds"
    assert values(watch, in_seconds, query("Units", 1)) == [[1], [7]]


def test_a_query_may_be_for_others_alone(watch: Any) -> None:
    put(watch, "Hidden", 1)
    assert values(watch, query("Hidden") | {"ReturnData": False}, query("Hidden", 1)) == [[1]]


def test_a_query_over_years_costs_no_more_than_its_data(watch: Any) -> None:
    put(watch, "Years", 5)
    begin = NOW - datetime.timedelta(days=3650)
    assert values(watch, query("Years", period=60), StartTime=begin) == [[5]]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"Id": "Upper"}, "ValidationError", "member.1.Id is not matching the expected pattern"),
        ({"Label": "max ${MAX}"}, "ValidationError", "does not support dynamic labels"),
        ({"Stat": "p99"}, "ValidationError", "does not support the statistic p99"),
        ({"Stat": "TM(10%:90%)"}, "ValidationError", "does not support the statistic"),
        ({"Stat": "Median"}, "ValidationError", "member.1.MetricStat.Stat is not supported"),
        ({"Period": 45}, "ValidationError", "45 for parameter .*.MetricStat.Period is invalid"),
        ({"Expression": "SUM(METRICS())"}, "ValidationError", "does not support expressions"),
        ({"Expression": "SELECT AVG(Rain) FROM x"}, "ValidationError", "does not support expressions"),
    ],
)
def test_a_query_that_would_get_a_wrong_answer_is_refused(
    watch: Any, change: dict[str, Any], code: str, message: str
) -> None:
    asked = query("Refused")
    if "Expression" in change:
        del asked["MetricStat"]
    for name, value in change.items():
        (asked if name in ("Id", "Label", "Expression") else asked["MetricStat"])[name] = value
    with pytest.raises(ClientError, match=message) as refused:
        values(watch, asked)
    assert refused.value.response["Error"]["Code"] == code


def test_ids_of_queries_differ(watch: Any) -> None:
    with pytest.raises(ClientError, match="are not unique"):
        values(watch, query("Refused"), query("Refused"))


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"Statistics": None}, "InvalidParameterCombination", "At least one of the parameters"),
        ({"ExtendedStatistics": ["p50"]}, "InvalidParameterCombination", "may not be specified in the same"),
        (
            {"Statistics": None, "ExtendedStatistics": ["p50"]},
            "InvalidParameterValue",
            "localcloud does not support the statistic p50",
        ),
        ({"Period": 90}, "InvalidParameterValue", "90 for parameter Period is invalid"),
        (
            {"Period": 60, "StartTime": NOW - datetime.timedelta(minutes=1441)},
            "InvalidParameterCombination",
            "You have requested up to 1,441 datapoints, which exceeds the limit of 1,440",
        ),
        ({"EndTime": START}, "InvalidParameterValue", "StartTime must be less than the parameter EndTime"),
    ],
)
def test_statistics_that_cannot_be_given_are_refused(
    watch: Any, change: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        statistics(watch, "Refused", **change)
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (datetime.timedelta(days=-15), "member.1.Timestamp must specify a time within the past two weeks"),
        (datetime.timedelta(hours=3), "must specify a time no more than two hours in the future"),
    ],
)
def test_a_value_of_another_time_is_refused(watch: Any, offset: datetime.timedelta, message: str) -> None:
    with pytest.raises(ClientError, match=message):
        put(watch, "Refused", 1, Timestamp=NOW + offset)
