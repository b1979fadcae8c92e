"""Versions of objects: which ones a request may name, and what deletes and new objects do to the others.

Where versioning is suspended, moto would delete all versions with each object that is written or deleted;
where there never was any, it would delete the object whatever version the request names.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectsfromVersioningSuspendedBuckets.html
The words are those of recordings on AWS: LocalStack's tests/aws/services/s3/test_s3_api.snapshot.json
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.calls import operation_of
from localcloud.protocol.errors import error_response
from localcloud.protocol.s3_requests import CopySource, copy_source_of, members_of
from localcloud.protocol.service import write_answer
from localcloud.s3.key_locks import KeyLocks

BYPASS = "x-amz-bypass-governance-retention"
NULL = "null"
"""The version of what was written without versioning."""
VERSION_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""As moto makes them."""
READS = ("GetObject", "HeadObject")
TAGGING = ("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging")
OF_OBJECTS = (*TAGGING, "GetObjectAcl", "GetObjectAttributes", "PutObjectAcl")
"""Operations that a delete marker does not allow."""


def keep_versions(bucket: Any) -> None:
    """Has moto's record of a new bucket keep the versions of its objects when versioning is suspended."""
    from moto.s3.utils import _VersionedKeyStore

    class Versions(_VersionedKeyStore):
        def setlist(self, key: str, list_: Any) -> None:
            if bucket.versioning_status == "Suspended" and _are_null(list_):
                list_ = [one for one in self.getlist(key, []) if str(one.version_id) != NULL] + list_
            super().setlist(key, list_)

    bucket.keys = Versions()


def _are_null(records: Any) -> bool:
    return isinstance(records, list) and [str(one.version_id) for one in records] == [NULL]


def check_version(
    buckets: Mapping[str, Any], bucket: Any, operation: str, parameters: Mapping[str, Any], request: Any
) -> None:
    """Raises ApiError for a version that cannot be, is a delete marker, or is not there."""
    if operation in ("CopyObject", "UploadPartCopy"):
        _check_source(buckets, copy_source_of(request))
    version = parameters.get("versionId")
    if version is None:
        current = bucket.keys.get(parameters.get("Key"))
        if operation == "GetObjectTagging" and _is_marker(current):
            raise _not_allowed(request)
        if operation in TAGGING and not is_object(current):
            raise _no_key(parameters["Key"])
        if operation == "PutObjectAcl" and _is_marker(current):
            raise _not_allowed(request)
        return
    if not _can_be(bucket, version):
        raise ApiError(
            "InvalidArgument",
            "Invalid version id specified",
            status=400,
            ArgumentName="versionId",
            ArgumentValue=version,
        )
    key = parameters.get("Key", "")
    record = find(bucket, key, version)
    if operation in OF_OBJECTS and _is_marker(record):
        raise _not_allowed(request)
    if operation in (*READS, *OF_OBJECTS) and record is None:
        message = "The specified version does not exist."
        raise ApiError("NoSuchVersion", message, status=404, Key=key, VersionId=version)


def _is_marker(record: Any) -> bool:
    return record is not None and not is_object(record)


def _no_key(key: str) -> ApiError:
    return ApiError("NoSuchKey", "The specified key does not exist.", status=404, Key=key)


def _not_allowed(request: werkzeug.Request) -> ApiError:
    return ApiError(
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
        status=405,
        Method=request.method,
        ResourceType="DeleteMarker",
    )


def answer_marker(
    bucket: Any, parameters: Mapping[str, Any], request: werkzeug.Request
) -> werkzeug.Response | None:
    """Answers a read of an object that has been deleted; None for one that has not."""
    key, version = parameters["Key"], parameters.get("versionId")
    record = find(bucket, key, version)
    if record is None or is_object(record):
        return None
    error = _not_allowed(request) if version else _no_key(key)
    answer = error_response("s3", error, is_head=request.method == "HEAD")
    answer.headers["x-amz-delete-marker"] = "true"
    answer.headers["x-amz-version-id"] = record.version_id
    if version:
        answer.headers["Allow"] = "DELETE"
    return answer


def tell_version(bucket: Any, record: Any, answer: werkzeug.Response) -> None:
    """Tells which version an answer is about, if the bucket has or had versions. `record` is moto's."""
    if bucket.versioning_status and answer.status_code < 400:
        answer.headers["x-amz-version-id"] = str(record.version_id)


def _check_source(buckets: Mapping[str, Any], source: CopySource) -> None:
    key, version = source.key, source.version
    if not source.bucket or not key:
        message = f"Invalid copy source {'object key' if source.bucket else 'bucket name'}"
        raise ApiError("InvalidArgument", message, status=400, ArgumentName="x-amz-copy-source")
    if source.bucket not in buckets:
        return
    record = find(buckets[source.bucket], key, version)
    if version and record is not None and not is_object(record):
        message = "The source of a copy request may not specifically refer to a delete marker by version id."
        raise ApiError("InvalidRequest", message, status=400)
    if version and record is None:
        message = "The specified version does not exist."
        raise ApiError("NoSuchVersion", message, status=404, Key=key, VersionId=version)
    if not is_object(record):
        raise _no_key(key)


