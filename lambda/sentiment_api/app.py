"""The Lambda handler: it answers events of API Gateway (payload format 2.0), and logs a line for each."""

from __future__ import annotations

import base64
import os
import time
from typing import Any

from sentiment_api.api import Api, Request, Response, error_response
from sentiment_api.endpoint import Endpoint
from sentiment_api.logs import request_line
from sentiment_api.measures import measures
from sentiment_api.rollout import Challenger, Rollout
from sentiment_api.storage import BucketOfVotes, Description

STACK = os.environ["STACK_NAME"]
LOG_REVIEWS = os.environ["LOG_REVIEWS"] == "true"
SLOW_SECONDS = float(os.environ["SLOW_SECONDS"])
# A new model on trial has an endpoint of its own; without one, its name is empty.
CANARY_ENDPOINT_NAME, CANARY_VERSION = os.environ["CANARY_ENDPOINT_NAME"], os.environ["CANARY_VERSION"]
CANARY_PERCENT = float(os.environ["CANARY_PERCENT"])

endpoint = Endpoint(os.environ["ENDPOINT_NAME"], os.environ["MODEL_VERSION"], Description())
canary = Endpoint(CANARY_ENDPOINT_NAME, CANARY_VERSION, Description()) if CANARY_ENDPOINT_NAME else None
votes = BucketOfVotes()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request. Never raises, and never shows a traceback."""
    began = time.monotonic()
    request, response = _answer(event, context)
    seconds = time.monotonic() - began
    models = (endpoint.version, CANARY_VERSION)
    measured = measures(response, seconds, SLOW_SECONDS, models.__contains__)
    print(request_line(request, response, seconds, STACK, measured, LOG_REVIEWS), flush=True)
    return {
        "statusCode": response.status,
        "headers": response.headers,
        "body": response.body.decode(),
    }


def _answer(event: Any, context: Any) -> tuple[Request, Response]:
    request_id = _request_id(event, context)
    try:
        request = _request(event, request_id)
    except Exception as error:  # not an event of API Gateway
        nothing = Request("-", "-", {}, {}, b"", request_id)
        return nothing, error_response(error, request_id)
    return request, Api(_model(context), votes).answer(request)


def _model(context: Any) -> Rollout:
    """The models for one request, limited to the time that the function has left."""

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    def challenger() -> Challenger | None:
        if canary is None:
            return None
        return Challenger(canary.within(seconds_left), canary.version, CANARY_PERCENT)

    return Rollout(endpoint.within(seconds_left), challenger)


def _request_id(event: Any, context: Any) -> str:
    """API Gateway's request id, which its access log and the caller have as well; or else Lambda's."""
    try:
        return str(event["requestContext"]["requestId"])
    except (KeyError, TypeError):
        return str(getattr(context, "aws_request_id", "unknown"))


def _request(event: dict[str, Any], request_id: str) -> Request:
    http, stage = event["requestContext"]["http"], event["requestContext"]["stage"]
    path = str(event["rawPath"])
    if stage != "$default":
        path = path.removeprefix(f"/{stage}")
    headers = {name.lower(): str(value) for name, value in event.get("headers", {}).items()}
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        content = base64.b64decode(body, validate=True)
    else:
        # API Gateway has converted a body that it passes on as text to UTF-8.
        content = body.encode("utf-8", "surrogatepass")
        if "content-type" in headers:
            headers["content-type"] = headers["content-type"].partition(";")[0]
    return Request(
        str(http["method"]), path, event.get("queryStringParameters") or {}, headers, content, request_id
    )
