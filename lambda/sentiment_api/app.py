"""POST /predict: an API Gateway event in, a verdict or a plain error out, as infra/openapi.yaml has it."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from predict.endpoint import verdict_on
from predict.errors import HttpError
from predict.logs import json_logger
from predict.review import review_of

log = json_logger("predict")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers one request. Never raises, never shows a traceback, never logs the text of a review."""
    began = time.monotonic()
    request_id = _request_id(event, context)
    try:
        review = review_of(event)
        verdict = verdict_on(review, lambda: context.get_remaining_time_in_millis() / 1000)
        response, error = _response(200, verdict), None
    except HttpError as caught:
        response, error = _error_response(caught, request_id), caught
    except Exception as caught:
        response, error = _error_response(HttpError("Something went wrong on our side."), request_id), caught
    _log_request(request_id, response["statusCode"], error, began)
    return response


def _request_id(event: Any, context: Any) -> str:
    """API Gateway's, which its access log and the caller have too; else Lambda's own."""
    try:
        return str(event["requestContext"]["requestId"])
    except (KeyError, TypeError):
        return str(getattr(context, "aws_request_id", "unknown"))


def _response(status: int, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store", **headers},
        "body": json.dumps(body),
    }


def _error_response(error: HttpError, request_id: str) -> dict[str, Any]:
    body = {"error": {"code": error.code, "message": error.message, "requestId": request_id}}
    headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    return _response(error.status, body, **headers)


def _log_request(request_id: str, status: int, error: Exception | None, began: float) -> None:
    fields = {
        "requestId": request_id,
        "status": status,
        "latencyMs": round((time.monotonic() - began) * 1000, 1),
    }
    unexpected = error if error and not isinstance(error, HttpError) else None
    if isinstance(error, HttpError):
        fields |= {"code": error.code, "reason": error.detail or error.message}
    level = logging.INFO if status < 400 else logging.WARNING if status < 500 else logging.ERROR
    log.log(level, "request", extra={"fields": fields}, exc_info=unexpected)
