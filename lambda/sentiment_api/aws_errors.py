"""Convert AWS's errors to the API's."""

from __future__ import annotations

from botocore.exceptions import ClientError

from sentiment_api.errors import HttpError, NotReady, Throttled

RETRY_THROTTLED_SECONDS = 2
RETRY_UNAVAILABLE_SECONDS = 10


def code_of(error: ClientError) -> str:
    """The code of an AWS error, such as "NoSuchKey"."""
    return str(error.response["Error"]["Code"])


def refused(error: ClientError) -> HttpError:
    """Convert an error that any service may return: throttling, unavailability, or (our fault) another."""
    code, status = code_of(error), error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status == 429 or code.startswith("Throttling") or code == "SlowDown":
        return Throttled("Too many requests at once.", retry_after=RETRY_THROTTLED_SECONDS, detail=str(error))
    if status >= 500:
        return NotReady(
            "This is not available just now.", retry_after=RETRY_UNAVAILABLE_SECONDS, detail=str(error)
        )
    return HttpError("Something went wrong on our side.", detail=str(error))
