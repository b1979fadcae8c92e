"""What a request to S3 says, read and changed in one way by all who check it or carry it out."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import werkzeug

from localcloud.protocol.calls import operation_of
from localcloud.protocol.errors import InvalidRequest, MalformedRequest
from localcloud.protocol.service import read_request


@dataclass(frozen=True)
class CopySource:
    """The object that a copy reads. Bucket and key are empty if the request does not name them."""

    bucket: str
    key: str
    version: str | None


def copy_source_of(request: werkzeug.Request) -> CopySource:
    """The source of CopyObject or UploadPartCopy, as moto reads it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html#API_CopyObject_RequestSyntax
    """
    try:
        parts = urlsplit(request.headers.get("x-amz-copy-source", ""))
    except ValueError:
        return CopySource("", "", None)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    version = parse_qs(parts.query).get("versionId", [None])[0]
    return CopySource(bucket, key, version)


def members_of(request: werkzeug.Request) -> Mapping[str, Any] | None:
    """The members of a request; None if it has another form, which the guard will refuse."""
    found = operation_of(request, "s3")
    try:
        return read_request(request, *found) if found else None
    except (InvalidRequest, MalformedRequest):
        return None


def set_header(request: werkzeug.Request, name: str, value: str | None) -> None:
    """Changes a header of a request for those who read it next, or removes it."""
    key = "HTTP_" + name.upper().replace("-", "_")
    if value is None:
        request.environ.pop(key, None)
    else:
        request.environ[key] = value


def set_body(request: werkzeug.Request, body: bytes) -> None:
    """Changes the body of a request for those who read it next."""
    request.environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    forget_body(request)


def forget_body(request: werkzeug.Request) -> None:
    """Forgets what has been read of the body of a request, which has been changed since."""
    for read_before in ("stream", "_cached_data"):
        request.__dict__.pop(read_before, None)
