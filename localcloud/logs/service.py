"""Searches log groups by filter patterns, of which moto supports only simple terms; and checks requests.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from localcloud.cloud import Cloud
from localcloud.logs.comparisons import InvalidPattern
from localcloud.logs.patterns import Predicate, compile_pattern
from localcloud.protocol import ApiError
from localcloud.protocol.service import FORWARD, ModelledService, Operation
from localcloud.untrusted import PatternError

PAGE_EVENTS = 10_000
BATCH_MILLISECONDS = 24 * 60 * 60 * 1000
RETENTION_DAYS = (
    *(
        1,
        3,
        5,
        7,
        14,
        30,
        60,
        90,
        120,
        150,
        180,
        365,
        400,
        545,
        731,
        1096,
        1827,
        2192,
        2557,
        2922,
        3288,
        3653,
    ),
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""
UNSUPPORTED = {
    "PutSubscriptionFilter": "subscription filters (PutSubscriptionFilter)",
    "StartLiveTail": "live tails (StartLiveTail); use FilterLogEvents with a filter pattern",
    "StartQuery": "queries of Logs Insights (StartQuery); use FilterLogEvents with a filter pattern",
}
"""Operations that are refused with a message that names the feature; moto would at most store them."""


class LogsService(ModelledService):
    """Answers the requests to CloudWatch Logs that need more than moto's records."""

    service_name = "logs"
    validation_code = "InvalidParameterException"
    answers = frozenset({service_name})
    regional = True

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def filter_log_events(
        self,
        logGroupName: str | None = None,
        logGroupIdentifier: str | None = None,
        logStreamNames: Sequence[str] | None = None,
        logStreamNamePrefix: str | None = None,
        startTime: int = 0,
        endTime: int | None = None,
        filterPattern: str = "",
        nextToken: str | None = None,
        limit: int = PAGE_EVENTS,
        startFromHead: bool = True,
        interleaved: bool = True,
        unmask: bool = False,
    ) -> dict[str, Any]:
        if not startFromHead:
            raise _invalid("localcloud does not support startFromHead=false in FilterLogEvents.")
        if logStreamNames and logStreamNamePrefix:
            raise _invalid("logStreamNames and logStreamNamePrefix are mutually exclusive")
        group = self._group(logGroupName or logGroupIdentifier or "")
        matches = _compiled(filterPattern)
        chosen = [
            stream
            for name, stream in list(group.streams.items())
            if (not logStreamNames or name in logStreamNames) and name.startswith(logStreamNamePrefix or "")
        ]
        events = [
            event
            for event in _events(chosen)
            if startTime <= event["timestamp"] and (endTime is None or event["timestamp"] <= endTime)
        ]
        try:
            found = [event for event in events if matches(event["message"])]
        except (InvalidPattern, PatternError) as error:
            raise _invalid(str(error)) from error
        return _page(found, nextToken, limit)

    def test_metric_filter(self, filterPattern: str, logEventMessages: Sequence[str]) -> dict[str, Any]:
        matches = _compiled(filterPattern)
        found = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": {}}
            for number, message in enumerate(logEventMessages, 1)
            if matches(message)
        ]
        return {"matches": found}

    def put_metric_filter(self, logGroupName: str, filterPattern: str, **request: Any) -> object:
        """Checks a filter, which moto keeps as a record; no metrics are derived from it."""
        self._group(logGroupName)
        _compiled(filterPattern)
        return FORWARD

    def create_log_stream(self, logGroupName: str, logStreamName: str) -> object:
        if logStreamName in self._group(logGroupName).streams:
            raise ApiError("ResourceAlreadyExistsException", "The specified log stream already exists")
        return FORWARD

    def delete_log_stream(self, logGroupName: str, logStreamName: str) -> object:
        self._check_stream(logGroupName, logStreamName)
        return FORWARD

    def get_log_events(
        self,
        logStreamName: str,
        logGroupName: str | None = None,
        logGroupIdentifier: str | None = None,
        **request: Any,
    ) -> object:
        group = self._check_stream(logGroupName or logGroupIdentifier or "", logStreamName)
        if logGroupName:
            return FORWARD
        # moto knows groups by their names only.
        answer: dict[str, Any] = self._cloud.client("logs").get_log_events(
            logGroupName=group.name, logStreamName=logStreamName, **request
        )
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def put_log_events(self, logEvents: Sequence[Mapping[str, Any]], **request: Any) -> object:
        times = [event["timestamp"] for event in logEvents]
        if max(times) - min(times) > BATCH_MILLISECONDS:
            raise _invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            )
        return FORWARD

    def put_retention_policy(self, logGroupName: str, retentionInDays: int) -> object:
        if retentionInDays not in RETENTION_DAYS:
            allowed = ", ".join(map(str, RETENTION_DAYS))
            raise _invalid(
                f"1 validation error detected: Value '{retentionInDays}' at 'retentionInDays' failed to "
                f"satisfy constraint: Member must satisfy enum value set: [{allowed}]"
            )
        return FORWARD

    def operation(self, name: str) -> Operation | None:
        if what := UNSUPPORTED.get(name):
            return functools.partial(_refuse, what)
        return super().operation(name)

    def operations(self) -> dict[str, set[str]]:
        return {name: found - UNSUPPORTED.keys() for name, found in super().operations().items()}

    def _check_stream(self, group: str, stream: str) -> Any:
        """moto's record of the group that has the stream. Raises ApiError."""
        found = self._group(group)
        if stream not in found.streams:
            raise ApiError("ResourceNotFoundException", "The specified log stream does not exist.")
        return found

    def _group(self, identifier: str) -> Any:
        from moto.logs.models import logs_backends

        name = identifier.split(":", 6)[6].removesuffix(":*") if identifier.startswith("arn:") else identifier
        group = logs_backends[self._cloud.account_id][self._cloud.region].groups.get(name)
        if group is None:
            raise ApiError("ResourceNotFoundException", "The specified log group does not exist.")
        return group


def _compiled(pattern: str) -> Predicate:
    try:
        return compile_pattern(pattern)
    except InvalidPattern as error:
        raise _invalid(str(error)) from error


def _events(streams: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The events of moto's streams in the order of their times."""
    found = [(stream.log_stream_name, event) for stream in streams for event in list(stream.events)]
    for name, event in sorted(found, key=lambda one: one[1].timestamp):
        yield event.to_filter_dict() | {"logStreamName": name}


def _page(events: list[dict[str, Any]], token: str | None, limit: int) -> dict[str, Any]:
    if token is not None and not token.isdecimal():
        raise _invalid("The specified nextToken is invalid.")
    start = int(token or 0)
    answer: dict[str, Any] = {"events": events[start : start + limit], "searchedLogStreams": []}
    if start + limit < len(events):
        answer["nextToken"] = str(start + limit)
    return answer


def _refuse(what: str, **request: Any) -> None:
    raise _invalid(f"localcloud does not support {what}.")


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)
