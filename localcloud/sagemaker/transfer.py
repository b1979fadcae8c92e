"""Transfers files between S3 and the folder of a job, with the rights of the job's role."""

import re
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlparse

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.containers.archives import ArchiveError, unpack_tar
from localcloud.sagemaker.errors import JobFailed

PARALLEL = 4
S3_HOST = re.compile(r"\.?s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com$")
"""The end of a virtual-hosted address, and the whole host of one that has the bucket in its path."""


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``, or of an object's https address in either style of S3's."""
    parts = urlparse(uri, allow_fragments=False)
    path = parts.path.lstrip("/")
    if parts.scheme != "https":
        return parts.netloc, path
    if bucket := S3_HOST.sub("", parts.netloc):
        return bucket, unquote(path)
    bucket, _, key = path.partition("/")
    return bucket, unquote(key)


def join_uri(uri: str, *names: str) -> str:
    """Appends names to the key of an S3 address."""
    return "/".join([uri.rstrip("/"), *names])


class Transfer:
    """S3 with the rights of a role. Each method raises JobFailed, in SageMaker's words, when S3 refuses."""

    def __init__(self, cloud: Cloud, role_arn: str, kms_key_id: str | None = None):
        self._s3 = cloud.client("s3", role_arn)
        self._extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}

    def keys(self, uri: str) -> list[dict[str, Any]]:
        """The objects under a prefix, as list_objects_v2 describes them, without the "folders"."""
        bucket, prefix = split_uri(uri)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            found = [entry for page in pages for entry in page.get("Contents", ())]
        except ClientError as error:
            raise _download_failed(uri, error) from error
        return [entry for entry in found if not entry["Key"].endswith("/")]

    def download_prefix(self, uri: str, folder: Path) -> int:
        """Downloads the objects under a prefix (data type S3Prefix). Returns their size in bytes."""
        bucket, prefix = split_uri(uri)
        entries = self.keys(uri)
        if not entries:
            raise JobFailed(f"ClientError: Data download failed:No S3 objects found under S3 URL {uri}.")
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(PARALLEL) as pool:
            for done in [
                pool.submit(
                    self._download, bucket, entry["Key"], inside(folder, relative_name(entry["Key"], prefix))
                )
                for entry in entries
            ]:
                done.result()
        return sum(entry["Size"] for entry in entries)

    def download(self, uri: str, file: Path) -> None:
        self._download(*split_uri(uri), file)

    def read(self, bucket: str, key: str) -> bytes:
        try:
            body: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise _download_failed(f"s3://{bucket}/{key}", error) from error
        return body

    def upload(self, file: Path, uri: str) -> None:
        bucket, key = split_uri(uri)
        try:
            self._s3.upload_file(str(file), bucket, key, ExtraArgs=self._extra)
        except Exception as error:  # s3transfer wraps what S3 answered in an error of its own
            raise JobFailed(f"ClientError: Artifact upload failed:Cannot write {uri}: {error}") from error

    def write(self, body: Any, uri: str) -> None:
        bucket, key = split_uri(uri)
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=body, **self._extra)
        except ClientError as error:
            raise JobFailed(f"ClientError: Cannot write {uri}: {error}") from error

    def _download(self, bucket: str, key: str, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._s3.download_file(bucket, key, str(file))
        except ClientError as error:
            raise _download_failed(f"s3://{bucket}/{key}", error) from error


def relative_name(key: str, prefix: str) -> str:
    """The path of an S3Prefix object below its channel's folder: the key without the prefix's folder."""
    if key == prefix:
        return PurePosixPath(key).name
    if key.startswith(f"{prefix.rstrip('/')}/"):
        return key[len(prefix.rstrip("/")) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def inside(folder: Path, name: str) -> Path:
    """`folder/name`. Raises JobFailed for a name that leads out of the folder, as a key with ".." does."""
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise JobFailed(f"ClientError: Data download failed:The key {name!r} leads out of its folder.")
    return target


def pack(folder: Path, archive: Path) -> bool:
    """Packs a folder as tar.gz. Returns False, without an archive, when the folder is empty."""
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    if not entries:
        return False
    # Weights hardly compress, so the fastest level saves most of the time at little cost in size.
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for entry in entries:
            tar.add(entry, entry.name)
    return True


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a model archive. Raises JobFailed if it is broken, too large or leads out of the folder."""
    try:
        unpack_tar(archive, folder)
    except ArchiveError as error:
        raise JobFailed(
            f"Failed to extract model data archive from {archive.name}: {error}. "
            "Please make sure it is a valid .tar.gz archive."
        ) from error


def changed_files(folder: Path, seen: dict[Path, tuple[int, int]]) -> Iterator[Path]:
    """The files that are new or changed since the last call with the same `seen`."""
    for file in sorted(folder.rglob("*")):
        try:
            status = file.stat()
        except FileNotFoundError:
            continue  # a checkpoint being renamed
        mark = status.st_mtime_ns, status.st_size
        if file.is_file() and seen.get(file) != mark:
            seen[file] = mark
            yield file


def _download_failed(uri: str, error: ClientError) -> JobFailed:
    answer = error.response
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    code, message = answer["Error"].get("Code", ""), answer["Error"].get("Message", "")
    return JobFailed(f"ClientError: Data download failed:{code} ({status}): {message}, accessing {uri}")
