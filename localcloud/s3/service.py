"""What moto's S3 lacks: checks of requests, forms of web pages, CORS, and the settings of new buckets.

https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
"""

import re
from collections.abc import Mapping
from typing import Any

import werkzeug

from localcloud.cloud import Cloud
from localcloud.front import Request
from localcloud.guard import Guard
from localcloud.iam.buckets import bucket_named_in
from localcloud.iam.cors import is_preflight, rule_for
from localcloud.moto_backends import backend_of
from localcloud.moto_members import refuse_members
from localcloud.moto_requests import check_constraints
from localcloud.protocol import ApiError
from localcloud.protocol.calls import Call, call_of, target_of
from localcloud.protocol.errors import error_response, s3_ids
from localcloud.protocol.s3_requests import members_of
from localcloud.routing import destination_of
from localcloud.s3 import buckets, forms
from localcloud.s3.checksums import (
    ALGORITHM,
    check_checksums,
    name_algorithm,
    note_completion,
    tell_checksum,
    told_of,
)
from localcloud.s3.chunks import decode_chunks
from localcloud.s3.configurations import keep_former_settings
from localcloud.s3.digests import check_digests, compute_all_checksums
from localcloud.s3.encryption import TELLING, check_encryption, check_key, tell_encryption
from localcloud.s3.key_locks import KeyLocks
from localcloud.s3.lifecycles import answer_lifecycle, keep_lifecycle
from localcloud.s3.limits import (
    MOVED,
    check_limits,
    ignore_empty_numbers,
    ignore_unusable_range,
    spell_out_copy_source,
)
from localcloud.s3.listing import LISTS, answer_buckets, answer_list, note_begin
from localcloud.s3.locks import check_locks
from localcloud.s3.parts import (
    add_attributes,
    add_checksum,
    check_parts,
    checksum_of_part,
    request_part,
    with_members,
)
from localcloud.s3.preconditions import (
    COPIES,
    WRITES,
    answer_unmet,
    check_form,
    check_source,
    check_write,
)
from localcloud.s3.presigned import check_expiry, check_mechanism
from localcloud.s3.unset import UNSET, answer_unset
from localcloud.s3.versions import (
    NULL,
    answer_delete,
    answer_deletes,
    answer_marker,
    check_version,
    find,
    find_source,
    is_object,
    keep_versions,
    tell_version,
)

HOME = "us-east-1"
"""The region whose buckets S3 locates by their names alone."""
NO_BLOCK = "The public access block configuration was not found"
NO_LOCK = "Object Lock configuration does not exist for this bucket"
OVERRIDE = "response-"
WRITING = (*WRITES, "CreateMultipartUpload", "DeleteObject")
"""Operations that replace or delete one object, or note which one they will replace."""
JUMPSTART = re.compile(r"jumpstart-(private-)?cache-prod-")
"""The buckets of AWS from which SageMaker's SDK reads its list of models."""


