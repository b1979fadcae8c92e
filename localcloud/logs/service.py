"""Searches log groups by filter patterns, of which moto supports only simple terms; and checks requests.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

import contextlib
import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from localcloud.cloud import Cloud
from localcloud.kms_keys import usable_key
from localcloud.log_streams import MAX_BATCH_BYTES, weight_of
from localcloud.logs.comparisons import InvalidPattern
from localcloud.logs.patterns import Extraction, compile_pattern
from localcloud.moto_backends import backend_of
from localcloud.numerals import number_of
from localcloud.protocol import ApiError, InvalidRequest
from localcloud.protocol.pages import page
from localcloud.protocol.service import FORWARD, ModelledService, Operation
from localcloud.untrusted import PatternError

PAGE_EVENTS = 10_000
PAGE_RECORDS = 50
BATCH_MILLISECONDS = 24 * 60 * 60 * 1000
NO_STREAM = "The specified log stream does not exist."
RESERVED_GROUPS = "aws/"
MAX_AGE_MILLISECONDS = 14 * BATCH_MILLISECONDS
MAX_AHEAD_MILLISECONDS = 2 * 60 * 60 * 1000
"""Events that are older, or further in the future, are rejected."""
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
BRIEF = ("arn", "creationTime", "logGroupArn", "logGroupClass", "logGroupName")
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
        extract = _compiled(filterPattern)
        if set(logStreamNames or ()) - set(group.streams):
            raise ApiError("ResourceNotFoundException", NO_STREAM)
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
        found = [event for event in events if extract(event["message"]) is not None]
        return _page("events", found, nextToken, limit) | {"searchedLogStreams": []}

    def describe_log_groups(
        self,
        logGroupNamePattern: str = "",
        logGroupNamePrefix: str = "",
        nextToken: str | None = None,
        limit: int = PAGE_RECORDS,
        **request: Any,
    ) -> object:
        if logGroupNamePattern and logGroupNamePrefix:
            raise _invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        if request.keys() - {"logGroupClass"} or request.get("logGroupClass", "STANDARD") != "STANDARD":
            return FORWARD  # there, these are refused
        groups = sorted(self._backend().groups.values(), key=lambda group: group.name)
        found = [
            _described(group, bool(logGroupNamePattern))
            for group in groups
            if group.name.startswith(logGroupNamePrefix) and logGroupNamePattern in group.name
        ]
        return _page("logGroups", found, nextToken, limit)

    def describe_log_streams(
        self,
        logGroupName: str | None = None,
        logGroupIdentifier: str | None = None,
        logStreamNamePrefix: str = "",
        orderBy: str = "LogStreamName",
        descending: bool = False,
        nextToken: str | None = None,
        limit: int = PAGE_RECORDS,
    ) -> dict[str, Any]:
        """moto's pages end at a token that it does not know, as at that of a stream with @ in its name."""
        if logGroupName and logGroupIdentifier:
            raise ApiError(
                "ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters."
            )
        if logStreamNamePrefix and orderBy == "LastEventTime":
            raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        streams = list(self._group(logGroupName or logGroupIdentifier or "").streams.items())
        # AWS has not counted the bytes of a stream since 2019.
        found = [
            stream.to_describe_dict() | {"storedBytes": 0}
            for name, stream in sorted(streams, reverse=descending)
            if name.startswith(logStreamNamePrefix)
        ]
        if orderBy == "LastEventTime":
            found.sort(key=lambda stream: stream.get("lastEventTimestamp", 0), reverse=descending)
        return _page("logStreams", found, nextToken, limit)

    def describe_metric_filters(self, logGroupName: str | None = None, **request: Any) -> object:
        if logGroupName:
            self._group(logGroupName)
        return FORWARD

    def test_metric_filter(self, filterPattern: str, logEventMessages: Sequence[str]) -> dict[str, Any]:
        extract = _compiled(filterPattern)
        found = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": values}
            for number, message in enumerate(logEventMessages, 1)
            if (values := extract(message)) is not None
        ]
        return {"matches": found}

    def put_metric_filter(self, logGroupName: str, filterPattern: str, **request: Any) -> object:
        """Checks a filter, which moto keeps as a record; no metrics are derived from it."""
        self._group(logGroupName)
        _compiled(filterPattern)
        for transformation in request["metricTransformations"]:
            _check_transformation(transformation)
        return FORWARD

    def delete_metric_filter(self, logGroupName: str, filterName: str) -> object:
        self._group(logGroupName)
        filters = self._backend().describe_metric_filters(log_group_name=logGroupName)
        if all(each["filterName"] != filterName for each in filters):
            raise ApiError("ResourceNotFoundException", "The specified metric filter does not exist.")
        return FORWARD

    def create_log_group(self, logGroupName: str, **request: Any) -> object:
        if logGroupName.lower().startswith(RESERVED_GROUPS):
            raise _invalid("Log groups starting with AWS/ are reserved for AWS.")
        _check_tags(request.get("tags") or {})
        if key := request.get("kmsKeyId"):
            self._check_key(key)
        return FORWARD

    def tag_log_group(self, logGroupName: str, tags: Mapping[str, str]) -> object:
        self._group(logGroupName)
        _check_tags(tags)
        return FORWARD

    def untag_log_group(self, logGroupName: str, tags: Sequence[str]) -> object:
        self._group(logGroupName)
        return FORWARD

    def list_tags_log_group(self, logGroupName: str) -> object:
        self._group(logGroupName)
        return FORWARD

    def tag_resource(self, resourceArn: str, tags: Mapping[str, str]) -> object:
        self._group(resourceArn)
        _check_tags(tags)
        return FORWARD

    def untag_resource(self, resourceArn: str, tagKeys: Sequence[str]) -> object:
        self._group(resourceArn)
        return FORWARD

    def list_tags_for_resource(self, resourceArn: str) -> object:
        self._group(resourceArn)
        return FORWARD

    def create_log_stream(self, logGroupName: str, logStreamName: str) -> object:
        if logStreamName in self._group(logGroupName).streams:
            raise ApiError("ResourceAlreadyExistsException", "The specified log stream already exists")
        return FORWARD

    def delete_resource_policy(self, policyName: str | None = None, **request: Any) -> object:
        """moto says that there is none of this name; none can be created."""
        if policyName is None or request:
            raise _invalid("localcloud supports only policyName in DeleteResourcePolicy.")
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
        if logGroupName and logGroupIdentifier:
            raise _invalid("logGroupName and logGroupIdentifier are mutually exclusive")
        group = self._check_stream(logGroupName or logGroupIdentifier or "", logStreamName)
        if logGroupName:
            return FORWARD
        # moto knows groups by their names only.
        answer: dict[str, Any] = self._cloud.client("logs").get_log_events(
            logGroupName=group.name, logStreamName=logStreamName, **request
        )
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def put_log_events(
        self, logGroupName: str, logStreamName: str, logEvents: Sequence[Mapping[str, Any]], **request: Any
    ) -> object:
        size = sum(weight_of(event["message"]) for event in logEvents)
        if size > MAX_BATCH_BYTES:
            raise _invalid(f"Upload too large: {size} bytes exceeds limit of {MAX_BATCH_BYTES}")
        times = [event["timestamp"] for event in logEvents]
        if max(times) - min(times) > BATCH_MILLISECONDS:
            raise _invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            )
        if times != sorted(times):
            raise _invalid("Log events in a single PutLogEvents request must be in chronological order.")
        now = time.time() * 1000
        too_old = sum(each < now - MAX_AGE_MILLISECONDS for each in times)
        too_new = sum(each > now + MAX_AHEAD_MILLISECONDS for each in times)
        if not too_old and not too_new:
            return FORWARD
        # moto tells the last event that is too old, and the last that is too new.
        stream = self._check_stream(logGroupName, logStreamName).streams[logStreamName]
        token = stream.put_log_events([dict(each) for each in logEvents[too_old : len(times) - too_new]])
        rejected = {"tooOldLogEventEndIndex": too_old} if too_old else {}
        rejected |= {"tooNewLogEventStartIndex": len(times) - too_new} if too_new else {}
        return {"nextSequenceToken": token, "rejectedLogEventsInfo": rejected}

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
            raise ApiError("ResourceNotFoundException", NO_STREAM)
        return found

    def _backend(self) -> Any:
        from moto.logs.models import logs_backends

        return backend_of(logs_backends, self._cloud.account_id, self._cloud.region)

    def _check_key(self, key: str) -> None:
        try:
            usable_key(self._cloud, key)
        except ApiError as error:
            raise _invalid(
                f"The specified KMS key does not exist or is not allowed to be used ({key})"
            ) from error

    def _group(self, identifier: str) -> Any:
        name = identifier.split(":", 6)[6].removesuffix(":*") if identifier.startswith("arn:") else identifier
        group = self._backend().groups.get(name)
        if group is None:
            raise ApiError("ResourceNotFoundException", "The specified log group does not exist.")
        return group


