"""Errors of the SageMaker API."""


class ApiError(Exception):
    """Refuses a request; `code` and `status` are those of AWS."""

    def __init__(self, message: str, code: str = "ValidationException", status: int = 400):
        super().__init__(message)
        self.message, self.code, self.status = message, code, status


class ResourceInUse(ApiError):
    def __init__(self, message: str):
        super().__init__(message, "ResourceInUse")


class ResourceNotFound(ApiError):
    def __init__(self, message: str):
        super().__init__(message, "ResourceNotFound")


class JobFailed(Exception):
    """Ends a job or an endpoint's deployment; the message becomes its FailureReason."""
