"""The web server: a Flask application with the page and the API of infra/openapi.yaml on one origin.

gunicorn --config selfhost/gunicorn.conf.py "selfhost.app:create_app()"
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

import flask
from sentiment_api.api import Api, Models, Request, Response, error_response
from sentiment_api.body import MAX_BODY_BYTES
from sentiment_api.errors import BadRequest, HttpError, MethodNotAllowed, NotFound, TooLong
from sentiment_api.feedback import Votes
from sentiment_api.measures import measures
from sentiment_api.rollout import Challenger, Rollout
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import Rule

from project import model_card
from selfhost import website
from selfhost.admission import Admission
from selfhost.cache import ModelCache
from selfhost.counts import HourlyCounts
from selfhost.feedback import FolderOfVotes
from selfhost.logs import fields, logger
from selfhost.model import ServedModel
from selfhost.scoreboard import SCOREBOARD
from selfhost.settings import Settings
from selfhost.watch import Watch
from tracking.champion import CHALLENGER, Source

# The headers that CloudFront sends with the page (infra/template.yaml), except Strict-Transport-Security,
# which has no effect without TLS. A proxy that terminates TLS should add it.
SECURITY_HEADERS = {
    "content-security-policy": "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
REQUEST_ID = "x-request-id"
# Slower answers are counted as slow, as on AWS (AlarmLatencySeconds in infra/template.yaml).
SLOW_SECONDS = 5
# The form of a model's version. A vote is counted only if it names one.
VERSION = re.compile(r"[0-9a-f]{12}")
# A request id of this form is taken over from a proxy in front of this server.
GIVEN_ID = re.compile(r"[A-Za-z0-9._=-]{1,64}")

log = logger()


def create_app(settings: Settings | None = None) -> flask.Flask:
    """Create the application, which serves the champion of the registry in the settings.

    Each process must create its own, because threads, such as that of Watch, do not survive a fork.
    """
    settings = settings or Settings.from_environment()
    admission = Admission(SCOREBOARD)
    model, challenger = ServedModel(admission), ServedModel(admission)
    watch = Watch(
        model, ModelCache(settings.cache), lambda: _registry(settings, settings.alias), settings.poll_seconds
    )
    challenge = Watch(
        challenger,
        ModelCache(settings.cache / CHALLENGER),
        lambda: _registry(settings, CHALLENGER),
        settings.poll_seconds,
        optional=True,
    )

    def challenging() -> Challenger | None:
        served, version = challenge.served, challenger.version
        return None if served is None or version is None else Challenger(challenger, version, served.percent)

    watch.start()
    challenge.start()
    votes = FolderOfVotes(settings.feedback, settings.feedback_bytes)
    app = application(Rollout(model, challenging), votes, HourlyCounts(settings.feedback))
    app.extensions["champion-watch"] = watch
    return app


def _registry(settings: Settings, alias: str) -> Source:
    # Importing it takes seconds, so only the process that asks the registry does so, and no request waits.
    from tracking.registry import Registry

    return Registry(settings.tracking_uri, settings.name, alias)


def application(model: Models, votes: Votes, counts: HourlyCounts | None = None) -> flask.Flask:
    """Create the application from its parts; `counts` records what each answer says about its text."""
    app = flask.Flask("selfhost", static_folder=None)
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    api, files, card = Api(model, votes), website.load(), website.Card(model.describe)

    # A rule without methods matches all of them, so that the API answers unsupported ones itself.
    for path in ("/", "/<path:path>"):
        app.url_map.add(Rule(path, endpoint="answer"))

    @app.endpoint("answer")
    def answer(path: str = "") -> flask.Response:
        if (file := card.file() if path == model_card.NAME else files.get(path)) is not None:
            return _file(file)
        response = api.answer(_request(path))
        flask.g.error, flask.g.answer = response.error, response
        return _response(response)

    @app.before_request
    def begin() -> None:
        flask.g.began = time.monotonic()
        given = flask.request.headers.get(REQUEST_ID, "")
        flask.g.id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex

    @app.after_request
    def finish(response: flask.Response) -> flask.Response:
        response.headers.update(SECURITY_HEADERS)
        response.headers[REQUEST_ID] = flask.g.id
        _log(response, counts)
        return response

    @app.errorhandler(Exception)
    def fail(error: Exception) -> flask.Response:
        flask.g.error = shown = _api_error(error)
        return _response(error_response(shown, flask.g.id))

    return app


def _request(path: str) -> Request:
    """The request in the API's form. Raises TooLong before reading a body that is announced as too long."""
    asked = flask.request
    if asked.content_length is not None and asked.content_length > MAX_BODY_BYTES:
        raise TooLong(f"The request has {asked.content_length:,} bytes; at most {MAX_BODY_BYTES:,} are read.")
    headers = {name.lower(): value for name, value in asked.headers.items()}
    # API Gateway joins repeated parameters with commas, too.
    query = {name: ",".join(values) for name, values in asked.args.lists()}
    body = asked.get_data(cache=False)
    return Request(asked.method, f"/{path}", query, headers, body, flask.g.id)


def _response(response: Response) -> flask.Response:
    return flask.Response(response.body, response.status, response.headers)


def _file(file: website.File) -> flask.Response:
    if flask.request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("This address takes GET and HEAD.", ["GET", "HEAD"])
    compressed = file.compressed if flask.request.accept_encodings.quality("gzip") > 0 else None
    response = flask.Response(file.body if compressed is None else compressed, content_type=file.kind)
    response.headers["cache-control"] = website.CACHE_CONTROL
    if file.compressed is not None:
        response.headers["vary"] = "accept-encoding"
    if compressed is not None:
        response.headers["content-encoding"] = "gzip"
    # A weak tag, since both encodings have the same content.
    response.set_etag(file.tag, weak=True)
    response.make_conditional(flask.request)
    return response


def _api_error(error: Exception) -> Exception:
    """Convert errors of Flask and Werkzeug to the API's; any other error is a bug and stays as it is."""
    if isinstance(error, RequestEntityTooLarge):
        return TooLong(f"The request is too long; at most {MAX_BODY_BYTES:,} bytes are read.")
    if isinstance(error, HTTPException) and error.code == NotFound.status:
        return NotFound("There is nothing at this address.")
    if isinstance(error, HTTPException) and error.code is not None and 400 <= error.code < 500:
        return BadRequest("The request cannot be read.", detail=str(error))
    return error


def _log(response: flask.Response, counts: HourlyCounts | None) -> None:
    """Log a request, with what sentiment_api.measures counts; the text of a review is never logged."""
    seconds = time.monotonic() - flask.g.began
    line: dict[str, Any] = {
        "requestId": flask.g.id,
        "method": flask.request.method,
        "path": flask.request.path,
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 1),
    }
    answer = flask.g.get("answer")
    if answer is not None and (found := measures(answer, seconds, SLOW_SECONDS, VERSION.fullmatch)):
        line |= {"model": found[0], **found[1]}
        # Not for votes, which may name any version and so could fill the disk.
        if counts is not None and answer.verdicts:
            counts.add(*found)
    error = flask.g.get("error")
    if isinstance(error, HttpError):
        line |= {"code": error.code, "reason": error.detail or error.message}
    status = response.status_code
    level = logging.INFO if status < 400 else logging.WARNING if status < 500 else logging.ERROR
    # The traceback is that of a bug, or of the cause of an API error.
    fault = error.__cause__ if isinstance(error, HttpError) else error
    log.log(level, "request", exc_info=fault, **fields(**line))
