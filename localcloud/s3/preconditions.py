"""Conditions of requests on the object that they read, copy or replace.

moto knows few of them, and evaluates those of reads in another order.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
The words are those of recordings on AWS: LocalStack's test_s3_preconditions.snapshot.json and
test_s3_api.snapshot.json in tests/aws/services/s3/
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import werkzeug
from werkzeug.http import parse_date

from localcloud.protocol import ApiError
from localcloud.protocol.s3_requests import set_header
from localcloud.s3.versions import find_source, is_object

COPIES = ("CopyObject", "UploadPartCopy")
WRITES = ("CompleteMultipartUpload", "CopyObject", "PutObject")
MATCH, NONE_MATCH = "If-Match", "If-None-Match"
MODIFIED, UNMODIFIED = "If-Modified-Since", "If-Unmodified-Since"
OF_SOURCE = "x-amz-copy-source-"
ARCHIVES = ("DEEP_ARCHIVE", "GLACIER")
"""The storage classes whose objects cannot be read until they are restored."""


def check_form(operation: str, request: werkzeug.Request) -> None:
    """Raises ApiError for a condition of a write that S3 does not have."""
    given = [name for name in (MATCH, NONE_MATCH) if name in request.headers]
    if operation not in WRITES or not given:
        return
    if len(given) > 1:
        raise _not_implemented(",".join(given), "Multiple conditional request headers present in the request")
    name = given[0]
    if (request.headers[name] == "*") != (name == NONE_MATCH):
        raise _not_implemented(name, f"We don't accept the provided value of {name} header for this API")


def _not_implemented(headers: str, reason: str) -> ApiError:
    message = "A header you provided implies functionality that is not implemented"
    return ApiError("NotImplemented", message, status=501, Header=headers, additionalMessage=reason)


def check_write(
    bucket: Any, operation: str, parameters: Mapping[str, Any], request: werkzeug.Request
) -> None:
    """Raises ApiError unless the object that a write would replace is as the request demands.

    An object that has changed since the upload in parts began is a conflict. `bucket` is moto's record.
    """
    if operation not in WRITES or not (MATCH in request.headers or NONE_MATCH in request.headers):
        return
    key, upload = parameters["Key"], bucket.multiparts.get(parameters.get("uploadId"))
    if "uploadId" in parameters and upload is None:
        return  # completed before
    current = bucket.keys.get(key)
    current = current if is_object(current) else None
    wanted = request.headers.get(MATCH)
    name = NONE_MATCH if wanted is None else MATCH
    if wanted is not None and current is None:
        raise ApiError("NoSuchKey", "The specified key does not exist.", status=404, Key=key)
    if (current is not None) if wanted is None else not _matches(wanted, current):
        raise _failed(name)
    if upload is not None and current is not upload.replaces:
        message = (
            "The conditional request cannot succeed due to a conflicting operation against this resource."
        )
        raise ApiError("ConditionalRequestConflict", message, status=409, Condition=name, Key=key)
    _forget(request, "")


def note_replaced(bucket: Any, upload: Any) -> None:
    """Notes which object an upload in parts, moto's record of one that begins, will replace."""
    current = bucket.keys.get(upload.key_name)
    upload.replaces = current if is_object(current) else None


def check_source(buckets: Mapping[str, Any], request: werkzeug.Request) -> Any:
    """Raises ApiError unless the object that the request copies is as it demands, and not archived.

    Returns moto's record of it; None if it is not there.
    """
    record = find_source(buckets, request)
    if not is_object(record):
        return None
    if failed := _unmet(record, request, OF_SOURCE):
        raise _failed(f"{OF_SOURCE}{failed}")
    if record.storage_class in ARCHIVES:  # and never restored: RestoreObject is not supported
        message = "Operation is not valid for the source object's storage class"
        raise ApiError("InvalidObjectState", message, status=403, StorageClass=record.storage_class)
    _forget(request, OF_SOURCE)
    return record


def answer_unmet(record: Any, request: werkzeug.Request) -> werkzeug.Response | None:
    """The answer to a read of an object that has not changed; None for one that is to be read.

    Raises ApiError if the object is not the demanded one. `record` is moto's.
    """
    failed = _unmet(record, request, "")
    if failed in (MATCH, UNMODIFIED):
        raise _failed(failed)
    if failed is None:
        _forget(request, "")
        return None
    answer = werkzeug.Response(status=304, headers={"ETag": record.etag})
    answer.headers.remove("Content-Type")
    return answer


def _unmet(record: Any, request: werkzeug.Request, prefix: str) -> str | None:
    """The condition that an object does not fulfil; where both are given, tags count and not times."""
    headers, modified = request.headers, record.last_modified.replace(microsecond=0, tzinfo=UTC)
    if (wanted := headers.get(prefix + MATCH)) is not None:
        if not _matches(wanted, record):
            return MATCH
    elif (limit := parse_date(headers.get(prefix + UNMODIFIED))) and modified > limit:
        return UNMODIFIED
    if (unwanted := headers.get(prefix + NONE_MATCH)) is not None:
        return NONE_MATCH if _matches(unwanted, record) else None
    since = parse_date(headers.get(prefix + MODIFIED))
    # S3 ignores times to come.
    return MODIFIED if since and modified <= since <= datetime.now(UTC) else None


def _matches(tag: str, record: Any) -> bool:
    return tag == "*" or tag.strip('"') == record.etag.strip('"')


def _failed(condition: str) -> ApiError:
    message = "At least one of the pre-conditions you specified did not hold"
    return ApiError("PreconditionFailed", message, status=412, Condition=condition)


def _forget(request: werkzeug.Request, prefix: str) -> None:
    """Removes the conditions, which hold, from the request that moto gets."""
    for name in (MATCH, NONE_MATCH, MODIFIED, UNMODIFIED):
        set_header(request, prefix + name, None)