def _described(group: Any, is_brief: bool) -> dict[str, Any]:
    """moto's description of a group; a brief one, for a search for a pattern, lacks some members."""
    described = group.to_describe_dict() | {"logGroupClass": "STANDARD"}
    shown = BRIEF if is_brief else described.keys()
    return {name: described[name] for name in shown}


def _check_tags(tags: Mapping[str, str]) -> None:
    if reserved := [key for key in tags if key.lower().startswith("aws:")]:
        raise _invalid(f"Tag keys must not begin with aws: (given: {', '.join(reserved)})")


def _check_transformation(transformation: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_MetricTransformation.html"""
    value: str = transformation["metricValue"]
    if not value.startswith("$") and number_of(value) is None:
        raise _invalid(
            f"Invalid metric transformation: metricValue {value!r} is neither a number nor a $field"
        )
    if "defaultValue" in transformation and transformation.get("dimensions"):
        raise _invalid("Invalid metric transformation: dimensions and default value are mutually exclusive")


def _compiled(pattern: str) -> Extraction:
    """What a pattern finds in a message. Raises ApiError, also for what turns out to be wrong only there."""
    with _refusing_patterns():
        extract = compile_pattern(pattern)

    def found_in(message: str) -> dict[str, str] | None:
        with _refusing_patterns():
            return extract(message)

    return found_in


@contextlib.contextmanager
def _refusing_patterns() -> Iterator[None]:
    try:
        yield
    except PatternError as error:
        raise _invalid(f"Invalid filter pattern: {error}") from error
    except InvalidPattern as error:
        raise _invalid(str(error)) from error


def _events(streams: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The events of moto's streams in the order of their times."""
    found = [(stream.log_stream_name, event) for stream in streams for event in list(stream.events)]
    for name, event in sorted(found, key=lambda one: one[1].timestamp):
        yield event.to_filter_dict() | {"logStreamName": name}


def _page(name: str, records: list[dict[str, Any]], token: str | None, limit: int) -> dict[str, Any]:
    try:
        shown, following = page(records, token, limit)
    except InvalidRequest:
        raise _invalid("The specified nextToken is invalid.") from None
    return {name: shown, "nextToken": following}


def _refuse(what: str, **request: Any) -> None:
    raise _invalid(f"localcloud does not support {what}.")


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)
