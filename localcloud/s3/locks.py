"""Checks of what requests say about Object Lock, which moto stores unread.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

import datetime
from typing import Any

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.s3_requests import members_of
from localcloud.s3.digests import algorithm_in
from localcloud.s3.versions import BYPASS

MODE = "x-amz-object-lock-mode"
UNTIL = "x-amz-object-lock-retain-until-date"
HOLD = "x-amz-object-lock-legal-hold"
HEADERS = (MODE, UNTIL, HOLD)
DELETES = ("DeleteObject", "DeleteObjects")
WRITES = ("CopyObject", "CreateMultipartUpload", "PutObject")


def check_locks(bucket: Any, operation: str, request: werkzeug.Request) -> None:
    """Raises ApiError for a lock that an object or a bucket cannot have. `bucket` is moto's record."""
    if operation == "PutBucketVersioning" and bucket.object_lock_enabled:
        settings = (members_of(request) or {}).get("VersioningConfiguration") or {}
        if settings.get("Status") == "Suspended":
            message = (
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
                "changed."
            )
            raise ApiError("InvalidBucketState", message, status=409)
    if operation in DELETES and BYPASS in request.headers and not bucket.object_lock_enabled:
        message = f"{BYPASS} is only applicable to Object Lock enabled buckets."
        raise ApiError("InvalidArgument", message, status=400, ArgumentName=BYPASS)
    given = [name for name in HEADERS if name in request.headers]
    if operation == "PutObject" and bucket.object_lock_enabled:
        _check_digest(bucket, request)
    if not given or operation not in WRITES:
        return
    if not bucket.object_lock_enabled:
        raise ApiError("InvalidRequest", "Bucket is missing Object Lock Configuration", status=400)
    if operation == "CreateMultipartUpload":
        # moto would forget them.
        message = f"{operation}: localcloud does not support {', '.join(given)}."
        raise ApiError("NotImplemented", message, status=501)
    _check_retention(request)


def _check_digest(bucket: Any, request: werkzeug.Request) -> None:
    """Raises ApiError for an object that will be locked and has no digest of its content."""
    will_be_locked = MODE in request.headers or request.headers.get(HOLD) == "ON" or bucket.has_default_lock
    if will_be_locked and "Content-MD5" not in request.headers and not algorithm_in(request.headers):
        message = (
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock "
            "parameters"
        )
        raise ApiError("InvalidRequest", message, status=400)


def _check_retention(request: werkzeug.Request) -> None:
    mode, until = request.headers.get(MODE), request.headers.get(UNTIL)
    if (mode is None) != (until is None):
        raise _invalid(f"{UNTIL} and {MODE} must both be supplied")
    if until is None:
        return
    try:
        ends = datetime.datetime.fromisoformat(until)
    except ValueError:
        raise _invalid("The retain until date must be provided in ISO 8601 format") from None
    if ends.tzinfo is None:
        ends = ends.replace(tzinfo=datetime.UTC)
    if ends <= datetime.datetime.now(datetime.UTC):
        raise _invalid("The retain until date must be in the future!")


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidArgument", message, status=400)
