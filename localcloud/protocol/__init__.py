"""AWS's wire protocols: reads, validates and answers requests by botocore's service models."""

from localcloud.protocol.errors import ApiError, InvalidRequest

__all__ = ["ApiError", "InvalidRequest"]
