"""Searches of CloudWatch Logs do what they say or are refused."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

from localcloud.logs import LogsService

MESSAGES = ['{"level":"x","n":3}', '{"level":"y"}', "ERROR one", "two WARN", "1 2"]


@pytest.fixture(scope="module")
def logs() -> Iterator[Any]:
    with running(LogsService) as account:
        yield filled(account)


def filled(account: Account) -> Any:
    """A client, after it has written the messages to two streams in turn, a millisecond apart."""
    client = account.client("logs")
    client.create_log_group(logGroupName="/g")
    begin = int(time.time() * 1000) - 60_000
    for stream in (0, 1):
        client.create_log_stream(logGroupName="/g", logStreamName=f"s{stream}")
        events = [{"timestamp": begin + n, "message": text} for n, text in enumerate(MESSAGES)]
        client.put_log_events(logGroupName="/g", logStreamName=f"s{stream}", logEvents=events[stream::2])
    return client


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ('{ $.level = "x" }', [0]),
        ("?ERROR ?WARN", [2, 3]),
        ("[a, b = 2]", [4]),
        ('"two WARN"', [3]),
        ("-ERROR", [0, 1, 3, 4]),
        ("%[a-z]{3} W%", [3]),
        ("", [0, 1, 2, 3, 4]),
    ],
)
def test_a_pattern_finds_its_events_in_the_order_of_their_times(
    logs: Any, pattern: str, numbers: list[int]
) -> None:
    found = logs.filter_log_events(logGroupName="/g", filterPattern=pattern)["events"]
    assert [event["message"] for event in found] == [MESSAGES[number] for number in numbers]


def test_searches_may_be_narrowed_and_paged(logs: Any) -> None:
    def found(**request: Any) -> list[str]:
        pages = logs.get_paginator("filter_log_events").paginate(**request)
        return [event["message"] for page in pages for event in page["events"]]

    assert found(logGroupName="/g", logStreamNames=["s1"]) == MESSAGES[1::2]
    assert found(logGroupName="/g", logStreamNamePrefix="s0") == MESSAGES[::2]
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/g"
    assert found(logGroupIdentifier=arn, PaginationConfig={"PageSize": 2}) == MESSAGES
    first = logs.filter_log_events(logGroupName="/g", filterPattern="?ERROR ?WARN", limit=1)
    assert [event["message"] for event in first["events"]] == ["ERROR one"]
    times = [event["timestamp"] for event in logs.filter_log_events(logGroupName="/g")["events"]]
    assert found(logGroupName="/g", startTime=times[1], endTime=times[3]) == MESSAGES[1:4]


def test_a_pattern_can_be_tried(logs: Any) -> None:
    answer = logs.test_metric_filter(filterPattern="ERROR", logEventMessages=MESSAGES)
    assert [one["eventNumber"] for one in answer["matches"]] == [3]
    answer = logs.test_metric_filter(filterPattern="{ $.a = * }", logEventMessages=['{"a": "x", "b": 1}'])
    assert answer["matches"][0]["extractedValues"] == {"$.a": "x"}


@pytest.mark.parametrize(
    ("pattern", "message", "words"),
    [
        ("[a=" + "*a" * 500 + "b]", "a" * 2_000, "Invalid filter pattern: it takes more than"),
        ("{ $.a > x }", '{"a": 1}', "'x' is not a number"),
    ],
)
def test_what_turns_out_to_be_invalid_at_an_event_is_refused(
    logs: Any, pattern: str, message: str, words: str
) -> None:
    with pytest.raises(logs.exceptions.InvalidParameterException, match=words):
        logs.test_metric_filter(filterPattern=pattern, logEventMessages=[message])
    logs.create_log_group(logGroupName="/events")
    logs.create_log_stream(logGroupName="/events", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": message}
    logs.put_log_events(logGroupName="/events", logStreamName="s", logEvents=[event])
    with pytest.raises(logs.exceptions.InvalidParameterException, match=words):
        logs.filter_log_events(logGroupName="/events", filterPattern=pattern)
    logs.delete_log_group(logGroupName="/events")


def test_a_batch_of_events_has_a_size(logs: Any) -> None:
    """The words are those of https://github.com/vectordotdev/vector/issues/2394."""
    place = {"logGroupName": "/g", "logStreamName": "s0"}
    now, weight = int(time.time() * 1000), 500_000 + 26
    events = [{"timestamp": now, "message": "m" * 500_000} for _ in range(3)]
    with pytest.raises(logs.exceptions.InvalidParameterException) as caught:
        logs.put_log_events(**place, logEvents=events)
    words = f"Upload too large: {3 * weight} bytes exceeds limit of 1048576"
    assert caught.value.response["Error"]["Message"] == words


