"""Errors of the SageMaker API."""

from localcloud.protocol import ApiError


class ResourceInUse(ApiError):
    """The name is taken, or the resource is busy."""

    def __init__(self, message: str):
        super().__init__("ResourceInUse", message)


class ResourceNotFound(ApiError):
    """There is no such resource. Older operations say so by ValidationException."""

    def __init__(self, message: str):
        super().__init__("ResourceNotFound", message)


class JobFailed(Exception):
    """Ends a job or an endpoint's deployment; the message becomes its FailureReason."""
