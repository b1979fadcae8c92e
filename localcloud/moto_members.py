"""Members of requests that moto would take and do nothing about, which are refused before it sees them."""

from collections.abc import Callable, Mapping
from typing import Any

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.calls import Target, operation_of
from localcloud.protocol.service import read_request

Members = Mapping[str, Any]
DELIVERED = ("sqs", "email", "email-json")
"""Protocols of subscriptions. AWS, too, sends nothing to an e-mail address before a person confirms it."""


def refuse_members(request: werkzeug.Request, target: Target, *, is_recorded: bool) -> None:
    """Raises ApiError for a member that would be ignored. `is_recorded` says that records were asked for."""
    check = PRETENDING.get((target.service or "", target.operation))
    if check is None or is_recorded:
        return
    found = operation_of(request, target.service or "")
    if found and (what := check(read_request(request, *found))):
        raise ApiError(
            "UnsupportedOperation",
            f"{target.operation}: localcloud does not support {what}. Started with --records "
            f"{target.service}, it keeps and shows what such requests say, and does nothing of it.",
        )


def _notifications(members: Members) -> str | None:
    given = sorted(name for name, value in members["NotificationConfiguration"].items() if value is not None)
    return f"notifications of a bucket ({', '.join(given)})" if given else None


def _subscription(members: Members) -> str | None:
    protocol = members.get("Protocol")
    return None if protocol in DELIVERED else f"subscriptions with the protocol {protocol}"


def _recipient(members: Members) -> str | None:
    given = [name for name in ("PhoneNumber", "TargetArn") if members.get(name)]
    return f"messages to a {given[0]}, only those to a TopicArn" if given else None


PRETENDING: Mapping[tuple[str, str], Callable[[Members], str | None]] = {
    ("s3", "PutBucketNotificationConfiguration"): _notifications,
    ("sns", "Subscribe"): _subscription,
    ("sns", "Publish"): _recipient,
}
"""What an operation, by botocore's names, would pretend to do for these members; None for nothing."""
