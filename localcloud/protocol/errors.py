"""Errors of AWS's APIs, and how each wire protocol writes them."""

import base64
import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import werkzeug

CODES_WITHOUT_SUFFIX = (
    *("ExpiredToken", "InternalFailure", "InvalidNextToken", "ParameterNotFound"),
    "ValidationError",
)
"""Codes that have no suffix "Exception" in the JSON protocols."""
DENIED_STATUS = {"json": 400, "cbor": 400}
"""The HTTP status of denials by form; 403 in all other forms."""
QUERY_MODE, QUERY_ERROR = "x-amzn-query-mode", "x-amzn-query-error"
"""By the first header, clients of services that once spoke the query protocol (SQS, CloudWatch) ask for the
code that an error had in it, which the second header gives.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#awsquerycompatible-trait
"""


class ApiError(Exception):
    """Refuses an API call.

    `code` is AWS's error code and `message` is for people. `status` is the HTTP status; by default it is the
    one that the service's model gives to the code, or 400. `members` are further members of the error's
    structure, such as the `Reason` of Lambda's TooManyRequestsException.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None, **members: Any):
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members


class InvalidRequest(ApiError):
    """The request violates the constraints of the API. The service replaces the code by its own."""

    def __init__(self, message: str):
        super().__init__("ValidationException", message)


class MalformedRequest(ApiError):
    """The request is not in the form of its protocol. The service replaces the code by its own."""

    def __init__(self, message: str):
        super().__init__("SerializationException", message)


def error_response(
    form: str,
    error: ApiError,
    *,
    status: int = 400,
    is_head: bool = False,
    namespace: str = "",
) -> werkzeug.Response:
    """Writes an error in a wire form: json, rest-json, query, ec2, s3 or cbor.

    `status` applies when the error has none of its own. `namespace` is the XML namespace of the query form.
    """
    request_id = str(uuid.uuid4())
    status = error.status or status
    headers = {"x-amzn-RequestId": request_id}
    # Clients read one or the other.
    texts = {"Message": error.message, "message": error.message}
    match form:
        case "json":
            headers["x-amzn-ErrorType"] = error.code
            body = json.dumps({"__type": error.code, **texts, **error.members})
            return werkzeug.Response(body, status, headers, content_type="application/x-amz-json-1.1")
        case "rest-json":
            headers["x-amzn-ErrorType"] = error.code
            body = json.dumps({**texts, **error.members})
            return werkzeug.Response(body, status, headers, content_type="application/json")
        case "cbor":
            headers["smithy-protocol"] = "rpc-v2-cbor"
            encoded = _cbor({"__type": error.code, "message": error.message})
            return werkzeug.Response(encoded, status, headers, content_type="application/cbor")
        case "s3":
            headers = s3_ids()
            members = "".join(
                f"<{name}>{escape(str(value))}</{name}>" for name, value in error.members.items()
            )
            fields = (
                f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
                f"{members}<RequestId>{headers['x-amz-request-id']}</RequestId>"
                f"<HostId>{headers['x-amz-id-2']}</HostId>"
            )
            body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{fields}</Error>'
            return werkzeug.Response("" if is_head else body, status, headers, content_type="application/xml")
        case "ec2":
            fields = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
            body = (
                f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>{fields}</Error></Errors>'
                f"<RequestID>{request_id}</RequestID></Response>"
            )
            return werkzeug.Response(body, status, headers, content_type="text/xml")
    sender = "Sender" if status < 500 else "Receiver"
    fields = f"<Type>{sender}</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    attribute = f" xmlns={quoteattr(namespace)}" if namespace else ""
    fields = f"<Error>{fields}</Error><RequestId>{request_id}</RequestId>"
    body = f"<ErrorResponse{attribute}>{fields}</ErrorResponse>"
    return werkzeug.Response(body, status, headers, content_type="text/xml")


def denial(
    form: str, code: str, message: str, request: werkzeug.Request, status: int | None = None
) -> werkzeug.Response:
    """Refuses a request before a service has seen it.

    `code` is spelt as in the query protocol; the JSON protocols end it in "Exception". Without a `status`,
    the answer has the one of a request that is not permitted.
    """
    query_code = code
    if form in ("json", "rest-json", "cbor") and not code.endswith("Exception"):
        code = code if code in CODES_WITHOUT_SUFFIX else f"{code}Exception"
    error = ApiError(code, message, status=status or DENIED_STATUS.get(form, 403))
    response = error_response(form, error, is_head=request.method == "HEAD")
    if QUERY_MODE in request.headers:
        sender = "Sender" if response.status_code < 500 else "Receiver"
        response.headers[QUERY_ERROR] = f"{query_code};{sender}"
    return response


def s3_ids() -> dict[str, str]:
    """The headers by which S3, unlike other services, names a request.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html
    """
    host = base64.b64encode(secrets.token_bytes(56)).decode()
    return {"x-amz-request-id": secrets.token_hex(8).upper(), "x-amz-id-2": host}


def _cbor(members: Mapping[str, str]) -> bytes:
    """A CBOR map (RFC 8949) of fewer than 24 texts, each below 64 KiB."""
    encoded = bytes([0xA0 | len(members)])
    for text in (text for pair in members.items() for text in pair):
        data = text.encode()
        encoded += b"\x79" + len(data).to_bytes(2, "big") + data
    return encoded