def test_invalid_searches_are_refused(logs: Any) -> None:
    for message, call, request in (
        (r"Invalid character\(s\) in term 'a:b'", logs.filter_log_events, {"filterPattern": "a:b"}),
        ("it is incomplete", logs.filter_log_events, {"filterPattern": "{ $.a = }"}),
        (
            "mutually exclusive",
            logs.filter_log_events,
            {"logStreamNames": ["s0"], "logStreamNamePrefix": "s"},
        ),
        (
            "localcloud does not support queries of Logs Insights",
            logs.start_query,
            {"startTime": 0, "endTime": 1, "queryString": "fields @message | stats count()"},
        ),
        (
            "localcloud does not support subscription filters",
            logs.put_subscription_filter,
            {
                "filterName": "f",
                "filterPattern": "ERROR",
                "destinationArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            },
        ),
        (
            r"Invalid character\(s\) in term 'a:b'",
            logs.put_metric_filter,
            {
                "filterName": "f",
                "filterPattern": "a:b",
                "metricTransformations": [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
            },
        ),
    ):
        with pytest.raises(ClientError, match=message) as caught:
            call(logGroupName="/g", **request)
        assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.filter_log_events(logGroupName="/none")


ONE_METRIC = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
NO_STREAM = "The specified log stream does not exist."
NO_GROUP = "The specified log group does not exist."
MANY_EVENTS = [{"timestamp": number * 90_000_000, "message": "m"} for number in (0, 1)]


# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html and others
@pytest.mark.parametrize(
    ("operation", "request_", "code", "message"),
    [
        (
            "create_log_stream",
            {"logStreamName": "s0"},
            "ResourceAlreadyExistsException",
            "log stream already",
        ),
        ("delete_log_stream", {"logStreamName": "none"}, "ResourceNotFoundException", NO_STREAM),
        ("get_log_events", {"logStreamName": "none"}, "ResourceNotFoundException", NO_STREAM),
        (
            "put_log_events",
            {"logStreamName": "s0", "logEvents": MANY_EVENTS},
            "InvalidParameterException",
            "cannot span more than 24 hours",
        ),
        (
            "put_retention_policy",
            {"retentionInDays": 2},
            "InvalidParameterException",
            "enum value set: [1, 3, 5",
        ),
        (
            "put_metric_filter",
            {
                "logGroupName": "/none",
                "filterName": "f",
                "filterPattern": "",
                "metricTransformations": [
                    {"metricName": "m", "metricNamespace": "n", "metricValue": "1"},
                ],
            },
            "ResourceNotFoundException",
            NO_GROUP,
        ),
        (
            "put_metric_filter",
            {
                "filterName": "f",
                "filterPattern": "",
                "metricTransformations": [ONE_METRIC | {"metricValue": "one"}],
            },
            "InvalidParameterException",
            "metricValue 'one'",
        ),
        (
            "put_metric_filter",
            {
                "filterName": "f",
                "filterPattern": "",
                "metricTransformations": [ONE_METRIC | {"defaultValue": 0, "dimensions": {"a": "$.b"}}],
            },
            "InvalidParameterException",
            "dimensions and default value are mutually exclusive",
        ),
        (
            "delete_metric_filter",
            {"filterName": "none"},
            "ResourceNotFoundException",
            "The specified metric filter does not exist.",
        ),
        ("filter_log_events", {"logStreamNames": ["none"]}, "ResourceNotFoundException", NO_STREAM),
        (
            "get_log_events",
            {"logGroupIdentifier": "/g", "logStreamName": "s0"},
            "InvalidParameterException",
            "mutually exclusive",
        ),
        (
            "create_log_group",
            {"logGroupName": "aws/x"},
            "InvalidParameterException",
            "Log groups starting with AWS/ are reserved for AWS.",
        ),
        (
            "create_log_group",
            {"logGroupName": "/k", "kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/none"},
            "InvalidParameterException",
            "The specified KMS key does not exist",
        ),
        ("tag_log_group", {"tags": {"aws:a": "1"}}, "InvalidParameterException", "must not begin with aws:"),
        (
            "tag_log_group",
            {"logGroupName": "/none", "tags": {"a": "1"}},
            "ResourceNotFoundException",
            NO_GROUP,
        ),
        ("list_tags_log_group", {"logGroupName": "/none"}, "ResourceNotFoundException", NO_GROUP),
    ],
)
def test_requests_that_cloudwatch_logs_refuses(
    logs: Any, operation: str, request_: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(logs, operation)(**{"logGroupName": "/g"} | request_)
    assert caught.value.response["Error"]["Code"] == code
    assert message in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("identifier", ["/g", "arn:aws:logs:us-east-1:123456789012:log-group:/g"])
def test_a_group_is_read_by_its_identifier(logs: Any, identifier: str) -> None:
    place = {"logGroupIdentifier": identifier, "logStreamName": "s0"}
    events = logs.get_log_events(**place, startFromHead=True)["events"]
    assert [event["message"] for event in events] == MESSAGES[::2]


def test_events_out_of_time_are_rejected_by_their_positions(logs: Any) -> None:
    """The end of those that are too old is exclusive (botocore's RejectedLogEventsInfo)."""
    place = {"logGroupName": "/g", "logStreamName": "times"}
    logs.create_log_stream(**place)
    now = int(time.time() * 1000)
    old, ahead = now - 15 * 86_400_000, now + 3 * 3_600_000
    for times, rejected, kept in (
        ([old, old + 1], {"tooOldLogEventEndIndex": 2}, 0),
        ([now, ahead, ahead + 1], {"tooNewLogEventStartIndex": 1}, 1),
    ):
        answer = logs.put_log_events(
            **place, logEvents=[{"timestamp": each, "message": "m"} for each in times]
        )
        assert answer["rejectedLogEventsInfo"] == rejected
        assert len(logs.get_log_events(**place, startFromHead=True)["events"]) == kept


def test_groups_and_streams_are_described_in_pages_that_aws_gives_out(logs: Any) -> None:
    """LocalStack's tests/aws/services/logs/test_logs.snapshot.json and the API's reference."""
    logs.create_log_group(logGroupName="/h")
    first = logs.describe_log_groups(limit=1)
    assert logs.describe_log_groups(nextToken=first["nextToken"])["logGroups"]
    assert {group["logGroupClass"] for group in first["logGroups"]} == {"STANDARD"}
    found = logs.describe_log_groups(logGroupNamePattern="h")
    assert [group["logGroupName"] for group in found["logGroups"]] == ["/h"] and "nextToken" not in found
    assert logs.describe_log_groups(logGroupNamePattern="H")["logGroups"] == []
    streams = logs.describe_log_streams(logGroupName="/g")["logStreams"]
    assert {stream["storedBytes"] for stream in streams} == {0}
    for code, call, request in (
        ("InvalidParameterException", logs.describe_log_groups, {"nextToken": "x"}),
        ("InvalidParameterException", logs.describe_log_groups, {"nextToken": "NQ=="}),
        ("InvalidParameterException", logs.filter_log_events, {"logGroupName": "/g", "nextToken": "x"}),
        ("InvalidParameterException", logs.describe_log_streams, {"logGroupName": "/g", "nextToken": "x"}),
        (
            "UnsupportedOperationException",
            logs.describe_log_groups,
            {"logGroupNamePattern": "h", "logGroupClass": "INFREQUENT_ACCESS"},
        ),
        ("UnsupportedOperationException", logs.describe_log_groups, {"logGroupIdentifiers": ["/g"]}),
        (
            "ValidationException",
            logs.describe_log_streams,
            {"logGroupName": "/g", "logGroupIdentifier": "/g"},
        ),
        (
            "InvalidParameterException",
            logs.describe_log_groups,
            {"logGroupNamePrefix": "/g", "logGroupNamePattern": "g"},
        ),
        ("ResourceNotFoundException", logs.describe_metric_filters, {"logGroupName": "/none"}),
    ):
        with pytest.raises(ClientError) as caught:
            call(**request)
        assert caught.value.response["Error"]["Code"] == code


def test_every_stream_is_in_a_page(logs: Any) -> None:
    group = {"logGroupName": "/paged"}
    logs.create_log_group(**group)
    names = ["a", "b@c", "d", "ea", "eb"]
    now = int(time.time() * 1000)
    for age, name in enumerate(names):
        logs.create_log_stream(**group, logStreamName=name)
        events = [{"timestamp": now - age, "message": "x"}]
        logs.put_log_events(**group, logStreamName=name, logEvents=events)

    def listed(**request: Any) -> list[str]:
        pages = logs.get_paginator("describe_log_streams").paginate(
            **group, **request, PaginationConfig={"PageSize": 2}
        )
        return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]

    assert listed() == names
    assert listed(descending=True) == names[::-1]
    assert listed(logStreamNamePrefix="e") == ["ea", "eb"]
    assert listed(orderBy="LastEventTime") == names[::-1]
    assert listed(orderBy="LastEventTime", descending=True) == names
    with pytest.raises(ClientError, match="Cannot order by LastEventTime with a logStreamNamePrefix"):
        listed(orderBy="LastEventTime", logStreamNamePrefix="e")
