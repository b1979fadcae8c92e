"""Transfers files between S3 and the folder of a job, with the rights of the job's role."""

import re
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.containers.archives import ArchiveError, unpack_tar
from localcloud.sagemaker.errors import JobFailed
from localcloud.untrusted import parse_json

PARALLEL = 4
S3_HOST = re.compile(r"\.?s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com$")
"""The end of a virtual-hosted address, and the whole host of one that has the bucket in its path."""


def split_uri(uri: str) -> tuple[str, str]:
    """The bucket and the key of ``s3://bucket/key``, or of an object's https URL in either of S3's styles."""
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


class S3File(NamedTuple):
    """An object, and the name that it gets in the folder to which it is downloaded."""

    bucket: str
    key: str
    name: str


class Transfer:
    """S3 with the rights of a role. Each method raises JobFailed, in SageMaker's words, if S3 refuses."""

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

    def download_prefix(self, uri: str, folder: Path) -> None:
        """Downloads the objects under a prefix (data type S3Prefix)."""
        self.download_all(self.objects(uri), folder)

    def objects(self, uri: str) -> list[S3File]:
        """The objects under a prefix, in the order of their keys. Raises JobFailed if there are none."""
        bucket, prefix = split_uri(uri)
        found = [
            S3File(bucket, entry["Key"], relative_name(entry["Key"], prefix)) for entry in self.keys(uri)
        ]
        if not found:
            raise JobFailed(f"ClientError: Data download failed:No S3 objects found under S3 URL {uri}.")
        return found

    def listed_objects(self, uri: str) -> list[S3File]:
        """The objects that a manifest lists: a JSON array of a prefix and of keys below it."""
        bucket, key = split_uri(uri)
        try:
            entries = parse_json(self.read(bucket, key))
            prefix, names = entries[0]["prefix"], [str(name) for name in entries[1:]]
        except (ValueError, LookupError, TypeError) as error:
            raise JobFailed(
                f"ClientError: Data download failed:The manifest {uri} is not a JSON array of an object with "
                f'"prefix" and of names: {error}'
            ) from error
        bucket, start = split_uri(prefix)
        return [S3File(bucket, start + name, name) for name in names]

    def download_all(self, files: Sequence[S3File], folder: Path) -> None:
        """Downloads objects into a folder, each to its own name there."""
        folder.mkdir(parents=True, exist_ok=True)
        targets: dict[Path, S3File] = {}
        for file in files:
            other = targets.setdefault(inside(folder, file.name), file)
            if other.key != file.key:
                raise JobFailed(
                    f"ClientError: Data download failed:The keys {other.key!r} and {file.key!r} have the "
                    f"same name in their folder, {file.name!r}."
                )
        with ThreadPoolExecutor(PARALLEL) as pool:
            for done in [
                pool.submit(self._download, file.bucket, file.key, target) for target, file in targets.items()
            ]:
                done.result()

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
        except Exception as error:  # s3transfer wraps S3's error in one of its own
            reason = _without_path(error)
            raise JobFailed(f"ClientError: Artifact upload failed:Cannot write {uri}: {reason}") from error

    def write(self, body: Any, uri: str) -> None:
        bucket, key = split_uri(uri)
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=body, **self._extra)
        except ClientError as error:
            raise JobFailed(f"ClientError: Cannot write {uri}: {error}") from error

    def _download(self, bucket: str, key: str, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._s3.download_file(bucket, key, str(file))
        except ClientError as error:
            raise _download_failed(f"s3://{bucket}/{key}", error) from error
        except OSError as error:  # a key that is the folder of another one, or too long for a file's name
            reason = _without_path(error)
            raise JobFailed(
                f"ClientError: Data download failed:s3://{bucket}/{key} cannot become a file: {reason}"
            ) from error


def relative_name(key: str, prefix: str) -> str:
    """The path of an S3Prefix object below its channel's folder: the key without the prefix's folder."""
    if key == prefix:
        return PurePosixPath(key).name
    if key.startswith(f"{prefix.rstrip('/')}/"):
        return key[len(prefix.rstrip("/")) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def inside(folder: Path, name: str) -> Path:
    """`folder/name`. Raises JobFailed for a name that leads out of the folder, as a key with ".." does.

    Slashes at the beginning of a name, as of keys with two in a row, do not count.
    """
    if "\0" in name:
        raise JobFailed(f"ClientError: Data download failed:The key {name!r} cannot become a file.")
    target = Path(f"{folder}/{name}").resolve()
    if folder.resolve() not in target.parents:
        raise JobFailed(f"ClientError: Data download failed:The key {name!r} leads out of its folder.")
    return target


def merged(folders: Sequence[Path]) -> dict[str, Path]:
    """The files and folders in several folders, by their paths there.

    If several have a file with the same name, the first one is used: AWS requires the containers of a job to
    avoid that ("How Amazon SageMaker AI Processes Training Output").
    """
    entries: dict[str, Path] = {}
    for folder in folders:
        for entry in sorted(folder.rglob("*")):
            entries.setdefault(entry.relative_to(folder).as_posix(), entry)
    return entries


def pack(folders: Sequence[Path], archive: Path) -> bool:
    """Packs the content of folders as one tar.gz. Returns False, without an archive, if all are empty."""
    entries = merged(folders)
    if not entries:
        return False
    # Weights hardly compress, so the fastest level saves most of the time at little cost in size.
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for name, entry in entries.items():
            tar.add(entry, name, recursive=False)
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


def _without_path(error: Exception) -> str:
    """What went wrong, without the paths of this machine, which mean nothing to whoever started the job."""
    if isinstance(error, S3UploadFailedError) and error.__context__:
        return str(error.__context__)
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _download_failed(uri: str, error: ClientError) -> JobFailed:
    answer = error.response
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    code, message = answer["Error"].get("Code", ""), answer["Error"].get("Message", "")
    return JobFailed(f"ClientError: Data download failed:{code} ({status}): {message}, accessing {uri}")
