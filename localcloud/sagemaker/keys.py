"""Checks the KMS keys of requests before anything is made with them."""

from localcloud.cloud import Cloud
from localcloud.kms_keys import usable_key
from localcloud.protocol import ApiError, InvalidRequest


def require_key(cloud: Cloud, operation: str, path: str, key: str | None) -> None:
    """Raises InvalidRequest, in KMS's words, for a key that is given and cannot be used.

    `path` is that of the member. Otherwise a job would run for hours and fail when it uploads its model.
    """
    if not key:
        return
    try:
        usable_key(cloud, key)
    except ApiError as error:
        raise InvalidRequest(f"{operation}: {path}: {error.message}") from None
