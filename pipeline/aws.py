"""boto3 clients, and the S3 calls that several steps share."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from pipeline.settings import PipelineError
from sentiment.errors import nearest
from sentiment.files import atomic_write
from sentiment.progress import Progress

# The progress of smaller transfers is not shown.
SHOWN_FROM_BYTES = 5_000_000


@cache
def client(service: str) -> Any:
    """The boto3 client of a service in this run's region.

    Raises PipelineError without a region, and for a setting of AWS's that boto3 cannot use.
    """
    try:
        return boto3.client(service, region_name=region())
    except ValueError as error:
        raise PipelineError(
            f"boto3 cannot use one of the AWS_ variables or a line of the AWS configuration: {error}"
        ) from None


def region() -> str:
    """The region of this run, from the usual AWS settings. Raises PipelineError if there is none."""
    name: str | None = boto3.session.Session().region_name
    if not name:
        raise PipelineError(
            "no AWS region is set: export AWS_DEFAULT_REGION, e.g. us-east-1 "
            "(without AWS there is `make demo`)"
        )
    return name


def require_account() -> None:
    """Check region and credentials.

    Raises PipelineError for a region without SageMaker, and botocore's errors for missing credentials.
    """
    name = region()
    session = boto3.session.Session()
    partitions = session.get_available_partitions()
    known = [
        each for partition in partitions for each in session.get_available_regions("sagemaker", partition)
    ]
    if name not in known:
        raise PipelineError(
            f"SageMaker is not available in the region {name!r} (AWS_DEFAULT_REGION){nearest(name, known)}"
        )
    client("sts").get_caller_identity()


def error_code(error: ClientError) -> str:
    """The code of an AWS error, such as "NoSuchKey"."""
    return str(error.response["Error"]["Code"])


def is_transient(error: BotoCoreError | ClientError) -> bool:
    """Whether the same call may succeed later: no connection, too many calls, or a fault of the service."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or "throttl" in error_code(error).lower()
    return isinstance(error, ConnectionError | HTTPClientError)


def split_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/some/key` -> ("bucket", "some/key")."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def exists(uri: str) -> bool:
    """Whether there is an object at an S3 URI."""
    bucket, key = split_uri(uri)
    try:
        client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True


def folders(uri: str) -> list[str]:
    """The names of the folders directly below an S3 URI."""
    bucket, prefix = split_uri(f"{uri}/")
    pages = (
        client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    )
    prefixes = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
    return [name.removeprefix(prefix).rstrip("/") for name in prefixes]


def names(uri: str) -> list[str]:
    """The keys of all objects below an S3 URI that ends in a slash, relative to it and in order."""
    bucket, prefix = split_uri(uri)
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each["Key"].removeprefix(prefix) for page in pages for each in page.get("Contents", [])]


def write(body: bytes, uri: str) -> None:
    """Write an object."""
    bucket, key = split_uri(uri)
    client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def copy(source: str, target: str) -> None:
    """Copy an object inside S3."""
    (from_bucket, from_key), (bucket, key) = split_uri(source), split_uri(target)
    client("s3").copy({"Bucket": from_bucket, "Key": from_key}, bucket, key)


def upload(file: Path, uri: str) -> None:
    """Upload a file, showing the progress."""
    bucket, key = split_uri(uri)
    with _progress(file.name, file.stat().st_size) as add:
        client("s3").upload_file(str(file), bucket, key, Callback=add)


def read_json(uri: str) -> Any:
    """Read an object as JSON."""
    bucket, key = split_uri(uri)
    return json.loads(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def write_json(content: Any, uri: str) -> None:
    """Write an object as JSON."""
    bucket, key = split_uri(uri)
    body = json.dumps(content, indent=2).encode() + b"\n"
    client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def download(uri: str, file: Path) -> None:
    """Download an object, atomically, showing the progress."""
    bucket, key = split_uri(uri)
    size = client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]
    with atomic_write(file) as temporary, _progress(file.name, size) as add:
        client("s3").download_file(bucket, key, str(temporary), Callback=add)


def delete_below(uri: str) -> None:
    """Delete the objects below an S3 URI; the bucket's lifecycle deletes their earlier versions."""
    bucket, prefix = split_uri(f"{uri}/")
    boto3.resource("s3").Bucket(bucket).objects.filter(Prefix=prefix).delete()


def empty_bucket(bucket: str) -> int:
    """Delete every version of every object in a bucket, and return their number."""
    versions = boto3.resource("s3").Bucket(bucket).object_versions
    return sum(len(answer.get("Deleted", [])) for answer in versions.delete())


@contextmanager
def _progress(name: str, size: int) -> Iterator[Callable[[int], None]]:
    """Show the progress of a transfer of `size` bytes. Yields a callback for boto3's threads."""
    lock = threading.Lock()
    with Progress(f"   {name}", size, "B", enabled=size > SHOWN_FROM_BYTES) as progress:

        def add(amount: int) -> None:
            with lock:
                progress.add(amount)

        yield add
