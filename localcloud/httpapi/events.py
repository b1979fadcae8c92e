"""Converts requests to events for Lambda, and Lambda's answers to responses (payload format version 2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import binascii
import email.utils
import functools
import re
from dataclasses import dataclass
from typing import Any

import werkzeug

from localcloud.untrusted import parse_json

TEXT_TYPES = re.compile(r"text/.*|application/(.+\+)?(json|xml)|application/javascript", re.IGNORECASE)
"""Bodies of other types reach the function as base64."""
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What the name of a header may be (RFC 9110, section 5.6.2)."""
CONNECTION_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})
"""Headers that belong to one connection, and are not passed on in either direction."""


class MalformedResponse(Exception):
    """API Gateway cannot convert the function's answer to a response."""


@dataclass(frozen=True)
class RequestContext:
    """API Gateway's information about a request, for the event and the access log."""

    account_id: str
    api_id: str
    region: str
    stage: str
    route_key: str
    request_id: str
    trace_id: str
    path: str
    """As the client sent it: with the stage's name, unless it is $default."""
    time: float

    @property
    def domain_name(self) -> str:
        """The public host name that the API would have on AWS."""
        return f"{self.api_id}.execute-api.{self.region}.amazonaws.com"

    @property
    def request_time(self) -> str:
        """In the common log format, whatever the locale."""
        return _log_time(int(self.time))


@functools.lru_cache(maxsize=8)
def _log_time(seconds: int) -> str:
    # formatdate gives "Thu, 12 Mar 2020 19:03:58 GMT".
    _, day, month, year, clock, _ = email.utils.formatdate(seconds, usegmt=True).split()
    return f"{day}/{month}/{year}:{clock} +0000"


def to_event(
    request: werkzeug.Request,
    body: bytes,
    context: RequestContext,
    path_parameters: dict[str, str],
    stage_variables: dict[str, str],
) -> dict[str, Any]:
    """The event of format 2.0. Members without content are left out, as API Gateway does."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": context.path,
        "rawQueryString": request.query_string.decode("latin-1"),
    }
    if cookies := [
        cookie for header in request.headers.getlist("Cookie") for cookie in re.split(r";\s*", header)
    ]:
        event["cookies"] = cookies
    event["headers"] = _headers(request, context)
    if request.args:
        event["queryStringParameters"] = {name: ",".join(request.args.getlist(name)) for name in request.args}
    event["requestContext"] = {
        "accountId": context.account_id,
        "apiId": context.api_id,
        "domainName": context.domain_name,
        "domainPrefix": context.api_id,
        "http": {
            "method": request.method,
            "path": context.path,
            "protocol": request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
            "sourceIp": request.remote_addr or "",
            "userAgent": request.headers.get("User-Agent", ""),
        },
        "requestId": context.request_id,
        "routeKey": context.route_key,
        "stage": context.stage,
        "time": context.request_time,
        "timeEpoch": int(context.time * 1000),
    }
    if path_parameters:
        event["pathParameters"] = path_parameters
    if stage_variables:
        event["stageVariables"] = stage_variables
    text = _text(request.mimetype, body)
    if body:
        event["body"] = base64.b64encode(body).decode() if text is None else text
    event["isBase64Encoded"] = text is None
    return event


def to_response(payload: bytes) -> werkzeug.Response:
    """Converts a function's answer to a response. Raises MalformedResponse.

    An answer without `statusCode` is itself the body: a string unchanged, anything else as JSON.
    """
    try:
        answer = parse_json(payload)
    except ValueError as error:
        raise MalformedResponse(f"not JSON: {error}") from error
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = _encoded(answer) if isinstance(answer, str) else payload
        return werkzeug.Response(body, 200, content_type="application/json")
    response = werkzeug.Response(_body(answer), _status(answer["statusCode"]))
    response.headers.remove("Content-Type")
    for name, value in _object(answer, "headers").items():
        if isinstance(value, dict | list):
            raise MalformedResponse(f"the header {name} is not a string")
        if not TOKEN.fullmatch(name):
            raise MalformedResponse(f"{name!r} is not a header name")
        if name.lower() not in CONNECTION_HEADERS | {"content-length"} and value is not None:
            response.headers[name] = _header_text(value)
    cookies = answer.get("cookies") or []
    if not isinstance(cookies, list) or not all(isinstance(cookie, str) for cookie in cookies):
        raise MalformedResponse("cookies is not a list of strings")
    for cookie in cookies:
        response.headers.add("Set-Cookie", _header_text(cookie))
    response.headers.setdefault("Content-Type", "text/plain;charset=UTF-8")
    return response


def _headers(request: werkzeug.Request, context: RequestContext) -> dict[str, str]:
    """The headers by lower-case name; repeated ones are joined by commas. Includes those of API Gateway."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if (lower := name.lower()) not in CONNECTION_HEADERS | {"cookie"}:
            headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    forwarded = [address for address in (headers.get("x-forwarded-for"), request.remote_addr) if address]
    return headers | {
        "x-amzn-trace-id": context.trace_id,
        "x-forwarded-for": ", ".join(forwarded),
        "x-forwarded-port": request.environ.get("SERVER_PORT", ""),
        "x-forwarded-proto": request.scheme,
    }


def _text(mimetype: str, body: bytes) -> str | None:
    """The body as text if it is of a text type; None if it must be encoded."""
    if body and mimetype and not TEXT_TYPES.fullmatch(mimetype):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _status(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"\d{3}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise MalformedResponse(f"the statusCode {value!r} is not the status of an answer")
    return value


def _body(answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponse("the body is not a string")
    if not answer.get("isBase64Encoded"):
        return _encoded(body)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MalformedResponse(f"isBase64Encoded is true but the body is not base64: {error}") from error


def _encoded(text: str) -> bytes:
    """Encodes a text as UTF-8, even with halves of surrogate pairs, which JSON may contain."""
    return text.encode(errors="replace")


def _object(answer: dict[str, Any], name: str) -> dict[str, Any]:
    value = answer.get(name) or {}
    if not isinstance(value, dict):
        raise MalformedResponse(f"{name} is not an object")
    return value


def _header_text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if any(end in text for end in "\r\n\0"):
        raise MalformedResponse("a header contains a line end or a zero byte")
    # Header fields are bytes to HTTP, which WSGI writes as latin-1.
    return _encoded(text).decode("latin-1")
