"""Everything that can keep a review from its verdict, one class for each HTTP status (infra/openapi.yaml)."""

from __future__ import annotations


class HttpError(Exception):
    """A request that gets no verdict. The message is for who sent it, `detail` for the log only."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str, *, retry_after: int | None = None, detail: str | None = None):
        super().__init__(message)
        self.message, self.retry_after, self.detail = message, retry_after, detail


class BadRequest(HttpError):
    status, code = 400, "bad_request"


class TooLong(HttpError):
    status, code = 413, "review_too_long"


class UnsupportedMediaType(HttpError):
    status, code = 415, "unsupported_media_type"


class Throttled(HttpError):
    status, code = 429, "throttled"


class ModelFailed(HttpError):
    status, code = 502, "model_error"


class NotReady(HttpError):
    status, code = 503, "not_ready"


class TimedOut(HttpError):
    status, code = 504, "timed_out"
