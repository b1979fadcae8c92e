"""Errors of the Lambda API."""

from typing import Any

from localcloud.protocol import ApiError

NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."
"""All that Lambda says; the log of the cloud says why."""


class LambdaError(ApiError):
    """Refuses a Lambda API call. It always has an HTTP status, since API Gateway's answers depend on it."""

    status: int

    def __init__(self, code: str, message: str, *, status: int = 400, **members: Any):
        super().__init__(code, message, status=status, **members)


def invalid_parameter(message: str) -> LambdaError:
    """An error for a parameter with an invalid value."""
    return LambdaError("InvalidParameterValueException", message)


def unsupported(what: str) -> LambdaError:
    """An error that names a feature of AWS which localcloud does not have."""
    return invalid_parameter(f"localcloud does not support {what}.")