class S3Service:
    """Refuses what S3 refuses and answers what moto cannot; moto answers everything else."""

    answers = frozenset({"s3"})

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._locks = KeyLocks()
        keep_former_settings()
        compute_all_checksums()

    def handle(self, request: Request) -> werkzeug.Response | None:
        try:
            answer = self._handle(request)
        except ApiError as error:
            answer = error_response("s3", error, is_head=request.method == "HEAD")
        if answer is not None:
            for name, value in s3_ids().items():
                answer.headers.setdefault(name, value)
        bucket = bucket_named_in(self._cloud, request) if "Origin" in request.headers else None
        if bucket is None or is_preflight(request) or (rule := rule_for(bucket, request)) is None:
            return answer
        if answer is None:
            answer = _of_moto(request)
        _replace_cors_headers(answer, rule.answer_headers(request.headers["Origin"]))
        return answer

    def operations(self) -> dict[str, set[str]]:
        """The operations that moto does not answer, by botocore's name of the service."""
        return {"s3": set(UNSET)}

    def _handle(self, request: Request) -> werkzeug.Response | None:
        bucket = bucket_named_in(self._cloud, request)
        if is_preflight(request):
            return _answer_preflight(bucket, request)
        decode_chunks(request)
        check_mechanism(request)
        check_expiry(request.args)
        if bucket and request.method == "POST" and request.mimetype == "multipart/form-data":
            return forms.upload(self._cloud, bucket.name, request)
        _check_overrides(request)
        ignore_empty_numbers(request)
        call = call_of(request, "s3")
        check_limits(self._cloud.account_id, call.operation, call.parameters, request)
        check_form(call.operation, request)
        ignore_unusable_range(request)
        spell_out_copy_source(request)
        if bucket:
            check_version(self._buckets(), bucket, call.operation, call.parameters, request)
            check_parts(self._buckets(), bucket, call.operation, call.parameters, request)
            check_locks(bucket, call.operation, request)
            check_checksums(self._buckets(), bucket, call, request)
        if bucket and call.operation in COPIES and (copied := check_source(self._buckets(), request)):
            check_key(self._cloud, copied)
        check_digests(call.operation, request)
        if bucket:
            name_algorithm(bucket, call, request)
        check_encryption(self._cloud, bucket, call.operation, request)
        if bucket and call.operation in WRITING:
            with self._locks.of(bucket.name, call.parameters["Key"]):
                check_write(bucket, call.operation, call.parameters, request)
                return self._carry_out(bucket, call, request) or _of_moto(request)
        return self._carry_out(bucket, call, request)

    def _carry_out(self, bucket: Any, call: Call, request: Request) -> werkzeug.Response | None:
        """The answer to a request that has passed the checks; None where moto's is right."""
        if bucket and (answer := self._check_settings(bucket, call, request)) is not None:
            return answer
        if bucket and call.operation in TELLING:
            copied = find_source(self._buckets(), request) if call.operation in COPIES else None
            answer = _of_moto(request)
            note_begin(bucket)
            record = bucket.keys.get(call.parameters["Key"]) if answer.status_code == 200 else None
            if call.operation == "CopyObject" and record is not None:
                record.multipart = None  # whatever its source was uploaded as
                record.metadata.pop(MOVED, None)  # that of the source
                if MOVED in request.headers:
                    record.metadata[MOVED] = request.headers[MOVED]
                answer.headers.pop("Checksum", None)  # moto's own
                answer = add_checksum(told_of(record), request, answer, within="CopyObjectResult")
            if call.operation == "UploadPartCopy" and answer.status_code == 200:
                answer = self._complete_copied_part(bucket, call, request, copied, answer)
            if call.operation == "CompleteMultipartUpload" and record is not None:
                note_completion(record)
                answer = add_checksum(told_of(record), request, answer)
            tell_encryption(bucket, call.operation, call.parameters["Key"], request, answer)
            if not bucket.versioning_status:
                answer.headers.pop("x-amz-version-id", None)
            return answer
        if call.operation in UNSET:
            return answer_unset(bucket, call.parameters["Bucket"], call.operation, request)
        if call.operation == "ListBuckets":
            check_constraints(request, "s3", target_of(request, "s3"))
            return answer_buckets(self._buckets(), request)
        if call.operation == "CreateBucket":
            return self._create(bucket, call.parameters["Bucket"], request)
        if bucket is None and JUMPSTART.match(name := call.parameters.get("Bucket", "")):
            message = "The specified bucket does not exist: localcloud has no JumpStart models."
            raise ApiError("NoSuchBucket", message, status=404, BucketName=name)
        return self._answer_object(bucket, call, request) if bucket else None

    def _complete_copied_part(
        self, bucket: Any, call: Call, request: Request, copied: Any, answer: werkzeug.Response
    ) -> werkzeug.Response:
        """Adds to the answer what moto does not tell of the part and of the object that it copies."""
        upload = bucket.multiparts.get(call.parameters["uploadId"])
        if upload is not None:  # nobody has aborted it meanwhile
            part = upload.parts[int(call.parameters["partNumber"])]
            told = checksum_of_part(part, upload.metadata.get(ALGORITHM))
            answer = add_checksum(told, request, answer, within="CopyPartResult")
        if copied is not None and str(copied.version_id) != NULL:
            answer.headers["x-amz-copy-source-version-id"] = str(copied.version_id)
        return answer

    def _answer_object(self, bucket: Any, call: Call, request: Request) -> werkzeug.Response | None:
        """The answer to what moto does not know of versions and parts; None for what it does."""
        if call.operation in (*LISTS, "DeleteObject", "DeleteObjects"):
            target = target_of(request, "s3")  # the guard checks only what goes to moto
            check_constraints(request, "s3", target)
            refuse_members(request, "s3", target, is_recorded=False)
            request.environ["wsgi.input"].seek(0)
        match call.operation:
            case operation if operation in LISTS:
                return answer_list(bucket, operation, request)
            case "DeleteObject":
                return answer_delete(bucket, call.parameters["Key"], request)
            case "DeleteObjects":
                return answer_deletes(bucket, request, self._locks)
            case "DeleteBucket" if bucket.versioning_status and bucket.keys:
                message = (
                    "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
                )
                raise ApiError("BucketNotEmpty", message, status=409, BucketName=bucket.name)
            case "PutBucketPolicy":
                answer = _of_moto(request)
                return werkzeug.Response(status=204) if answer.status_code == 200 else answer
            case "PutBucketLifecycleConfiguration":
                return keep_lifecycle(bucket, request, _of_moto(request))
            case "GetBucketLifecycleConfiguration":
                return answer_lifecycle(bucket, request)
            case "GetBucketLocation" if bucket.region_alias:
                return with_members(request, _of_moto(request), {"LocationConstraint": bucket.region_alias})
            case "GetPublicAccessBlock" if bucket.public_access_block is None:
                raise _no_configuration(bucket, "NoSuchPublicAccessBlockConfiguration", NO_BLOCK)
            case "GetObjectLockConfiguration" if not bucket.object_lock_enabled:
                raise _no_configuration(bucket, "ObjectLockConfigurationNotFoundError", NO_LOCK)
            case "GetObjectTagging" | "PutObjectTagging" | "DeleteObjectTagging":
                return self._answer_tagging(bucket, call, request)
            case "GetObjectAttributes":
                return add_attributes(bucket, call.parameters, request, _of_moto(request))
            case "GetObject" | "HeadObject":
                return self._read(bucket, call, request)
            case "PutObject":
                answer = _of_moto(request)
                tell_checksum(None, answer)
                return answer
        return None

    def _answer_tagging(self, bucket: Any, call: Call, request: Request) -> werkzeug.Response:
        place = call.parameters["Key"], call.parameters.get("versionId")
        record = find(bucket, *place)
        if call.operation == "PutObjectTagging" and not _tags_of(request):  # at which moto fails
            self._backend().delete_object_tagging(bucket.name, *place)
            answer = werkzeug.Response(status=200)
        else:
            answer = _of_moto(request)
        tell_version(bucket, record, answer)
        return answer

    def _read(self, bucket: Any, call: Call, request: Request) -> werkzeug.Response:
        if (answer := answer_marker(bucket, call.parameters, request)) is not None:
            return answer
        record = find(bucket, call.parameters["Key"], call.parameters.get("versionId"))
        if is_object(record):
            if (answer := answer_unmet(record, request)) is not None:
                tell_version(bucket, record, answer)
                return answer
            if request.method == "GET":
                check_key(self._cloud, record)
        parts = request_part(bucket, call.parameters, request)
        is_head = request.method == "HEAD" and "versionId" in call.parameters and not bucket.is_versioned
        if is_head:  # moto looks for old versions only while versioning is on
            request.environ["REQUEST_METHOD"] = "GET"
        answer = _of_moto(request)
        request.environ["REQUEST_METHOD"] = request.method
        if parts:
            answer.headers["x-amz-mp-parts-count"] = str(parts)
        if is_object(record):
            tell_checksum(record, answer)
            tell_version(bucket, record, answer)
        return answer

    def _check_settings(self, bucket: Any, call: Call, request: Request) -> werkzeug.Response | None:
        owner = f"arn:aws:iam::{self._cloud.account_id}:root"
        buckets.check_acl(bucket, owner, call.operation, call.parameters.get("Key"), request)
        if call.operation == "CopyObject" and bucket.encryption:
            buckets.check_copy(bucket, call.parameters["Key"], request)
        if call.operation == "PutBucketPolicy":
            buckets.check_policy(self._cloud, bucket, owner, request.get_data())
        if call.operation == "DeleteBucketEncryption":
            buckets.give_default_encryption(bucket)
            return werkzeug.Response(status=204)
        return None

    def _backend(self) -> Any:
        from moto.s3.models import s3_backends

        return backend_of(s3_backends, self._cloud.account_id, "aws")

    def _buckets(self) -> Mapping[str, Any]:
        """moto's records of all buckets, by name."""
        found: Mapping[str, Any] = self._backend().buckets
        return found

    def _create(self, existing: Any, name: str, request: Request) -> werkzeug.Response | None:
        tags = ((members_of(request) or {}).get("CreateBucketConfiguration") or {}).get("Tags")
        if existing and tags:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise ApiError("BucketAlreadyOwnedByYou", message, status=409, BucketName=name)
        if existing:
            return None
        buckets.check_acl_of_new_bucket(request)
        alias = buckets.replace_alias(request)
        answer = _of_moto(request)
        created = self._buckets().get(name)
        if answer.status_code == 200 and created is not None:
            created.region_alias = alias
            buckets.give_defaults(created)
            keep_versions(created)
            if created.region_name != HOME:
                answer.headers["Location"] = f"http://{name}.s3.amazonaws.com/"
            if tags:
                self._backend().put_bucket_tagging(name, {tag["Key"]: tag["Value"] for tag in tags})
        return answer


