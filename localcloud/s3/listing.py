"""Lists of objects, of their versions and of uploads in parts, in pages.

moto pages keys and common prefixes apart, so that a page repeats or loses some of them, and takes a key for
where a page of versions begins.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
Where pages begin is as recorded on AWS: LocalStack's tests/aws/services/s3/test_s3_list_operations.py
"""

import base64
import binascii
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.calls import operation_of
from localcloud.protocol.service import write_answer
from localcloud.regions import known_regions
from localcloud.s3.checksums import ALGORITHM, TYPE, told_of
from localcloud.s3.parts import checksum_of_part
from localcloud.s3.preconditions import note_replaced
from localcloud.s3.versions import is_object

MAX_PAGE = 1000
MAX_BUCKETS = 10_000
BUCKET_ARGUMENTS = ("bucket-region", "continuation-token", "max-buckets", "prefix")
OWNER = {"ID": "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a", "DisplayName": "webfile"}
"""As moto names the account elsewhere."""


@dataclass(frozen=True)
class Entry:
    """A line of a list: a common prefix, or an object, a version or an upload, which has a `record`."""

    name: str
    record: Any = None
    """moto's FakeKey, FakeDeleteMarker or FakeMultipart."""
    is_latest: bool = True


@dataclass(frozen=True)
class Query:
    """The arguments that all requests for lists have."""

    prefix: str
    delimiter: str
    size: int
    encode: Callable[[str], str]

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> "Query":
        return cls(
            prefix=arguments.get("prefix", ""),
            delimiter=arguments.get("delimiter", ""),
            size=min(int(arguments.get("max-keys", arguments.get("max-uploads", MAX_PAGE))), MAX_PAGE),
            encode=quote if arguments.get("encoding-type") == "url" else str,
        )

    def page(self, entries: Iterable[Entry], after: str) -> tuple[list[Entry], bool]:
        """The first entries, each common prefix once, and whether there are more.

        A prefix that has been listed before the name `after` is left out.
        """
        found = list(itertools.islice(self._grouped(entries, after), self.size + 1))
        return found[: self.size], 0 < self.size < len(found)

    def _grouped(self, entries: Iterable[Entry], after: str) -> Iterator[Entry]:
        former = None
        for entry in entries:
            if not entry.name.startswith(self.prefix):
                continue
            first, found, _ = entry.name[len(self.prefix) :].partition(self.delimiter or "\0")
            if not (self.delimiter and found):
                yield entry
                continue
            group = self.prefix + first + self.delimiter
            if group != former and not after.startswith(group):
                yield Entry(group)
            former = group

    def answer(self, page: Iterable[Entry]) -> dict[str, Any]:
        """The members that all lists have."""
        prefixes = [{"Prefix": self.encode(entry.name)} for entry in page if entry.record is None]
        return {
            "Prefix": self.encode(self.prefix),
            "Delimiter": self.encode(self.delimiter) or None,
            "MaxKeys": self.size,
            "EncodingType": "url" if self.encode is quote else None,
            "CommonPrefixes": prefixes or None,
        }


def answer_list(bucket: Any, operation: str, request: werkzeug.Request) -> werkzeug.Response:
    """Answers one of LISTS. `bucket` is moto's record.

    Raises ApiError for an invalid marker or token.
    """
    found = operation_of(request, "s3")
    if found is None:
        raise ValueError(f"{operation} is not an operation of S3")
    members = {"Name": bucket.name, "Bucket": bucket.name, **LISTS[operation](bucket, request.args)}
    return write_answer(found[0], {name: value for name, value in members.items() if value is not None})


def answer_buckets(buckets: Mapping[str, Any], request: werkzeug.Request) -> werkzeug.Response | None:
    """Answers ListBuckets; None for a request that the guard will refuse. `buckets` are moto's records.

    Raises ApiError for an unknown region, and for an invalid token.
    """
    found, arguments = operation_of(request, "s3"), request.args
    region, token = arguments.get("bucket-region"), arguments.get("continuation-token")
    if region and region not in known_regions():
        message = f"Argument value {region} is not a valid AWS Region"
        raise ApiError("InvalidArgument", message, status=400, ArgumentName="bucket-region")
    after, prefix = _name_in(token) if token else "", arguments.get("prefix", "")
    size = int(arguments.get("max-buckets", MAX_BUCKETS))
    fitting = [
        bucket
        for name, bucket in sorted(buckets.items())
        if name > after and name.startswith(prefix) and region in (None, "", bucket.region_name)
    ]
    # As S3 does, only an answer to a request for some of the buckets tells regions.
    is_told = any(arguments.get(name) for name in BUCKET_ARGUMENTS)
    members = {
        "Owner": OWNER,
        "Buckets": [
            {
                "Name": bucket.name,
                "CreationDate": bucket.creation_date_ISO8601,
                **({"BucketRegion": bucket.region_name} if is_told else {}),
            }
            for bucket in fitting[:size]
        ],
        **({"Prefix": prefix} if prefix else {}),
        **({"ContinuationToken": _token_of(fitting[size - 1].name)} if len(fitting) > size else {}),
    }
    return write_answer(found[0], members) if found else None


