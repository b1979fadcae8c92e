"""What every request leaves in memory: log events and metrics, both bounded."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from localcloud import metrics, request_logs
from localcloud.cloud import Cloud
from localcloud.server import Server


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Server(port=0, services=[]) as server:
        yield server.cloud


def test_the_newest_events_of_a_log_group_are_kept(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.logs.models import logs_backends

    monkeypatch.setattr(request_logs, "MAX_EVENTS", 100)
    monkeypatch.setattr(request_logs, "DROPPED_AT_ONCE", 10)
    backend = logs_backends[cloud.account_id][cloud.region]
    backend.ensure_log_group("/api")
    for name in ("one", "two"):
        backend.ensure_log_stream("/api", name)
    now = int(datetime.datetime.now().timestamp() * 1000)
    for number in range(500):
        event = {"timestamp": now + number, "message": str(number)}
        backend.put_log_events("/api", ("one", "two")[number % 2], [event])
        request_logs.keep_newest(cloud, "/api")
    events = [event for stream in backend.groups["/api"].streams.values() for event in stream.events]
    assert 100 <= len(events) < 110
    assert min(int(event.message) for event in events) > 380
    request_logs.keep_newest(cloud, "/no-such-group")


def test_a_metric_is_kept_as_one_statistic_a_minute(cloud: Cloud) -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    for second in range(600):
        metrics.record(
            cloud,
            "Own",
            {"Api": "a"},
            {"Latency": (float(second), "Milliseconds"), "Count": (1, "Count")},
            (began.timestamp() + second / 5) * 1000,
        )
    assert len(cloudwatch_backends[cloud.account_id][cloud.region].metric_data) == 4
    [point] = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="Own",
        MetricName="Latency",
        Dimensions=[{"Name": "Api", "Value": "a"}],
        StartTime=began,
        EndTime=began + datetime.timedelta(hours=1),
        Period=3600,
        Statistics=["Sum", "Minimum", "Maximum", "SampleCount", "Average"],
    )["Datapoints"]
    assert (point["Minimum"], point["Maximum"], point["SampleCount"]) == (0, 599, 600)
    assert point["Sum"] == sum(range(600))
    assert point["Average"] == pytest.approx(299.5)
