"""AWS's wire protocols: requests are read, checked and answered by the service models that botocore ships."""

from localcloud.protocol.errors import ApiError, InvalidRequest

__all__ = ["ApiError", "InvalidRequest"]
