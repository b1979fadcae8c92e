"""Checks requests about parts and versions of objects that S3 refuses, but that moto gets wrong.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
The words are those of recordings on AWS: LocalStack's tests/aws/services/s3/*.snapshot.json
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import werkzeug

from localcloud.protocol import ApiError
from localcloud.s3.limits import members_of

MAX_PART_NUMBER = 10_000
UPLOADS = ("UploadPart", "UploadPartCopy")
READS = ("GetObject", "HeadObject")
COPY_RANGE = re.compile(r"bytes=(?P<first>\d+)-(?P<last>\d+)")


def check_parts(
    buckets: Mapping[str, Any],
    bucket: Any,
    operation: str,
    parameters: Mapping[str, Any],
    request: werkzeug.Request,
) -> None:
    """Raises ApiError for a part, an upload or a version that does not exist. `bucket` is moto's record."""
    if operation in UPLOADS:
        _check_upload(bucket, parameters)
    if operation == "UploadPartCopy":
        _check_copied_range(buckets, request)
    if operation == "CompleteMultipartUpload":
        _check_completion(request)
    if operation in READS:
        _check_version_and_part(bucket, parameters)


def _check_upload(bucket: Any, parameters: Mapping[str, Any]) -> None:
    number = str(parameters.get("partNumber", ""))
    if not number.isdecimal() or not 1 <= int(number) <= MAX_PART_NUMBER:
        message = f"Part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive"
        raise ApiError("InvalidArgument", message, status=400)
    if parameters.get("uploadId") not in bucket.multiparts:
        raise ApiError(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
            status=404,
        )


def _check_copied_range(buckets: Mapping[str, Any], request: werkzeug.Request) -> None:
    asked = request.headers.get("x-amz-copy-source-range")
    name, _, key = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")
    source = buckets[name].keys.get(key.partition("?versionId=")[0]) if name in buckets else None
    size = getattr(source, "size", None)
    if asked is None or size is None:
        return
    found = COPY_RANGE.fullmatch(asked)
    if found is None:
        raise ApiError(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
            "the zero-based offsets of the first and last bytes to copy",
            status=400,
        )
    if not int(found["first"]) <= int(found["last"]) < size:
        message = f"Range specified is not valid for source object of size: {size}"
        raise ApiError("InvalidArgument", message, status=400)


def _check_completion(request: werkzeug.Request) -> None:
    if not request.get_data():
        raise ApiError("InvalidRequest", "You must specify at least one part", status=400)
    members = members_of(request) or {}
    parts = (members.get("MultipartUpload") or {}).get("Parts") or []
    numbers = [part.get("PartNumber", 0) for part in parts]
    if numbers != sorted(set(numbers)):
        message = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise ApiError("InvalidPartOrder", message, status=400)


def _check_version_and_part(bucket: Any, parameters: Mapping[str, Any]) -> None:
    from moto.s3.models import FakeDeleteMarker

    versions = bucket.keys.getlist(parameters["Key"], default=[])
    version = parameters.get("versionId")
    chosen = [one for one in versions if version is None or str(one.version_id) == version][-1:]
    if version and any(isinstance(one, FakeDeleteMarker) for one in chosen):
        message = "The specified method is not allowed against this resource."
        raise ApiError("MethodNotAllowed", message, status=405)
    number = str(parameters.get("partNumber", "1"))
    multipart = getattr(chosen[0], "multipart", None) if chosen else None
    parts = len(multipart.parts) if multipart else 1
    if chosen and (not number.isdecimal() or not 1 <= int(number) <= parts):
        message = "The requested partnumber is not satisfiable"
        raise ApiError("InvalidPartNumber", message, status=416)