def _objects(bucket: Any, arguments: Mapping[str, str]) -> dict[str, Any]:
    query, marker = Query.of(arguments), arguments.get("marker", "")
    page, is_truncated = query.page(_current(bucket, marker), marker)
    return query.answer(page) | {
        "Marker": query.encode(marker),
        # Without a delimiter, clients go on after the last key.
        "NextMarker": query.encode(page[-1].name) if is_truncated and query.delimiter else None,
        "IsTruncated": is_truncated,
        "Contents": [_shown(entry, query) | {"Owner": OWNER} for entry in page if entry.record] or None,
    }


def _objects_v2(bucket: Any, arguments: Mapping[str, str]) -> dict[str, Any]:
    query, token = Query.of(arguments), arguments.get("continuation-token")
    start = arguments.get("start-after", "")
    after = start if token is None else _name_in(token)
    page, is_truncated = query.page(_current(bucket, after), after)
    owner = {"Owner": OWNER} if arguments.get("fetch-owner") == "true" else {}
    return query.answer(page) | {
        "KeyCount": len(page),
        "StartAfter": query.encode(start) if start and token is None else None,
        "ContinuationToken": token,
        "NextContinuationToken": _token_of(page[-1].name) if is_truncated else None,
        "IsTruncated": is_truncated,
        "Contents": [_shown(entry, query) | owner for entry in page if entry.record] or None,
    }


def _versions(bucket: Any, arguments: Mapping[str, str]) -> dict[str, Any]:
    query, marker = Query.of(arguments), arguments.get("key-marker", "")
    version = arguments.get("version-id-marker", "")
    if version and not marker:
        raise ApiError(
            "InvalidArgument",
            "A version-id marker cannot be specified without a key marker.",
            status=400,
            ArgumentName="version-id-marker",
            ArgumentValue=version,
        )
    page, is_truncated = query.page(_all_versions(bucket, marker, version), marker)
    last = page[-1] if is_truncated else None
    shown = [(entry, _version(entry, query)) for entry in page if entry.record]
    return query.answer(page) | {
        "KeyMarker": query.encode(marker),
        "VersionIdMarker": version,
        "NextKeyMarker": query.encode(last.name) if last else None,
        "NextVersionIdMarker": str(last.record.version_id) if last and last.record else None,
        "IsTruncated": is_truncated,
        "Versions": [_shown(entry, query) | said for entry, said in shown if is_object(entry.record)] or None,
        "DeleteMarkers": [said for entry, said in shown if not is_object(entry.record)] or None,
    }


def _uploads(bucket: Any, arguments: Mapping[str, str]) -> dict[str, Any]:
    query, marker = Query.of(arguments), arguments.get("key-marker", "")
    upload = arguments.get("upload-id-marker", "") if marker else ""
    page, is_truncated = query.page(_uploads_after(bucket, marker, upload), marker)
    last = page[-1] if page and page[-1].record else None
    members = query.answer(page)
    return members | {
        "MaxUploads": members.pop("MaxKeys"),
        "Prefix": members["Prefix"] or None,
        "KeyMarker": query.encode(marker),
        "UploadIdMarker": upload,
        "NextKeyMarker": query.encode(last.name) if last else "",
        "NextUploadIdMarker": last.record.id if last else "",
        "IsTruncated": is_truncated,
        "Uploads": [_upload(entry, query) for entry in page if entry.record] or None,
    }


def _parts(bucket: Any, arguments: Mapping[str, str]) -> dict[str, Any]:
    upload = bucket.multiparts[arguments["uploadId"]]
    marker, size = int(arguments.get("part-number-marker", 0)), int(arguments.get("max-parts", MAX_PAGE))
    later = [number for number in sorted(upload.parts) if number > marker]
    shown = later[: min(size, MAX_PAGE)]
    algorithm = upload.metadata.get(ALGORITHM)
    parts = [
        {
            "PartNumber": number,
            "LastModified": part.last_modified_ISO8601,
            "ETag": part.etag,
            "Size": part.size,
            **checksum_of_part(part, algorithm),
        }
        for number in shown
        for part in [upload.parts[number]]
    ]
    return {
        "Key": upload.key_name,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1] if shown else 0,
        "MaxParts": size,
        "IsTruncated": len(shown) < len(later),
        "Parts": parts or None,
        "Initiator": OWNER,
        "Owner": OWNER,
        "StorageClass": upload.storage or "STANDARD",
        "ChecksumAlgorithm": algorithm,
        "ChecksumType": upload.metadata.get(TYPE),
    }


