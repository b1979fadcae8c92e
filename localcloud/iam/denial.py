"""Errors in the form that each AWS protocol has for them."""

import json
import uuid
from xml.sax.saxutils import escape

import werkzeug

AS_THEY_ARE = ("ExpiredToken", "InternalFailure", "ValidationError")
"""Codes that the JSON protocols have without "Exception", too."""


def denial(
    form: str, code: str, message: str, is_head: bool = False, status: int | None = None
) -> werkzeug.Response:
    """An error answer to a call of this form; `code` is the query protocol's, others end in "Exception".

    Without a `status` it has that of a request that may not do what it asks.
    """
    answer = _in_form(form, code, message, is_head)
    answer.status_code = status or answer.status_code
    return answer


def _in_form(form: str, code: str, message: str, is_head: bool) -> werkzeug.Response:
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    json_code = code if code.endswith("Exception") or code in AS_THEY_ARE else f"{code}Exception"
    match form:
        case "json":
            body = json.dumps({"__type": json_code, "Message": message, "message": message})
            return werkzeug.Response(body, 400, headers, content_type="application/x-amz-json-1.1")
        case "rest-json":
            headers["x-amzn-ErrorType"] = json_code
            body = json.dumps({"Message": message, "message": message})
            return werkzeug.Response(body, 403, headers, content_type="application/json")
        case "cbor":
            headers["smithy-protocol"] = "rpc-v2-cbor"
            return werkzeug.Response(
                _cbor({"__type": json_code, "message": message}),
                400,
                headers,
                content_type="application/cbor",
            )
        case "s3":
            fields = (
                f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>{request_id}</RequestId>"
            )
            body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{fields}</Error>'
            return werkzeug.Response("" if is_head else body, 403, headers, content_type="application/xml")
    fields = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
    body = f"<ErrorResponse><Error>{fields}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    return werkzeug.Response(body, 403, headers, content_type="text/xml")


def _cbor(members: dict[str, str]) -> bytes:
    """A CBOR map (RFC 8949) of fewer than 24 texts, each below 64 KiB."""
    encoded = bytes([0xA0 | len(members)])
    for text in (text for pair in members.items() for text in pair):
        data = text.encode()
        encoded += b"\x79" + len(data).to_bytes(2, "big") + data
    return encoded