def _no_configuration(bucket: Any, code: str, message: str) -> ApiError:
    return ApiError(code, message, status=404, BucketName=bucket.name)


def _tags_of(request: Request) -> Any:
    """The tags of a request; not an empty list for one of another form, which the guard will refuse."""
    members = members_of(request)
    return members is None or members["Tagging"]["TagSet"]


def _of_moto(request: Request) -> werkzeug.Response:
    request.environ["wsgi.input"].seek(0)
    return werkzeug.Response.from_app(
        Guard().answer_of_moto(request, destination_of(request)), request.environ
    )


def _answer_preflight(bucket: Any, request: Request) -> werkzeug.Response:
    rule = rule_for(bucket, request) if bucket is not None else None
    if rule is None:
        reason = (
            "This CORS request is not allowed. This is usually because the evalution of Origin, request "
            "method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by "
            "the resource's CORS spec."
            if bucket is not None and bucket.cors
            else "CORS is not enabled for this bucket."
        )
        raise ApiError("AccessForbidden", f"CORSResponse: {reason}", status=403)
    headers = request.headers
    answer = werkzeug.Response(status=200)
    answer.headers.remove("Content-Type")
    requested = headers.get("Access-Control-Request-Headers")
    _replace_cors_headers(answer, rule.answer_headers(headers["Origin"], requested))
    return answer


def _replace_cors_headers(answer: werkzeug.Response, headers: dict[str, str]) -> None:
    for name in [name for name, _ in answer.headers if name.lower().startswith("access-control-")]:
        answer.headers.remove(name)
    answer.headers.update(headers)


def _check_overrides(request: Request) -> None:
    """Raises ApiError for requested response headers that are invalid in HTTP."""
    if request.method not in ("GET", "HEAD"):
        return
    for name, value in request.args.items(multi=True):
        if name.startswith(OVERRIDE) and not _fits_into_header(value):
            message = "Header value cannot be represented using ISO-8859-1."
            raise ApiError("InvalidArgument", message, status=400)


def _fits_into_header(text: str) -> bool:
    try:
        return not set(b"\r\n\0").intersection(text.encode("latin-1"))
    except UnicodeEncodeError:
        return False
