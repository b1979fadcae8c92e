"""What SQS and SNS refuse, though moto would take it, and the attributes of queues.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.protocol import ApiError
from localcloud.untrusted import parse_json

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ALLOWED = "#x9 | #xA | #xD | [#x20 to #xD7FF] | [#xE000 to #xFFFD] | [#x10000 to #x10FFFF]"
QUEUE_NAME = re.compile(r"[A-Za-z0-9_.-]{0,80}")
"""Of a prefix, too, which moto takes for a regular expression."""
MAX_RECEIVED = 10
NUMBER = re.compile("[0-9]{1,9}")
RANGES: Mapping[str, tuple[int, int]] = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""
TIMESTAMPS = ("CreatedTimestamp", "LastModifiedTimestamp")


def check_queue_prefix(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a ListQueues with a prefix that no name of a queue has."""
    if not QUEUE_NAME.fullmatch(members.get("QueueNamePrefix", "")):
        message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        raise ApiError("InvalidParameterValue", message)


def check_queue(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a queue with a number out of its range, or a policy that is no JSON object."""
    attributes = members.get("Attributes", {})
    for name, (least, most) in RANGES.items():
        value = attributes.get(name, str(least))
        if not (NUMBER.fullmatch(value) and least <= int(value) <= most):
            raise ApiError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
    access = attributes.get("Policy")
    if access and not isinstance(_json(access), dict):
        raise ApiError("InvalidAttributeValue", "Invalid value for the parameter Policy.")
    policy = attributes.get("RedrivePolicy")
    if policy and not isinstance(_json(policy), dict):
        message = (
            f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Redrive policy is not a valid "
            "JSON map."
        )
        raise ApiError("InvalidParameterValue", message)


def check_sent(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a message to a queue that has no text, or characters that SQS does not transmit."""
    for entry in members.get("Entries", [members]):
        if not entry.get("MessageBody"):
            raise ApiError("MissingParameter", "The request must contain the parameter MessageBody.")
        if found := FORBIDDEN.search(entry.get("MessageBody", "")):
            message = (
                f"Invalid binary character '#x{ord(found[0]):X}' was found in the message body, the set of "
                f"allowed characters is {ALLOWED}"
            )
            raise ApiError("InvalidMessageContents", message)


def check_received(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a ReceiveMessage that asks for more messages than SQS gives at once."""
    number = members.get("MaxNumberOfMessages", 1)
    if not 1 <= number <= MAX_RECEIVED:
        message = (
            f"Value {number} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and "
            f"{MAX_RECEIVED}, if provided."
        )
        raise ApiError("InvalidParameterValue", message)


def check_published(members: Mapping[str, Any]) -> None:
    """Raises ApiError for an empty message to a topic, or one that lacks the text for other protocols."""
    if not members.get("Message"):
        raise ApiError("InvalidParameter", "Invalid parameter: Empty message")
    if members.get("MessageStructure") != "json":
        return
    texts, reason = _json(members["Message"]), ""
    if not isinstance(texts, dict):
        reason = "JSON message body failed to parse"
    elif not isinstance(texts.get("default"), str):
        reason = "No default entry in JSON message body"
    if reason:
        raise ApiError("InvalidParameter", f"Invalid parameter: Message Structure - {reason}")


def check_filter(members: Mapping[str, Any]) -> None:
    """Raises ApiError for a filter policy of a subscription that is no JSON object."""
    given = members.get("Attributes", {}).get("FilterPolicy")
    if members.get("AttributeName") == "FilterPolicy":
        given = members.get("AttributeValue")
    if given and not isinstance(_json(given), dict):
        raise ApiError("InvalidParameter", "Invalid parameter: FilterPolicy: failed to parse JSON.")


def correct_queues() -> None:
    """Lets the queues of moto keep a policy that a request does not change, and tell times in whole seconds.

    The change is to moto itself.
    """
    from moto.sqs.models import Queue

    set_attributes: Any = Queue._set_attributes
    attributes: Any = Queue.attributes

    def set_or_keep(queue: Any, changes: dict[str, Any], now: float | None = None) -> None:
        set_attributes(queue, {"Policy": getattr(queue, "policy", None)} | changes, now)

    def in_whole_seconds(queue: Any) -> dict[str, Any]:
        told: dict[str, Any] = attributes.fget(queue)
        return told | {name: int(told[name]) for name in TIMESTAMPS}

    setattr(Queue, "_set_attributes", set_or_keep)  # noqa: B010 - mypy takes no assignment to a method
    setattr(Queue, "attributes", property(in_whole_seconds))  # noqa: B010


def _json(text: str) -> Any:
    """The value of a JSON text; None for any other text."""
    try:
        return parse_json(text)
    except ValueError:
        return None
