"""Everything that can keep a request from its answer, one class for each HTTP status (infra/openapi.yaml)."""

from __future__ import annotations


class HttpError(Exception):
    """A request that gets no answer but this. The message is for who sent it, `detail` for the log only."""

    status = 500
    code = "internal_error"

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


class TooLong(HttpError):
    status, code = 413, "review_too_long"


class UnsupportedMediaType(HttpError):
    status, code = 415, "unsupported_media_type"


class Throttled(HttpError):
    status, code = 429, "throttled"


class ModelFailed(HttpError):
    status, code = 502, "model_error"


class NotReady(HttpError):
    """Not just now, for a reason of its own or for one of those below."""

    status, code = 503, "not_ready"


class NoModel(NotReady):
    """No model has been chosen to be served; waiting alone brings none."""

    code = "no_model"


class Waking(NotReady):
    """The model is on its way."""

    code = "waking"


class Overloaded(NotReady):
    """There is a model, and more to do than it can."""

    code = "overloaded"


class Broken(NotReady):
    """What should be served cannot be; someone has to see to it."""

    code = "broken"


class TimedOut(HttpError):
    status, code = 504, "timed_out"
