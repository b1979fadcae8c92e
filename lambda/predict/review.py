"""The review in an API Gateway event (payload format 2.0), checked before the endpoint is paid to read it."""

from __future__ import annotations

import base64
import json
from typing import Any

from predict.errors import BadRequest, TooLong, UnsupportedMediaType

# The longest of the 25,000 labelled IMDb training reviews has 13,704 characters.
MAX_REVIEW_CHARACTERS = 20_000
# JSON may write a character as a pair of surrogates, 12 bytes; the rest is for the object around it.
MAX_BODY_BYTES = 12 * MAX_REVIEW_CHARACTERS + 1024

JSON, TEXT = "application/json", "text/plain"
CHARSETS = ("utf-8", "us-ascii", "iso-8859-1", "windows-1252")


def review_of(event: dict[str, Any]) -> str:
    """The text of the review. Raises UnsupportedMediaType, TooLong or BadRequest."""
    body = _body(event)
    if not body:
        raise BadRequest("The body is empty.")
    kind, charset = _content_type(event)
    if len(body) > MAX_BODY_BYTES:
        raise TooLong(f"The request has {len(body):,} bytes; at most {MAX_BODY_BYTES:,} are read.")
    # A body that API Gateway passes on as text has become UTF-8 on the way, whatever it was.
    text = _decoded(body, charset if event.get("isBase64Encoded") else "utf-8")
    review = _in_json(text) if kind == JSON else text
    if len(review) > MAX_REVIEW_CHARACTERS:
        raise TooLong(
            f"The review has {len(review):,} characters; at most {MAX_REVIEW_CHARACTERS:,} are read."
        )
    if not review.strip():
        raise BadRequest("The review is empty.")
    return review


def _content_type(event: dict[str, Any]) -> tuple[str, str]:
    headers = event.get("headers") or {}
    value = next((str(value) for name, value in headers.items() if name.lower() == "content-type"), "")
    kind, *parameters = (part.strip() for part in value.split(";"))
    if kind.lower() not in (JSON, TEXT):
        raise UnsupportedMediaType(
            f"Send the review as {JSON} or {TEXT}, not as {kind or 'an unnamed type'}."
        )
    charset = "utf-8"
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if charset not in CHARSETS:
        raise UnsupportedMediaType(f"The charset {charset} is not one of {', '.join(CHARSETS)}.")
    return kind.lower(), charset


def _body(event: dict[str, Any]) -> bytes:
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body, validate=True)
    return body.encode("utf-8", "surrogatepass")


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not {charset}: byte {error.start} cannot be read.") from None


def _in_json(text: str) -> str:
    if not text.strip():
        raise BadRequest("The body is empty.")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not valid JSON.") from None
    if not isinstance(content, dict) or "review" not in content:
        raise BadRequest('The body must be a JSON object with a "review".')
    review = content["review"]
    if not isinstance(review, str):
        raise BadRequest('The "review" must be a string.')
    try:
        review.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"Character {error.start} of the review is half of a surrogate pair.") from None
    return review
