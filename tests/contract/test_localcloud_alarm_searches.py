"""How alarms of CloudWatch are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.server import Server

METRIC = {"Namespace": "Weather", "MetricName": "Rain"}
ALARM = METRIC | {
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
LONDON = [{"Name": "City", "Value": "London"}]


@pytest.fixture(scope="module")
def watch() -> Iterator[Any]:
    with Server(port=0, services=[]) as server:
        client = server.cloud.client("cloudwatch")
        client.put_metric_alarm(AlarmName="rain-everywhere", **ALARM)
        client.put_metric_alarm(AlarmName="rain-in-london", **ALARM, Dimensions=LONDON)
        client.put_metric_alarm(AlarmName="storm", **ALARM | {"Period": 300})
        for name in ("rain-in-london", "storm"):
            client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="it rains")
        yield client


def names(answer: dict[str, Any]) -> list[str]:
    return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]


def test_alarms_meet_all_conditions(watch: Any) -> None:
    assert names(watch.describe_alarms(AlarmNamePrefix="rain", StateValue="ALARM")) == ["rain-in-london"]
    asked = ["rain-everywhere", "storm", "missing"]
    assert names(watch.describe_alarms(AlarmNames=asked, StateValue="ALARM")) == ["storm"]
    assert names(watch.describe_alarms(AlarmNames=asked)) == ["rain-everywhere", "storm"]
    assert names(watch.describe_alarms(ActionPrefix="arn:aws:sns")) == []


def test_alarms_come_in_pages(watch: Any) -> None:
    pages = watch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 2})
    assert [names(page) for page in pages] == [["rain-everywhere", "rain-in-london"], ["storm"]]
    with pytest.raises(ClientError, match="The next token specified is invalid"):
        watch.describe_alarms(NextToken="other")


def test_alarms_of_a_metric_have_its_dimensions(watch: Any) -> None:
    assert names(watch.describe_alarms_for_metric(**METRIC)) == ["rain-everywhere", "storm"]
    assert names(watch.describe_alarms_for_metric(**METRIC, Dimensions=LONDON)) == ["rain-in-london"]
    assert names(watch.describe_alarms_for_metric(**METRIC, Period=300)) == ["storm"]
    assert names(watch.describe_alarms_for_metric(**METRIC, Statistic="Average")) == []
