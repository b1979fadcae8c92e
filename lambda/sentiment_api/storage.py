"""The data bucket: the model's description, and people's votes."""

from __future__ import annotations

import functools
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from sentiment_api.aws_errors import RETRY_UNAVAILABLE_SECONDS, code_of, refused
from sentiment_api.errors import HttpError, NotReady
from sentiment_api.feedback import CachedTally, Tally, kinds, place_of

# s3://<bucket>/models/<key>/model.tar.gz
MODEL_DATA_URL = os.environ["MODEL_DATA_URL"]
DATA_BUCKET = os.environ["DATA_BUCKET"]
DESCRIPTION_SECONDS = 300
# The prefix of the votes, each of which is an object.
FOLDER = "feedback/"
# The maximum number of requests for a count. Each lists 1,000 keys, in about a tenth of a second.
MAX_LISTS = 50
COUNT_SECONDS = 60


class Description:
    """The model's description in S3, read again every few minutes, because `make evaluate` adds to it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read: tuple[float, dict[str, Any]] | None = None

    def __call__(self) -> dict[str, Any]:
        """Read the description. Raises NotReady if there is none."""
        now = self._clock()
        if self._read is None or now - self._read[0] >= DESCRIPTION_SECONDS:
            self._read = now, _description()
        return self._read[1]


class BucketOfVotes:
    """The votes in the data bucket, each an object: a sentiment_api.feedback.Votes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._tally = CachedTally(_counted, COUNT_SECONDS, clock)

    def keep(self, vote: dict[str, Any]) -> str:
        """Store a vote, and return its id. Raises HttpError."""
        body = json.dumps(vote, ensure_ascii=False).encode()
        _call("put_object", Key=_key(vote["id"]), Body=body, ContentType="application/json")
        self._tally.forget()
        return str(vote["id"])

    def withdraw(self, vote_id: str) -> None:
        """Delete the vote with this id, if it exists. Raises HttpError."""
        # S3 gives the same answer if the object does not exist.
        _call("delete_object", Key=_key(vote_id))
        self._tally.forget()

    def tally(self) -> Tally:
        """The counts of the votes, which may be COUNT_SECONDS old. Raises HttpError."""
        return self._tally()


def _key(vote_id: str) -> str:
    return f"{FOLDER}{place_of(vote_id)}"


def _counted() -> Tally:
    """Count the votes by their keys; if there are too many, only the oldest ones are counted."""
    found: Counter[str] = Counter()
    after: dict[str, str] = {}
    for _ in range(MAX_LISTS):
        page = _call("list_objects_v2", Prefix=FOLDER, **after)
        keys = [each["Key"].rpartition("/")[2] for each in page.get("Contents", [])]
        found += kinds(key.removesuffix(".json") for key in keys)
        if not page["IsTruncated"]:
            return Tally(found)
        after = {"ContinuationToken": page["NextContinuationToken"]}
    return Tally(found, complete=False)


def _call(operation: str, **arguments: Any) -> Any:
    """Call S3 on the data bucket. Raises HttpError."""
    try:
        return getattr(_s3(), operation)(Bucket=DATA_BUCKET, **arguments)
    except exceptions.ClientError as error:
        raise refused(error) from error
    except exceptions.BotoCoreError as error:
        raise _unreachable(error) from error


def _description() -> dict[str, Any]:
    bucket, _, model = MODEL_DATA_URL.removeprefix("s3://").partition("/")
    key = f"{model.rpartition('/')[0]}/model.json"
    try:
        body = _s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    except exceptions.ClientError as error:
        # Without s3:ListBucket, a missing key is answered 403.
        if code_of(error) in ("NoSuchKey", "AccessDenied"):
            raise NotReady(
                "The model has no description yet.",
                retry_after=RETRY_UNAVAILABLE_SECONDS,
                detail=f"s3://{bucket}/{key} is missing or may not be read; `make package` writes it",
            ) from error
        raise refused(error) from error
    except exceptions.BotoCoreError as error:
        raise _unreachable(error) from error
    description: dict[str, Any] = json.loads(body)
    return description


def _unreachable(error: Exception) -> HttpError:
    return NotReady(
        "The storage cannot be reached.", retry_after=RETRY_UNAVAILABLE_SECONDS, detail=str(error)
    )


@functools.cache
def _s3() -> Any:
    """Create the client on first use: most requests do not need S3."""
    return boto3.client(
        "s3", config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3})
    )
