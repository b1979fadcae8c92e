"""The data bucket: the description beside the model, and the votes of people."""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from sentiment_api.aws_errors import RETRY_UNAVAILABLE_SECONDS, code_of, refused
from sentiment_api.errors import HttpError, NotReady
from sentiment_api.feedback import place_of

# s3://<bucket>/models/<key>/model.tar.gz
MODEL_DATA_URL = os.environ["MODEL_DATA_URL"]
DATA_BUCKET = os.environ["DATA_BUCKET"]
DESCRIPTION_SECONDS = 300


class Description:
    """The model's description in S3, read again every few minutes: `make evaluate` adds to it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read: tuple[float, dict[str, Any]] | None = None

    def __call__(self) -> dict[str, Any]:
        """Raises NotReady where there is no description."""
        now = self._clock()
        if self._read is None or now - self._read[0] >= DESCRIPTION_SECONDS:
            self._read = now, _description()
        return self._read[1]


class BucketOfVotes:
    """The votes in the data bucket, each an object of its own: a sentiment_api.feedback.Votes."""

    def keep(self, vote: dict[str, Any]) -> str:
        body = json.dumps(vote, ensure_ascii=False).encode()
        _call("put_object", vote["id"], Body=body, ContentType="application/json")
        return str(vote["id"])

    def withdraw(self, vote_id: str) -> None:
        # S3 answers alike whether or not the object was there.
        _call("delete_object", vote_id)


def _call(operation: str, vote_id: str, **more: Any) -> None:
    """Do something to the object of a vote. Raises HttpError."""
    try:
        getattr(_s3(), operation)(Bucket=DATA_BUCKET, Key=f"feedback/{place_of(vote_id)}", **more)
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
    """Created on first use: most requests need no S3."""
    return boto3.client(
        "s3", config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3})
    )
