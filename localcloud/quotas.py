"""Limits the size of requests, before a service reads them.

The services check their own, smaller quotas, with AWS's error messages.
"""

import re

import werkzeug

from localcloud.addresses import EXECUTE_API_PATH
from localcloud.containers.bounded_http import RequestRefused
from localcloud.protocol.calls import FORM, operation_of, signature_of

MIB = 1024 * 1024
MAX_OBJECT_BYTES = 5 * 1024 * MIB
"""The maximum size of an object that one request uploads to S3 ("Uploading objects")."""
WITH_CONTENT = ("PostObject", "PutObject", "UploadPart")
MAX_XML_BYTES = 8 * MIB
"""The maximum of other requests to S3: the longest list thousands of keys or parts. Parsed, they take many
times the memory."""
MAX_PAYLOAD_BYTES = 70_167_211
"""The maximum of a Lambda request with a function's code, from Lambda's error message. Only S3 takes more:
payloads of APIs, functions and endpoints have at most 10, 6 and 25 MB."""
MAX_INVOCATION_BYTES = 6 * MIB
"""The maximum of an event for a function whose answer is waited for."""
MAX_REQUEST_BYTES = 16 * MIB
"""The maximum of other requests, which is that of DynamoDB's BatchWriteItem."""
MAX_FORM_BYTES = MIB
"""The maximum of the query protocol, which is that of CloudWatch's PutMetricData."""
MAX_HEAD_BYTES = 8 * 1024
"""The maximum of the headers of a request to one of AWS's APIs, and of its URL: that of the headers for S3
("PutObject"). moto needs quadratic time for what it looks for in them.
"""
PAYLOADS = re.compile(
    rf"{re.escape(EXECUTE_API_PATH)}/.*|/endpoints/.*|/\d{{4}}-\d\d-\d\d/(functions|layers)(/.*)?", re.DOTALL
)


def body_limit(request: werkzeug.Request) -> int:
    """The maximum number of bytes in the body of a request."""
    signature = signature_of(request)
    if signature and signature.service == "s3":
        found = operation_of(request, "s3")
        return MAX_OBJECT_BYTES if found is None or found[0].name in WITH_CONTENT else MAX_XML_BYTES
    if PAYLOADS.fullmatch(request.path) or ".execute-api." in request.host:
        return MAX_PAYLOAD_BYTES
    if not signature and (request.method == "PUT" or request.mimetype == "multipart/form-data"):
        return MAX_OBJECT_BYTES  # S3 accepts unsigned uploads
    return MAX_FORM_BYTES if request.mimetype == FORM else MAX_REQUEST_BYTES


def check_head(request: werkzeug.Request) -> None:
    """Raises RequestRefused if the head of a request to one of AWS's APIs is too long."""
    environ = request.environ
    headers = sum(len(name) + len(value) for name, value in environ.items() if name.startswith("HTTP_"))
    if headers > MAX_HEAD_BYTES:
        message = "Your request header section exceeds the maximum allowed length."
        raise RequestRefused(400, "RequestHeaderSectionTooLarge", message)
    if len(environ["RAW_URI"]) > MAX_HEAD_BYTES:
        message = f"The URL of the request is longer than the {MAX_HEAD_BYTES:,} bytes that it may have."
        raise RequestRefused(414, "RequestURITooLong", message)


def too_large(request: werkzeug.Request, refused: RequestRefused) -> tuple[str, str]:
    """The code and the message for a request whose body is over its limit, in the words of its service."""
    signature = signature_of(request)
    found = operation_of(request, "lambda") if signature and signature.service == "lambda" else None
    if found is None:
        return refused.code, str(refused)
    name, code, limit = found[0].name, "RequestEntityTooLargeException", MAX_PAYLOAD_BYTES
    if name in ("Invoke", "InvokeAsync"):
        name, code, limit = "InvokeFunction", "RequestTooLargeException", MAX_INVOCATION_BYTES
    return code, f"Request must be smaller than {limit} bytes for the {name} operation"
