"""Presigned URLs: their validity period, and what else signs a request.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import datetime
import time
from collections.abc import Mapping

import werkzeug

from localcloud.protocol import ApiError

MAX_SECONDS = 7 * 86400
CLOCK_SKEW_SECONDS = 15 * 60
"""By how much a client's clock may be ahead."""
DATE = "%Y%m%dT%H%M%SZ"
VERSION_2 = ("Signature", "Expires", "AWSAccessKeyId")
VERSION_4 = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
"""The parameters of signed URLs, by the version of signatures."""


def check_mechanism(request: werkzeug.Request) -> None:
    """Raises ApiError for a request that is signed in its URL and by a header, too."""
    in_url = "X-Amz-Algorithm" in request.args or "Signature" in request.args
    if in_url and "Authorization" in request.headers:
        message = (
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
            "string parameter or the Authorization header should be specified"
        )
        raise ApiError("InvalidArgument", message, status=400)


def check_expiry(query: Mapping[str, str], now: float | None = None) -> None:
    """Raises ApiError for a URL that has expired, or lacks a part of its signature or a valid time.

    `now` is in seconds since 1970. The words are those of LocalStack's recordings (test_s3.snapshot.json).
    """
    now = time.time() if now is None else now
    if any(name in query for name in VERSION_4):
        if not all(name in query for name in VERSION_4):
            names = f"{', '.join(VERSION_4[:-1])}, and {VERSION_4[-1]}"
            raise _invalid(f"Query-string authentication version 4 requires the {names} parameters.")
        _check_version_4(query, now)
    elif "AWSAccessKeyId" in query or "Signature" in query:
        expires = query.get("Expires", "")
        if not expires.isdecimal() or not all(name in query for name in VERSION_2):
            raise ApiError(
                "AccessDenied",
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
                status=403,
            )
        if now > int(expires):
            raise ApiError("AccessDenied", "Request has expired", status=403)


def _check_version_4(query: Mapping[str, str], now: float) -> None:
    seconds = query.get("X-Amz-Expires", "")
    try:
        lifetime = int(seconds)
    except ValueError:
        raise _invalid("X-Amz-Expires should be a number") from None
    if lifetime < 0:
        raise _invalid("X-Amz-Expires must be non-negative")
    if lifetime > MAX_SECONDS:
        raise _invalid(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
            f"less than {MAX_SECONDS} seconds"
        )
    try:
        signed = datetime.datetime.strptime(query.get("X-Amz-Date", ""), DATE)
    except ValueError:
        raise _invalid("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"") from None
    begins = signed.replace(tzinfo=datetime.UTC).timestamp()
    if now > begins + lifetime:
        raise ApiError("AccessDenied", "Request has expired", status=403)
    if now < begins - CLOCK_SKEW_SECONDS:
        raise ApiError("AccessDenied", "Request is not valid yet", status=403)


def _invalid(message: str) -> ApiError:
    return ApiError("AuthorizationQueryParametersError", message, status=400)
