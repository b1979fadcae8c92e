"""S3's limits for names, keys, metadata, tags and pages, which moto does not check.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
The words are those of recordings on AWS: LocalStack's tests/aws/services/s3/*.snapshot.json
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import werkzeug

from localcloud.moto_requests import MALFORMED_XML
from localcloud.protocol import ApiError
from localcloud.protocol.s3_requests import members_of, set_header
from localcloud.s3 import configurations

BUCKET_NAME = re.compile(r"[a-z0-9](?:\.?[a-z0-9-]){1,61}[a-z0-9]")
MAX_NAME_CHARACTERS = 63
RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
MAX_KEY_BYTES = 1024
MAX_METADATA_BYTES = 2048
MAX_DELETED_OBJECTS = 1000
METADATA = "x-amz-meta-"
COPY_SOURCE, ENCODED_SLASH = "x-amz-copy-source", re.compile("%2F", re.IGNORECASE)
MOVED, REDIRECTED_TO = "x-amz-website-redirect-location", ("http://", "https://", "/")
OWNERS = ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner")
NUMBERS = {
    "max-buckets": "maxBuckets",
    "max-keys": "maxKeys",
    "max-parts": "maxParts",
    "max-uploads": "maxUploads",
    "part-number-marker": "partNumberMarker",
}
"""The parameters of lists that are numbers, with their names in error messages."""
NUMBERS_IN_HEADERS = ("x-amz-max-parts", "x-amz-part-number-marker")
"""The headers of GetObjectAttributes that are numbers."""
MAX_INTEGER = 2**31 - 1
ONE_RANGE = re.compile(r"bytes=(?:\d+-\d*|-\d+)")


def check_limits(
    account_id: str, operation: str, parameters: Mapping[str, Any], request: werkzeug.Request
) -> None:
    """Raises ApiError for a request that S3 refuses, whatever the bucket holds."""
    if any(request.headers.get(name, account_id) != account_id for name in OWNERS):
        raise ApiError("AccessDenied", "Access Denied", status=403)
    if operation == "CreateBucket":
        _check_name(parameters["Bucket"])
    if len(str(parameters.get("Key") or "").encode()) > MAX_KEY_BYTES:
        raise ApiError("KeyTooLongError", "Your key is too long", status=400)
    _check_metadata(request)
    if not request.headers.get(MOVED, "/").startswith(REDIRECTED_TO):
        message = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
        raise ApiError("InvalidRedirectLocation", message, status=400)
    for name in NUMBERS.keys() & request.args.keys():
        _check_number(name, request.args[name])
    for name in NUMBERS_IN_HEADERS:
        if name in request.headers:
            _check_number(name, request.headers[name])
    if operation in CHECKS:
        _check_body(operation, request)


def ignore_unusable_range(request: werkzeug.Request) -> None:
    """Removes a Range header that is invalid or has several ranges, which S3 ignores."""
    if not ONE_RANGE.fullmatch(request.headers.get("Range", "bytes=0-")):
        set_header(request, "Range", None)


def spell_out_copy_source(request: werkzeug.Request) -> None:
    """Decodes the slash in the source of a copy, which S3 takes in its encoded form, too."""
    source = request.headers.get(COPY_SOURCE)
    if source and "/" not in source.strip("/"):
        set_header(request, COPY_SOURCE, ENCODED_SLASH.sub("/", source))


def ignore_empty_numbers(request: werkzeug.Request) -> None:
    """Removes parameters of lists that are numbers and have no value, which S3 ignores."""
    given = list(request.args.items(multi=True))
    kept = [(name, value) for name, value in given if value or name not in NUMBERS]
    if kept != given:
        request.environ["QUERY_STRING"] = urlencode(kept)
        request.query_string = request.environ["QUERY_STRING"].encode()
        for read_before in ("args", "values"):
            request.__dict__.pop(read_before, None)


def _check_name(name: str) -> None:
    try:
        is_address = bool(ipaddress.IPv4Address(name))
    except ValueError:
        is_address = False
    if (
        is_address
        or len(name) > MAX_NAME_CHARACTERS
        or not BUCKET_NAME.fullmatch(name)
        or name.startswith(RESERVED_PREFIXES)
        or name.endswith(RESERVED_SUFFIXES)
    ):
        message = "The specified bucket is not valid."
        raise ApiError("InvalidBucketName", message, status=400, BucketName=name)


def _check_metadata(request: werkzeug.Request) -> None:
    given = [(name[len(METADATA) :], value) for name, value in request.headers if _is_metadata(name)]
    if sum(len(name) + len(value) for name, value in given) > MAX_METADATA_BYTES:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise ApiError("MetadataTooLarge", message, status=400)
    tags = request.headers.get("x-amz-tagging")
    if tags is None:
        return
    given = parse_qsl(tags, keep_blank_values=True)
    keys = [key for key, _ in given]
    if len(set(keys)) < len(keys) or any("=" in value and "," in value for _, value in given):
        raise ApiError(
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
            "without tag name duplicates.",
            status=400,
            ArgumentName="x-amz-tagging",
            ArgumentValue=tags,
        )
    configurations.check_tags([{"Key": key, "Value": value} for key, value in given], "object")


def _is_metadata(name: str) -> bool:
    return name.lower().startswith(METADATA)


def _check_number(name: str, value: str) -> None:
    if not re.fullmatch(r"-?\d{1,10}", value, re.ASCII):
        message = f"Provided {name} not an integer or within integer range"
        raise ApiError("InvalidArgument", message, status=400)
    if not 0 <= int(value) <= MAX_INTEGER:
        message = (
            f"Argument {NUMBERS[name.removeprefix('x-amz-')]} must be an integer between 0 and {MAX_INTEGER}"
        )
        raise ApiError("InvalidArgument", message, status=400)


def _check_body(operation: str, request: werkzeug.Request) -> None:
    if members := members_of(request):
        CHECKS[operation](members)


def _check_number_of_objects(members: Mapping[str, Any]) -> None:
    if not 0 < len(members["Delete"]["Objects"]) <= MAX_DELETED_OBJECTS:
        raise malformed()


CHECKS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    **configurations.CHECKS,
    "DeleteObjects": _check_number_of_objects,
}
"""Checks of the bodies of requests, by operation."""


def malformed() -> ApiError:
    """An error for a body that does not have the form of its operation."""
    return ApiError(*MALFORMED_XML, status=400)
