"""Errors of the Lambda API as its clients see them."""

from typing import Any

from localcloud.protocol import ApiError


class LambdaError(ApiError):
    """Refuses a Lambda API call. Its HTTP status is always known: API Gateway's answers depend on it."""

    status: int

    def __init__(self, code: str, message: str, *, status: int = 400, **members: Any):
        super().__init__(code, message, status=status, **members)


def invalid_parameter(message: str) -> LambdaError:
    """A parameter has a value that Lambda does not take."""
    return LambdaError("InvalidParameterValueException", message)


def unsupported(what: str) -> LambdaError:
    """Names what AWS would do and localcloud does not, so that nobody takes silence for success."""
    return invalid_parameter(f"localcloud does not support {what}.")