def _can_be(bucket: Any, version: str) -> bool:
    return version == NULL or bool(bucket.versioning_status and VERSION_ID.fullmatch(version))


def find(bucket: Any, key: str, version: str | None) -> Any:
    """moto's record of a version of an object, by default of the latest; None if it is not there."""
    if not version:
        return bucket.keys.get(key)
    versions = bucket.keys.getlist(key, [])
    return next((one for one in versions if str(one.version_id) == version), None)


def find_source(buckets: Mapping[str, Any], request: werkzeug.Request) -> Any:
    """moto's record of the version of an object that a request copies; None if it is not there."""
    source = copy_source_of(request)
    return find(buckets[source.bucket], source.key, source.version) if source.bucket in buckets else None


def is_object(record: Any) -> bool:
    """Whether moto's record of a version is that of an object, not of a delete marker; False for None."""
    from moto.s3.models import FakeKey

    return isinstance(record, FakeKey)


@dataclass(frozen=True)
class Deletion:
    """What a delete did: `version` is that of the marker that it made, or the one that it removed."""

    version: str | None = None
    is_marker: bool = False


def delete(bucket: Any, key: str, version: str | None, bypasses_governance: bool) -> Deletion:
    """Deletes an object, or one version of it. Raises ApiError for one that is locked."""
    from moto.s3.models import FakeDeleteMarker

    versions = list(bucket.keys.getlist(key, []))
    if bucket.versioning_status and version is None:
        marker = FakeDeleteMarker(cast(Any, SimpleNamespace(name=key)))  # of which moto reads the name
        if bucket.versioning_status == "Suspended":
            marker._version_id = NULL
            versions = [one for one in versions if str(one.version_id) != NULL]
        _keep(bucket, key, [*versions, marker])
        return Deletion(marker.version_id, is_marker=True)
    found = find(bucket, key, version or NULL)
    if is_object(found) and found.is_locked(governance_bypass=bypasses_governance):
        message = "Access Denied because object protected by object lock."
        raise ApiError("AccessDenied", message, status=403)
    if found is not None:
        _keep(bucket, key, [one for one in versions if one is not found])
    named = version if bucket.versioning_status else None
    return Deletion(named, is_marker=found is not None and not is_object(found))


def _keep(bucket: Any, key: str, versions: list[Any]) -> None:
    for one in bucket.keys.getlist(key, []):
        if is_object(one) and one not in versions:
            one.dispose()
    if versions:
        dict.__setitem__(bucket.keys, key, versions)
    else:
        dict.pop(bucket.keys, key, None)


def answer_delete(bucket: Any, key: str, request: werkzeug.Request) -> werkzeug.Response:
    """Answers DeleteObject. Raises ApiError for a condition that does not hold."""
    if condition := request.headers.get("If-Match"):
        current = bucket.keys.get(key)
        if not is_object(current):
            raise _no_key(key)
        if condition not in ("*", current.etag, current.etag.strip('"')):
            message = "At least one of the pre-conditions you specified did not hold"
            raise ApiError("PreconditionFailed", message, status=412, Condition="If-Match")
    done = delete(bucket, key, request.args.get("versionId"), _bypasses_governance(request))
    answer = werkzeug.Response(status=204)
    answer.headers.remove("Content-Type")
    if done.version:
        answer.headers["x-amz-version-id"] = done.version
    if done.is_marker:
        answer.headers["x-amz-delete-marker"] = "true"
    return answer


def answer_deletes(bucket: Any, request: werkzeug.Request, locks: KeyLocks) -> werkzeug.Response | None:
    """Answers DeleteObjects; None for a request that the guard will refuse, since it has another form."""
    members, found = members_of(request), operation_of(request, "s3")
    if not members or not found:
        return None
    deleted, errors = [], []
    for wanted in members["Delete"]["Objects"]:
        named = {name: wanted[name] for name in ("Key", "VersionId") if name in wanted}
        try:
            with locks.of(bucket.name, wanted["Key"]):
                deleted.append(named | _delete_one(bucket, request, **wanted))
        except ApiError as error:
            errors.append(named | {"Code": error.code, "Message": error.message})
    is_quiet = members["Delete"].get("Quiet")
    return write_answer(found[0], {"Deleted": [] if is_quiet else deleted, "Errors": errors})


def _delete_one(
    bucket: Any,
    request: werkzeug.Request,
    Key: str,
    VersionId: str | None = None,
    ETag: str | None = None,
    **others: Any,
) -> dict[str, Any]:
    if others:
        raise ApiError("NotImplemented", f"localcloud does not support {', '.join(others)} of DeleteObjects.")
    if VersionId is not None and not _can_be(bucket, VersionId):
        raise ApiError("NoSuchVersion", "The specified version does not exist.")
    current = bucket.keys.get(Key)
    if ETag is not None and (not is_object(current) or ETag.strip('"') != current.etag.strip('"')):
        raise ApiError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    done = delete(bucket, Key, VersionId, _bypasses_governance(request))
    return {"DeleteMarker": True, "DeleteMarkerVersionId": done.version} if done.is_marker else {}


def _bypasses_governance(request: werkzeug.Request) -> bool:
    return request.headers.get(BYPASS, "").lower() == "true"
