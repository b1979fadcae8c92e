"""Uploads by forms of web pages (POST Object), which become PUT requests by the signer of the form.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

import base64
import contextlib
import datetime
import http.client
import io
import json
import os
from collections.abc import Iterable, Mapping
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import escape

import werkzeug
import xmltodict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from localcloud.cloud import Cloud
from localcloud.protocol import ApiError
from localcloud.untrusted import parse_json

UNCONDITIONAL = frozenset({"policy", "x-amz-signature", "signature", "awsaccesskeyid"})
"""Fields that no condition of the policy needs to name."""
SIGNING = frozenset(
    {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature"}
)
SIGNATURES = (
    ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"),
    ("AWSAccessKeyId", "Signature"),
)
"""The fields of a signature, by its version."""
HEADERS = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-MD5",
    "Content-Type",
    "Expires",
)
MAX_FIELD_BYTES = 1 << 20
"""Of all fields but the file, which goes to the disk. S3 takes 20 KB."""
TIMEOUT_SECONDS = 60.0
EXPIRATION = ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ")


def upload(cloud: Cloud, bucket: str, request: werkzeug.Request) -> werkzeug.Response:
    """Stores the file of a form, and answers as the form asks. Raises ApiError."""
    written, file, name = _read(request)
    fields = {name.lower(): value for name, value in written.items()}
    if "key" not in fields:
        message = (
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of "
            "the fields."
        )
        raise ApiError("InvalidArgument", message, status=400)
    _check_signature(fields)
    key = fields["key"].replace("${filename}", name)
    size = file.seek(0, os.SEEK_END)
    if "policy" in fields:
        _check_policy(fields | {"key": key, "bucket": bucket}, written, size)
    status, headers, body = _put(cloud, bucket, key, fields, file, size)
    if status != 200:
        return werkzeug.Response(body, status, content_type="application/xml")
    return _answer(f"{cloud.url}/{bucket}/{quote(key)}", bucket, key, headers.get("ETag", ""), fields)


def _read(request: werkzeug.Request) -> tuple[dict[str, str], IO[bytes], str]:
    """The fields by name as written, the file and its name."""
    environ = request.environ
    environ["wsgi.input"].seek(0)
    try:
        _, form, files = FormDataParser(max_form_memory_size=MAX_FIELD_BYTES).parse_from_environ(environ)
    except RequestEntityTooLarge as error:
        message = "Your POST request fields preceding the upload file were too large."
        raise ApiError("MaxPostPreDataLengthExceeded", message, status=400) from error
    fields = dict(form.items())
    if "file" in files:
        return fields, files["file"].stream, files["file"].filename or ""
    if "file" in fields:
        return fields, io.BytesIO(fields.pop("file").encode()), ""
    raise ApiError("InvalidArgument", "POST requires exactly one file upload per request.", status=400)


def _check_signature(fields: Mapping[str, str]) -> None:
    """Raises ApiError for a signed form that lacks a part of its signature."""
    for names in SIGNATURES:
        missing = [name for name in names if name.lower() not in fields]
        if missing and len(missing) < len(names):
            raise ApiError(
                "InvalidArgument",
                f"Bucket POST must contain a field named '{missing[0]}'.  If it is specified, please check "
                "the order of the fields.",
                status=400,
                ArgumentName=missing[0],
                ArgumentValue="",
            )


def _check_policy(fields: Mapping[str, str], written: Iterable[str], size: int) -> None:
    """`written` are the names of the fields as the form has them."""
    try:
        policy = parse_json(base64.b64decode(fields["policy"]).decode())
    except ValueError as error:
        raise _invalid("Invalid JSON.") from error
    try:
        expires = _time(policy["expiration"])
        conditions = [*_conditions(policy["conditions"])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _invalid(str(error)) from error
    if datetime.datetime.now(datetime.UTC) > expires:
        raise _denied("Policy expired.")
    named = set()
    for operator, first, second in conditions:
        if operator == "content-length-range":
            _check_size(size, first, second)
            continue
        field = first.removeprefix("$").lower()
        named.add(field)
        value = fields.get(field, "")
        holds = value.startswith(second) if operator == "starts-with" else value == second
        if not holds or not first.startswith("$"):
            raise _denied(f"Policy Condition failed: {json.dumps([operator, first, second])}")
    needless = named | UNCONDITIONAL | {"bucket"}
    extra = sorted(
        name for name in written if name.lower() not in needless and not name.lower().startswith("x-ignore-")
    )
    if extra:
        raise _denied(f"Extra input fields: {', '.join(extra)}")


def _conditions(conditions: list[Any]) -> Any:
    """The conditions of a policy as (operator, field, value)."""
    for condition in conditions:
        if isinstance(condition, dict):
            for field, value in condition.items():
                yield "eq", f"${field}", str(value)
            continue
        operator, first, second = condition
        if operator.lower() not in ("eq", "starts-with", "content-length-range"):
            raise ValueError(f"unknown condition {operator}")
        if operator.lower() == "content-length-range":
            yield operator.lower(), int(first), int(second)
        else:
            yield operator.lower(), str(first), str(second)


def _check_size(size: int, low: int, high: int) -> None:
    if size > high:
        message = "Your proposed upload exceeds the maximum allowed size"
        raise ApiError("EntityTooLarge", message, status=400, ProposedSize=size, MaxSizeAllowed=high)
    if size < low:
        message = "Your proposed upload is smaller than the minimum allowed size"
        raise ApiError("EntityTooSmall", message, status=400, ProposedSize=size, MinSizeAllowed=low)


def _time(text: str) -> datetime.datetime:
    for form in EXPIRATION:
        with contextlib.suppress(ValueError):
            return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.UTC)
    raise ValueError(f"Invalid 'expiration' value: '{text}'")


def _invalid(reason: str) -> ApiError:
    return ApiError("InvalidPolicyDocument", f"Invalid Policy: {reason}", status=400)


def _denied(reason: str) -> ApiError:
    return ApiError("AccessDenied", f"Invalid according to Policy: {reason}", status=403)


def _put(
    cloud: Cloud, bucket: str, key: str, fields: Mapping[str, str], file: IO[bytes], size: int
) -> tuple[int, Mapping[str, str], bytes]:
    """Puts the object by a request to the cloud's own front door, with all its usual checks."""
    headers = {name: fields[name.lower()] for name in HEADERS if name.lower() in fields}
    headers |= {
        name: value for name, value in fields.items() if name.startswith("x-amz-") and name not in SIGNING
    }
    if "acl" in fields:
        headers["x-amz-acl"] = fields["acl"]
    if "tagging" in fields:
        headers["x-amz-tagging"] = _tags(fields["tagging"])
    headers |= {"Content-Length": str(size)} | _signature(fields)
    address = urlsplit(cloud.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    file.seek(0)
    encoded = {name: value.encode() for name, value in headers.items()}
    if wrong := [name for name, value in encoded.items() if any(end in value for end in b"\r\n\0")]:
        message = f"The field {wrong[0]} contains a line end or a zero byte."
        raise ApiError("InvalidArgument", message, status=400)
    with contextlib.closing(connection):
        connection.request("PUT", f"/{bucket}/{quote(key)}", file, encoded)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def _signature(fields: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request by the signer of the form; none for an anonymous form."""
    credential = fields.get("x-amz-credential")
    if credential is None and (key := fields.get("awsaccesskeyid")):
        credential = f"{key}/20000101/us-east-1/s3/aws4_request"  # as a form of version 2 has none
    if credential is None or "policy" not in fields:
        return {}
    signature = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
    }
    if token := fields.get("x-amz-security-token"):
        signature["X-Amz-Security-Token"] = token
    return signature


def _tags(document: str) -> str:
    try:
        tags = xmltodict.parse(document, force_list=("Tag",))["Tagging"]["TagSet"]["Tag"]
        return urlencode([(tag["Key"], tag["Value"] or "") for tag in tags])
    except Exception as error:
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise ApiError("MalformedXML", message, status=400) from error


def _answer(location: str, bucket: str, key: str, etag: str, fields: Mapping[str, str]) -> werkzeug.Response:
    headers = {"ETag": etag, "Location": location}
    if redirect := fields.get("success_action_redirect") or fields.get("redirect"):
        query = urlencode({"bucket": bucket, "key": key, "etag": etag})
        separator = "&" if urlsplit(redirect).query else "?"
        return werkzeug.Response(status=303, headers=headers | {"Location": f"{redirect}{separator}{query}"})
    status = fields.get("success_action_status")
    if status == "201":
        members = {"Location": location, "Bucket": bucket, "Key": key, "ETag": etag}
        content = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in members.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{content}</PostResponse>'
        return werkzeug.Response(body, 201, headers, content_type="application/xml")
    return werkzeug.Response(status=200 if status == "200" else 204, headers=headers)
