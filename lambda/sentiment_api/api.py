"""The routes of infra/openapi.yaml, for any host and any model. Standard library only.

A host converts what it received to a `Request`, passes it to `Api.answer` and sends the `Response`. It needs
no error handling of its own, since errors become responses as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sentiment_api.body import (
    JSON,
    MAX_BATCH_REVIEWS,
    MAX_BODY_BYTES,
    MAX_REVIEW_CHARACTERS,
    batch_of,
    feedback_of,
    review_of,
)
from sentiment_api.errors import BadRequest, HttpError, MethodNotAllowed, NotFound
from sentiment_api.feedback import Votes, new_vote, withdrawable

LIMITS = {"characters": MAX_REVIEW_CHARACTERS, "bytes": MAX_BODY_BYTES, "reviews": MAX_BATCH_REVIEWS}
MODEL_CACHE_SECONDS = 300
NEVER_CACHED = "no-store"
ONE_VOTE = "/feedback/"
# Members of a verdict that are for the metrics only (sentiment_api.measures).
COUNTED_ONLY = ("word_count", "unknown_words")


class Request(NamedTuple):
    """An HTTP request. Header names are in lower case; the path is relative to the API's base URL."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    id: str


class Response(NamedTuple):
    """An HTTP response. The last four members are for the host's log and metrics, and are not sent.

    `error` is the exception, if the response is an error; `verdicts` are those in the response, and `lengths`
    the numbers of characters of their texts; `vote` is the vote that was stored.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    error: Exception | None = None
    verdicts: Sequence[Mapping[str, Any]] = ()
    lengths: Sequence[int] = ()
    vote: Mapping[str, Any] | None = None


class Model(Protocol):
    """A source of verdicts. Its methods raise the errors of sentiment_api.errors."""

    def predict(self, reviews: list[str], explain: bool) -> list[dict[str, Any]]:
        """A verdict on each review: {"sentiment", "probability", "unsure", "reason", "model"} and, if
        explained, {"words", "spans", "cut"}, as in infra/openapi.yaml. Models that count the words of a text,
        and the unknown ones among them, add these numbers (COUNTED_ONLY)."""

    def describe(self) -> dict[str, Any]:
        """The body of GET /model, without the limits of the API."""

    def check(self) -> None:
        """Raises NotReady if the model cannot answer. The check is cheap and wakes no endpoint."""


class Models(Model, Protocol):
    """A source of verdicts that may have two models, each of which can be selected by its version."""

    def named(self, version: str) -> Model:
        """The model with that version. Raises NotFound if none of the models has it."""


class Api:
    """Answers requests with a model's verdicts, and stores people's votes on them in `votes`."""

    def __init__(self, model: Models, votes: Votes):
        self._model, self._votes = model, votes
        self._routes: dict[str, dict[str, Callable[[Request], Response]]] = {
            "/predict": {"POST": self._predict},
            "/predict/batch": {"POST": self._predict_batch},
            "/feedback": {"GET": self._count, "POST": self._feedback},
            "/feedback/{id}": {"DELETE": self._withdraw},
            "/health": {"GET": self._health},
            "/model": {"GET": self._describe},
        }

    def answer(self, request: Request) -> Response:
        """The response to a request. Never raises; of an error, only the message is shown."""
        try:
            return self._route(request)
        except Exception as error:
            return error_response(error, request.id)

    def _route(self, request: Request) -> Response:
        methods = self._routes.get(_template(request.path))
        if methods is None:
            raise NotFound("There is nothing at this address.")
        if request.method in methods:
            return methods[request.method](request)
        if request.method == "HEAD" and "GET" in methods:
            return methods["GET"](request)._replace(body=b"")
        allowed = [*methods, *(["HEAD"] if "GET" in methods else [])]
        raise MethodNotAllowed(f"This address takes {' and '.join(allowed)}.", allowed)

    def _predict(self, request: Request) -> Response:
        explain = _flag(request.query, "explain", default=True)
        review = review_of(request.headers, request.body)
        if (version := request.query.get("model")) is not None:
            return _json(200, public_members(self._verdict_of(version, review, explain)))
        [verdict] = self._model.predict([review], explain)
        return _json(200, public_members(verdict))._replace(verdicts=[verdict], lengths=[len(review)])

    def _verdict_of(self, version: str, review: str, explain: bool) -> dict[str, Any]:
        """The verdict of the model that was asked for. It is not counted: in a fair comparison of the models,
        nobody chooses which of them gets a text."""
        model = self._model.named(version)
        try:
            [verdict] = model.predict([review], explain)
        except HttpError as error:
            error.model = None
            raise
        return verdict

    def _predict_batch(self, request: Request) -> Response:
        rows = batch_of(request.headers, request.body)
        reviews = [row for row in rows if isinstance(row, str)]
        verdicts = self._model.predict(reviews, False) if reviews else []
        model = verdicts[0]["model"] if verdicts else None
        remaining = iter(verdicts)
        predictions = [_row(row, remaining) for row in rows]
        response = _json(200, {"model": model, "predictions": predictions})
        return response._replace(verdicts=verdicts, lengths=[len(review) for review in reviews])

    def _feedback(self, request: Request) -> Response:
        vote = feedback_of(request.headers, request.body)
        vote_id = self._votes.keep(new_vote(vote))
        return _json(201, {"id": vote_id})._replace(vote=vote)

    def _count(self, request: Request) -> Response:
        """The counts of votes on the models that GET /model names, and on no others, since a vote may name a
        model that never existed."""
        answering = self._model.describe()
        versions = [answering["model"]]
        if challenger := answering.get("challenger"):
            versions.append(challenger["model"])
        tally = self._votes.tally()
        return _json(200, {"models": [tally.of(each) for each in versions], "complete": tally.complete})

    def _withdraw(self, request: Request) -> Response:
        vote_id = withdrawable(request.path.rstrip("/").removeprefix(ONE_VOTE))
        self._votes.withdraw(vote_id)
        return _json(200, {"id": vote_id})

    def _health(self, request: Request) -> Response:
        self._model.check()
        return _json(200, {"status": "ready"})

    def _describe(self, request: Request) -> Response:
        response = _json(200, {**self._model.describe(), "limits": LIMITS})
        tag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
        cached = {"etag": tag, "cache-control": f"max-age={MODEL_CACHE_SECONDS}"}
        if _names(request.headers.get("if-none-match", ""), tag):
            return Response(304, cached, b"")
        return response._replace(headers=response.headers | cached)


def error_response(error: Exception, request_id: str) -> Response:
    """Return the response to an error; it shows details only of an HttpError."""
    shown = error if isinstance(error, HttpError) else HttpError("Something went wrong on our side.")
    content = {"error": {"code": shown.code, "message": shown.message, "requestId": request_id}}
    headers = {} if shown.retry_after is None else {"retry-after": str(shown.retry_after)}
    if isinstance(shown, MethodNotAllowed):
        headers["allow"] = ", ".join(shown.allowed)
    return _json(shown.status, content, headers)._replace(error=error)


def _template(path: str) -> str:
    """The path as in infra/openapi.yaml, with {id} for a vote's id."""
    path = path.rstrip("/")
    is_vote = path.startswith(ONE_VOTE) and "/" not in path.removeprefix(ONE_VOTE)
    return f"{ONE_VOTE}{{id}}" if is_vote else path


def _json(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    always = {"content-type": JSON, "cache-control": NEVER_CACHED}
    return Response(status, always | (headers or {}), json.dumps(content).encode())


def public_members(verdict: dict[str, Any]) -> dict[str, Any]:
    """A verdict without the members that only the metrics need."""
    return {name: value for name, value in verdict.items() if name not in COUNTED_ONLY}


def _row(row: str | HttpError, verdicts: Any) -> dict[str, Any]:
    if isinstance(row, HttpError):
        return {"error": {"code": row.code, "message": row.message}}
    verdict = next(verdicts)
    return {name: verdict[name] for name in ("sentiment", "probability", "unsure", "reason")}


def _flag(query: Mapping[str, str], name: str, default: bool) -> bool:
    value = query.get(name)
    if value is None:
        return default
    if value not in ("true", "false"):
        raise BadRequest(f"The query parameter {name} must be true or false.")
    return value == "true"


def _names(if_none_match: str, tag: str) -> bool:
    """Whether If-None-Match lists this entity tag, by weak comparison (RFC 9110, 13.1.2)."""
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
