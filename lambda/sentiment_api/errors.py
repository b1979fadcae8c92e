"""The error responses of infra/openapi.yaml: a class for each status, with subclasses for some codes."""

from __future__ import annotations


class HttpError(Exception):
    """An error response. The client gets the message; `detail` is for the log only.

    `retry_after` is in seconds. `model` is the version of the model that should have answered, or None if the
    request did not get that far.
    """

    status = 500
    code = "internal_error"
    model: str | None = None

    def __init__(self, message: str, *, retry_after: int | None = None, detail: str | None = None):
        super().__init__(message)
        self.message, self.retry_after, self.detail = message, retry_after, detail


class BadRequest(HttpError):
    status, code = 400, "bad_request"


class NotFound(HttpError):
    status, code = 404, "not_found"


class MethodNotAllowed(HttpError):
    """The path does not support the method; `allowed` are those that it supports."""

    status, code = 405, "method_not_allowed"

    def __init__(self, message: str, allowed: list[str]):
        super().__init__(message)
        self.allowed = allowed


class TooLate(HttpError):
    """The time in which the request was possible is over."""

    status, code = 410, "too_late"


class TooLong(HttpError):
    status, code = 413, "review_too_long"


class UnsupportedMediaType(HttpError):
    status, code = 415, "unsupported_media_type"


class Throttled(HttpError):
    status, code = 429, "throttled"


class ModelFailed(HttpError):
    status, code = 502, "model_error"


class NotReady(HttpError):
    """The model cannot answer now; the subclasses name the reason."""

    status, code = 503, "not_ready"


class NoModel(NotReady):
    """No model has been chosen to be served; waiting does not help."""

    code = "no_model"


class Waking(NotReady):
    """The model is being started."""

    code = "waking"


class Overloaded(NotReady):
    """There is a model, but there are too many requests at the same time."""

    code = "overloaded"


class Broken(NotReady):
    """The model cannot be served until someone repairs it."""

    code = "broken"


class TimedOut(HttpError):
    status, code = 504, "timed_out"


class StorageFull(HttpError):
    status, code = 507, "storage_full"
