"""Parse and validate the bodies of requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sentiment_api.errors import BadRequest, HttpError, TooLong, UnsupportedMediaType

# The longest of the 25,000 labelled IMDb training reviews has 13,704 characters.
MAX_REVIEW_CHARACTERS = 20_000
MAX_BATCH_REVIEWS = 100
# Enough for a batch of the longest reviews in ASCII. Its event fits into Lambda's 6 MB, where quotation marks
# and backslashes count twice, and its reviews fit into a serverless endpoint's 4 MB.
MAX_BODY_BYTES = 2_500_000
# Currently, a version has 12 characters.
MAX_MODEL_CHARACTERS = 100

JSON, TEXT = "application/json", "text/plain"
CHARSETS = {
    # RFC 8259, 8.1
    JSON: ("utf-8", "us-ascii"),
    TEXT: ("utf-8", "us-ascii", "iso-8859-1", "windows-1252"),
}
SENTIMENTS = ("positive", "negative")
VOTES = ("up", "down")


def review_of(headers: Mapping[str, str], body: bytes) -> str:
    """The review in a body of JSON or text. Raises UnsupportedMediaType, TooLong or BadRequest."""
    kind, text = _text(headers, body, (JSON, TEXT))
    return checked(text if kind == TEXT else _member(_object(text), "review"))


def batch_of(headers: Mapping[str, str], body: bytes) -> list[str | HttpError]:
    """The reviews of a batch, in order; an invalid one is replaced by its error.

    Raises UnsupportedMediaType, TooLong or BadRequest if the batch as a whole is invalid.
    """
    _, text = _text(headers, body, (JSON,))
    reviews = _member(_object(text), "reviews")
    if not isinstance(reviews, list):
        raise BadRequest('The "reviews" must be a list of strings.')
    if not reviews:
        raise BadRequest('The list "reviews" is empty.')
    if len(reviews) > MAX_BATCH_REVIEWS:
        raise TooLong(f"The batch has {len(reviews):,} reviews; at most {MAX_BATCH_REVIEWS} are read.")
    return [_checked_or_error(review) for review in reviews]


def feedback_of(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """A person's vote on a verdict. Raises UnsupportedMediaType, TooLong or BadRequest."""
    _, text = _text(headers, body, (JSON,))
    content = _object(text)
    review = checked(_member(content, "review"))
    sentiment, vote = _member(content, "sentiment"), _member(content, "vote")
    probability, model = _member(content, "probability"), _member(content, "model")
    if sentiment not in SENTIMENTS:
        raise BadRequest('The "sentiment" must be "positive" or "negative".')
    if vote not in VOTES:
        raise BadRequest('The "vote" must be "up" or "down".')
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise BadRequest('The "probability" must be a number from 0 to 1.')
    if not isinstance(model, str) or not 0 < len(model) <= MAX_MODEL_CHARACTERS:
        raise BadRequest(f'The "model" must be a string of 1 to {MAX_MODEL_CHARACTERS} characters.')
    _require_whole_characters(model, "model")
    return {
        "review": review,
        "sentiment": sentiment,
        "probability": probability,
        "model": model,
        "vote": vote,
    }


def checked(review: Any) -> str:
    """Return a review unchanged. Raises BadRequest or TooLong if a model could not read it."""
    if not isinstance(review, str):
        raise BadRequest("The review must be a string.")
    if len(review) > MAX_REVIEW_CHARACTERS:
        raise TooLong(
            f"The review has {len(review):,} characters; at most {MAX_REVIEW_CHARACTERS:,} are read."
        )
    if not review.strip():
        raise BadRequest("The review is empty.")
    _require_whole_characters(review, "review")
    return review


def _checked_or_error(review: Any) -> str | HttpError:
    try:
        return checked(review)
    except HttpError as error:
        return error


def _require_whole_characters(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"Character {error.start} of the {name} is half of a surrogate pair.") from None


def _text(headers: Mapping[str, str], body: bytes, kinds: tuple[str, ...]) -> tuple[str, str]:
    """The media type, which must be one of `kinds`, and the decoded body."""
    if not body:
        raise BadRequest("The body is empty.")
    kind, charset = _content_type(headers.get("content-type", ""), kinds)
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, not compressed.")
    if len(body) > MAX_BODY_BYTES:
        raise TooLong(f"The request has {len(body):,} bytes; at most {MAX_BODY_BYTES:,} are read.")
    try:
        return kind, body.decode(charset).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not {charset}: byte {error.start} cannot be read.") from None


def _content_type(header: str, kinds: tuple[str, ...]) -> tuple[str, str]:
    kind, *parameters = (part.strip() for part in header.split(";"))
    if kind.lower() not in kinds:
        raise UnsupportedMediaType(f"Send {' or '.join(kinds)}, not {kind or 'an unnamed type'}.")
    charset = "utf-8"
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if charset not in (charsets := CHARSETS[kind.lower()]):
        raise UnsupportedMediaType(f"The charset {charset} is not one of {', '.join(charsets)}.")
    return kind.lower(), charset


def _object(text: str) -> dict[str, Any]:
    if not text.strip():
        raise BadRequest("The body is empty.")
    try:
        content = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise BadRequest("The body must be a JSON object.")
    return content


def _no_number(name: str) -> None:
    """Refuse NaN and Infinity, which Python would accept, but which are not JSON."""
    raise ValueError(name)


def _member(content: dict[str, Any], name: str) -> Any:
    try:
        return content[name]
    except KeyError:
        raise BadRequest(f'The body must be a JSON object with a "{name}".') from None
