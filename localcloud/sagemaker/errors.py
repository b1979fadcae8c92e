"""Errors of the SageMaker API."""

from localcloud.protocol import ApiError, InvalidRequest


class ResourceInUse(ApiError):
    """The name is taken, or the resource is busy."""

    def __init__(self, message: str):
        super().__init__("ResourceInUse", message)


class ResourceNotFound(ApiError):
    """There is no such resource. Older operations say so by ValidationException."""

    def __init__(self, message: str):
        super().__init__("ResourceNotFound", message)


def no_such_job(arn: str) -> InvalidRequest:
    """The error for a missing processing or transform job."""
    return InvalidRequest(f"Could not find requested job with name: {arn.rpartition('/')[2]}")


def require_ended(kind: str, status: str) -> None:
    """Raises ResourceInUse for a job that has not ended, and so cannot be deleted."""
    if status in ("InProgress", "Stopping"):
        raise ResourceInUse(f"The request was rejected because the {kind} job is in status {status}.")


class JobFailed(Exception):
    """Ends a job or an endpoint's deployment; the message becomes its FailureReason."""
