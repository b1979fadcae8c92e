"""Lifecycles of buckets: their rules are checked, and returned as they were given; nothing carries them out.

moto forgets some of what a rule says.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
"""

import datetime
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import werkzeug

from localcloud.moto_requests import MALFORMED_XML
from localcloud.protocol import ApiError
from localcloud.protocol.calls import operation_of
from localcloud.protocol.s3_requests import members_of
from localcloud.protocol.service import write_answer

ACTIONS = {
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
}
"""The members of a lifecycle rule that do something."""
INFREQUENT_ACCESS = ("STANDARD_IA", "ONEZONE_IA")
MIN_DAYS_BEFORE_INFREQUENT_ACCESS = 30
MAX_ID_CHARACTERS = 255
SMALLEST = "TransitionDefaultMinimumObjectSize"
DEFAULT_SMALLEST = "all_storage_classes_128K"
Members = Mapping[str, Any]


def check_lifecycle(members: Members) -> None:
    """Raises ApiError for rules that S3 does not take."""
    rules = (members.get("LifecycleConfiguration") or {}).get("Rules") or []
    names = [rule["ID"] for rule in rules if rule.get("ID")]
    if len(set(names)) < len(names):
        message = "Rule ID must be unique. Found same ID for more than one rule"
        raise ApiError("InvalidArgument", message, status=400)
    for rule in rules:
        _check_choices(rule)
        if not ACTIONS & {name for name, value in rule.items() if value}:
            message = "At least one action needs to be specified in a rule"
            raise ApiError("InvalidRequest", message, status=400)
        for fault in _faults_of_actions(rule):
            raise ApiError("InvalidArgument", fault, status=400)


def _check_choices(rule: Members) -> None:
    """Raises ApiError for a rule that says more than one thing where S3 takes one."""
    choices = [rule.get("Filter") or {}, rule.get("Expiration") or {}]
    choices += [{"Days", "Date"} & transition.keys() for transition in rule.get("Transitions") or ()]
    if any(len(choice) > 1 for choice in choices):
        raise ApiError(*MALFORMED_XML, status=400)
    if len(rule.get("ID") or "") > MAX_ID_CHARACTERS:
        message = f"ID length should not exceed allowed limit of {MAX_ID_CHARACTERS}"
        raise ApiError("InvalidArgument", message, status=400)


def _faults_of_actions(rule: Members) -> Iterator[str]:
    expiration = rule.get("Expiration") or {}
    if expiration.get("Days", 1) < 1:
        yield "'Days' for Expiration action must be a positive integer"
    for action, member in (
        ("NoncurrentVersionExpiration", "NoncurrentDays"),
        ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
    ):
        if (rule.get(action) or {}).get(member, 1) < 1:
            yield f"'{member}' for {action} action must be a positive integer"
    for action, member in (("Transition", "Days"), ("NoncurrentVersionTransition", "NoncurrentDays")):
        if any(one.get(member, 0) < 0 for one in rule.get(f"{action}s") or ()):
            yield f"'{member}' in {action} action must be nonnegative"
    for action in (expiration, *(rule.get("Transitions") or ())):
        date = action.get("Date")
        if isinstance(date, datetime.datetime) and date.time() != datetime.time():
            yield "'Date' must be at midnight GMT"
    for transition in rule.get("Transitions") or ():
        kind, least = transition.get("StorageClass"), MIN_DAYS_BEFORE_INFREQUENT_ACCESS
        if kind in INFREQUENT_ACCESS and transition.get("Days", least) < least:
            limit = f"must be greater than or equal to {least} for storageClass '{kind}'"
            yield f"'Days' in Transition action {limit}"


def keep_lifecycle(bucket: Any, request: werkzeug.Request, answer: werkzeug.Response) -> werkzeug.Response:
    """Notes the rules that moto has taken; returns the answer. `bucket` is moto's record."""
    members = members_of(request)
    if answer.status_code != 200 or members is None:
        return answer
    bucket.lifecycle = {
        "Rules": [
            {"ID": secrets.token_urlsafe(36)} | rule for rule in members["LifecycleConfiguration"]["Rules"]
        ],
        SMALLEST: members.get(SMALLEST) or DEFAULT_SMALLEST,
    }
    return _written(request, {SMALLEST: bucket.lifecycle[SMALLEST]}) or answer


def answer_lifecycle(bucket: Any, request: werkzeug.Request) -> werkzeug.Response | None:
    """The rules of a bucket; None if it has none."""
    return _written(request, bucket.lifecycle) if bucket.rules else None


def _written(request: werkzeug.Request, members: Members) -> werkzeug.Response | None:
    found = operation_of(request, "s3")
    return write_answer(found[0], members) if found else None