LISTS: Mapping[str, Callable[[Any, Mapping[str, str]], dict[str, Any]]] = {
    "ListObjects": _objects,
    "ListObjectsV2": _objects_v2,
    "ListObjectVersions": _versions,
    "ListMultipartUploads": _uploads,
    "ListParts": _parts,
}


def _names(bucket: Any) -> list[str]:
    return sorted(dict.keys(bucket.keys), key=str.encode)


def _current(bucket: Any, after: str) -> Iterator[Entry]:
    """The objects of a bucket whose names follow one."""
    for name in _names(bucket):
        if name.encode() > after.encode() and is_object(record := bucket.keys.get(name)):
            yield Entry(name, record)


def _all_versions(bucket: Any, marker: str, version: str) -> Iterator[Entry]:
    """The versions after a given version of the key `marker`; without one, those of the keys after it."""
    for name in _names(bucket):
        records = list(reversed(bucket.keys.getlist(name, [])))
        entries = [Entry(name, record, number == 0) for number, record in enumerate(records)]
        if name == marker and version:
            ids = [str(record.version_id) for record in records]
            yield from entries[ids.index(version) + 1 if version in ids else 0 :]
        elif name.encode() > marker.encode():
            yield from entries


def _uploads_after(bucket: Any, marker: str, upload: str) -> Iterator[Entry]:
    """The unfinished uploads after one: of its key, in the order in which they began, then of later keys."""
    note_begin(bucket)  # one may have begun just now
    entries = [Entry(one.key_name, one) for one in list(bucket.multiparts.values())]
    of_key = [entry for entry in entries if entry.name == marker] if upload else []
    ids = [entry.record.id for entry in of_key]
    if upload and upload not in ids:
        raise ApiError(
            "InvalidArgument",
            "Invalid uploadId marker",
            status=400,
            ArgumentName="upload-id-marker",
            ArgumentValue=upload,
        )
    yield from of_key[ids.index(upload) + 1 :] if upload else []
    later = [entry for entry in entries if entry.name.encode() > marker.encode()]
    yield from sorted(later, key=lambda entry: entry.name.encode())


def note_begin(bucket: Any) -> None:
    """Notes what moto does not keep of uploads that have just begun: the time, and what they will replace."""
    for upload in list(bucket.multiparts.values()):
        if not hasattr(upload, "initiated"):
            note_replaced(bucket, upload)
            upload.initiated = datetime.now(UTC)


def _upload(entry: Entry, query: Query) -> dict[str, Any]:
    upload = entry.record
    shown = {
        "UploadId": upload.id,
        "Key": query.encode(entry.name),
        "Initiated": upload.initiated.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "StorageClass": upload.storage or "STANDARD",
        "Owner": OWNER,
        "Initiator": OWNER,
        "ChecksumAlgorithm": upload.metadata.get(ALGORITHM),
        "ChecksumType": upload.metadata.get(TYPE),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _shown(entry: Entry, query: Query) -> dict[str, Any]:
    record = entry.record
    return {
        "Key": query.encode(entry.name),
        "LastModified": record.last_modified_ISO8601,
        "ETag": record.etag,
        "ChecksumAlgorithm": [record.checksum_algorithm] if record.checksum_algorithm else [],
        **({"ChecksumType": kind} if (kind := told_of(record).get("ChecksumType")) else {}),
        "Size": record.size,
        "StorageClass": record.storage_class,
    }


def _version(entry: Entry, query: Query) -> dict[str, Any]:
    return {
        "Key": query.encode(entry.name),
        "VersionId": str(entry.record.version_id),
        "IsLatest": entry.is_latest,
        "LastModified": entry.record.last_modified_ISO8601,
        "Owner": OWNER,
    }


def _token_of(name: str) -> str:
    return base64.b64encode(name.encode()).decode()


def _name_in(token: str) -> str:
    """The name that a page ended with. Raises ApiError for what is no token."""
    try:
        name = base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        name = ""
    if not name:
        raise ApiError(
            "InvalidArgument",
            "The continuation token provided is incorrect",
            status=400,
            ArgumentName="continuation-token",
        )
    return name
