"""What services leave in CloudWatch, and in memory: log events and metrics, both bounded."""

from __future__ import annotations

import datetime
import gc
import itertools
import json
import secrets
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from localcloud import log_streams, metrics
from localcloud.cloud import Cloud
from localcloud.log_streams import LogStream
from localcloud.sagemaker.logs import LogStream as JobLogStream
from localcloud.server import Server


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Server(port=0, services=[]) as server:
        yield server.cloud


def events_of(cloud: Cloud, group: str) -> list[str]:
    """The messages of a log group, stream by stream, as moto keeps them."""
    from moto.logs.models import logs_backends

    streams = logs_backends[cloud.account_id][cloud.region].groups[group].streams.values()
    return [event.message for stream in streams for event in stream.events]


def role_with(cloud: Cloud, *actions: str) -> str:
    iam = cloud.client("iam")
    role = iam.create_role(RoleName=f"role-{secrets.token_hex(4)}", AssumeRolePolicyDocument="{}")["Role"]
    if actions:
        may(cloud, role["Arn"], *actions)
    return role["Arn"]


def may(cloud: Cloud, role_arn: str, *actions: str) -> None:
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = role_arn.rpartition("/")[2]
    cloud.client("iam").put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)


def test_a_log_group_that_is_deleted_meanwhile_is_made_again(cloud: Cloud) -> None:
    stream = JobLogStream(cloud, role_with(cloud, "logs:*"), "/jobs", "one")
    stream.write("before")
    logs = cloud.client("logs")
    while not logs.describe_log_groups(logGroupNamePrefix="/jobs")["logGroups"]:
        time.sleep(0.01)
    logs.delete_log_group(logGroupName="/jobs")
    stream.write("after")
    stream.close()
    assert events_of(cloud, "/jobs") == ["after"]


def test_what_a_role_may_not_write_is_dropped_and_reported(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    role = role_with(cloud)
    stream = JobLogStream(cloud, role, "/refused", "one")
    tracemalloc.start()
    for _ in range(100):
        stream.write("x" * 100_000)
    stream.flush()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 4_000_000
    may(cloud, role, "logs:*")
    stream.write("from here on")
    stream.close()
    note, line = events_of(cloud, "/refused")
    assert note == f"100 log events before this one were lost: the role {role} may not logs:PutLogEvents"
    assert line == "from here on"
    assert caplog.text.count("may not logs:PutLogEvents") == 1


def test_an_error_of_moto_costs_its_batch_and_does_not_end_the_stream(
    cloud: Cloud, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.logs.models import LogGroup

    put, failed, kept = LogGroup.put_log_events, threading.Event(), threading.Event()

    def put_or_fail(group: LogGroup, stream: str, events: list[dict[str, object]]) -> None:
        if not failed.is_set():
            failed.set()
            raise MemoryError("no room")
        put(group, stream, events)
        if events[-1]["message"] == "kept":
            kept.set()

    monkeypatch.setattr(LogGroup, "put_log_events", put_or_fail)
    stream = JobLogStream(cloud, None, "/broken", "one")
    stream.write("lost")
    assert failed.wait(60)
    stream.write("kept")
    assert kept.wait(60), "the thread of the stream has ended"
    stream.close()
    note, line = events_of(cloud, "/broken")
    assert (note, line) == ("1 log events before this one were lost: MemoryError: no room", "kept")


@pytest.mark.slow
def test_whoever_prints_fast_loses_nothing(cloud: Cloud) -> None:
    stream = JobLogStream(cloud, None, "/fast", "one")
    for number in range(50_000):
        stream.write(str(number))
    stream.close()
    assert events_of(cloud, "/fast") == [str(number) for number in range(50_000)]


def test_a_line_that_is_longer_than_an_event_becomes_several(cloud: Cloud) -> None:
    stream = LogStream(cloud, "/long", "one")
    line = "x" + "\u00fc\u20ac" * 500_000
    stream.write(line, "", "\ud800")
    stream.flush()
    *pieces, empty, surrogate = events_of(cloud, "/long")
    assert "".join(pieces) == line
    assert all(len(piece.encode()) <= log_streams.MAX_EVENT_BYTES for piece in pieces)
    assert len(pieces) == 3
    assert (empty, surrogate) == (" ", "?")


def test_batches_have_the_limits_of_put_log_events() -> None:
    def event(timestamp: int, size: int = 1) -> dict[str, object]:
        return {"timestamp": timestamp, "message": "x" * size}

    def sizes(events: list[dict[str, object]]) -> list[int]:
        return [len(batch) for batch in log_streams.batches(events)]

    assert sizes([]) == []
    assert sizes([event(0)] * 25_000) == [10_000, 10_000, 5_000]
    assert sizes([event(0, 262_118)] * 9) == [4, 4, 1]  # 1,048,576 bytes, 26 for each event included
    day = 24 * 3600 * 1000
    assert sizes([event(0), event(day - 1), event(day)]) == [2, 1]


def test_a_clock_that_is_set_back_leaves_the_lines_in_their_order(cloud: Cloud) -> None:
    now = time.time()
    times = iter((now, now - 3600))
    stream = LogStream(cloud, "/clock", "one", clock=lambda: next(times))
    stream.write("first")
    stream.write("second")
    stream.flush()
    assert events_of(cloud, "/clock") == ["first", "second"]


@pytest.mark.parametrize("step", [0, 1], ids=["in one millisecond", "a millisecond each"])
def test_the_newest_events_of_a_log_group_are_kept(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(log_streams, "MAX_KEPT_EVENTS", 100)
    monkeypatch.setattr(log_streams, "DROPPED_AT_ONCE", 10)
    group, milliseconds = f"/api-{step}", itertools.count(int(time.time() * 1000), step)
    streams = [
        LogStream(cloud, group, name, newest_only=True, clock=lambda: next(milliseconds) / 1000)
        for name in ("one", "two")
    ]
    for number in range(500):
        streams[number % 2].write(f"number {number}")
        streams[number % 2].flush()
    numbers = [int(message.removeprefix("number ")) for message in events_of(cloud, group)]
    assert 100 <= len(numbers) < 110
    assert min(numbers) >= 380
    from moto.logs.models import LogEvent

    # Nothing else keeps the others: moto has a list of all that it ever made, for its dashboard.
    gc.collect()
    alive = [each.message for each in gc.get_objects() if type(each) is LogEvent]
    assert sum(message.startswith("number ") for message in alive) == len(numbers)


def test_a_log_group_that_somebody_else_has_to_make_is_not_made(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    stream = LogStream(cloud, "/theirs", "one", makes_group=False)
    for line in ("one", "two"):
        stream.write(line)
        stream.flush()
    logs = cloud.client("logs")
    assert not logs.describe_log_groups(logGroupNamePrefix="/theirs")["logGroups"]
    assert caplog.text.count("there is no such log group") == 1
    logs.create_log_group(logGroupName="/theirs")
    stream.write("three")
    stream.flush()
    assert events_of(cloud, "/theirs")[-1] == "three"


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
