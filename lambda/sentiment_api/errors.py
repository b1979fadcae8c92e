"""The error responses of infra/openapi.yaml: a class for each status, with subclasses for some codes."""

from __future__ import annotations


class HttpError(Exception):
    """An error response. The client gets the message; `detail` goes to the log only.

    `model` is the version of the model that should have answered; None where the request never came so far.
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
    """`allowed` are the methods that the path does know."""

    status, code = 405, "method_not_allowed"

    def __init__(self, message: str, allowed: list[str]):
        super().__init__(message)
        self.allowed = allowed


class TooLate(HttpError):
    """What is asked for could be done until some time ago."""

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
    """No model has been chosen to be served; waiting alone brings none."""

    code = "no_model"


class Waking(NotReady):
    """The model is on its way."""

    code = "waking"


class Overloaded(NotReady):
    """There is a model, but too many requests at once."""

    code = "overloaded"


class Broken(NotReady):
    """The model cannot be served until someone mends it."""

    code = "broken"


class TimedOut(HttpError):
    status, code = 504, "timed_out"


class StorageFull(HttpError):
    status, code = 507, "storage_full"
