"""Errors of API Gateway's control plane."""

from localcloud.protocol import ApiError


def bad_request(message: str) -> ApiError:
    """An error for a request with an invalid value."""
    return ApiError("BadRequestException", message, status=400)


def not_found(message: str) -> ApiError:
    """An error for something that does not exist."""
    return ApiError("NotFoundException", message, status=404)


def conflict(message: str) -> ApiError:
    """An error for something that exists already, or is in use."""
    return ApiError("ConflictException", message, status=409)
