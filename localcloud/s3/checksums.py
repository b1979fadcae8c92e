"""Checksums of objects and of their parts: which a request may have, and what answers tell of them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
The words are those of recordings on AWS: LocalStack's tests/aws/services/s3/*.snapshot.json
Of CRC32C and CRC64NVME, which Python lacks, only what the client has sent is known.
"""

import base64
from collections.abc import Mapping
from typing import Any

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.s3_requests import copy_source_of, members_of
from localcloud.s3.digests import CHECKSUMS
from localcloud.s3.versions import find, is_object

HEADER = "x-amz-checksum-"
ALGORITHM, TYPE = f"{HEADER}algorithm", f"{HEADER}type"
SDK_ALGORITHM = "x-amz-sdk-checksum-algorithm"
COMPOSITE, FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"
TYPES: Mapping[str, tuple[str, ...]] = {
    "CRC32": (COMPOSITE, FULL_OBJECT),
    "CRC32C": (COMPOSITE, FULL_OBJECT),
    "CRC64NVME": (FULL_OBJECT,),
    "SHA1": (COMPOSITE,),
    "SHA256": (COMPOSITE,),
}
"""What the checksum of an object that is uploaded in parts may be of, by algorithm, the default first."""
COMPUTED = {label: make for label, make, _ in CHECKSUMS.values()}
SIZE = "x-amz-mp-object-size"


def check_checksums(buckets: Mapping[str, Any], bucket: Any, call: Any, request: werkzeug.Request) -> None:
    """Raises ApiError for checksums that there cannot be here. `bucket` is moto's record."""
    upload = bucket.multiparts.get(call.parameters.get("uploadId"))
    match call.operation:
        case "CreateMultipartUpload":
            _check_begin(request)
        case "PutObject":
            _name_algorithm(request)
        case "UploadPart" if upload is not None:
            _name_algorithm(request)
            _check_part(upload, request)
        case "CompleteMultipartUpload" if upload is not None:
            _check_completion(upload, request)
        case "CopyObject":
            _prepare_copy(buckets, request)


def _check_begin(request: werkzeug.Request) -> None:
    algorithm, kind = request.headers.get(ALGORITHM), request.headers.get(TYPE)
    if algorithm is None and kind is not None:
        raise _invalid(f"The {TYPE} header can only be used with the {ALGORITHM} header.")
    if algorithm is None or algorithm not in TYPES:
        return  # the guard refuses what is no algorithm
    if kind is not None and kind not in TYPES[algorithm]:
        raise _invalid(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    _set(request, TYPE, kind or TYPES[algorithm][0])


def _name_algorithm(request: werkzeug.Request) -> None:
    """Names the algorithm of the checksum that comes with content, without which moto forgets it."""
    named, sent = request.headers.get(SDK_ALGORITHM), _sent(request)
    if sent is None:
        return
    if named is not None and named.upper() != sent:
        raise _invalid(f"Value for {SDK_ALGORITHM} header is invalid.")
    _set(request, SDK_ALGORITHM, sent)


def _sent(request: werkzeug.Request) -> str | None:
    """The algorithm of the checksum in the headers or after the content; None if there is none."""
    names = [name.lower() for name, _ in request.headers] + [request.headers.get("x-amz-trailer", "").lower()]
    return next((label for label in TYPES if HEADER + label.lower() in names), None)


def _check_part(upload: Any, request: werkzeug.Request) -> None:
    expected, kind = _of_upload(upload)
    label = request.headers.get(SDK_ALGORITHM, "null").lower()
    if expected and label != expected.lower() and (label != "null" or kind == COMPOSITE):
        raise _invalid(
            f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, actual checksum "
            f"Type: {label}"
        )


def _check_completion(upload: Any, request: werkzeug.Request) -> None:
    algorithm, kind = _of_upload(upload)
    asked = request.headers.get(TYPE)
    if algorithm and asked and asked != kind:
        raise _invalid(
            f"The upload was created using the {kind} checksum mode. The complete request must use the same "
            "checksum mode."
        )
    chosen = (members_of(request) or {}).get("MultipartUpload") or {}
    parts = [(upload.parts.get(one.get("PartNumber")), one) for one in chosen.get("Parts") or []]
    for part, told in parts if algorithm else ():
        value, number = told.get(f"Checksum{algorithm}"), told.get("PartNumber")
        if value is None and kind == COMPOSITE:
            raise _invalid(
                f"The upload was created using a {str(algorithm).lower()} checksum. The complete request "
                f"must include the checksum for each part. It was missing for part {number} in the request."
            )
        known = part and of_part(part, str(algorithm))
        if value is not None and known and value != known:
            raise invalid_part(upload, told)
    size = sum(part.size for part, _ in parts if part)
    if (given := request.headers.get(SIZE)) is not None and given != str(size):
        raise _invalid(f"The provided '{SIZE}' header value {given} does not match what was computed: {size}")


def invalid_part(upload: Any, told: Mapping[str, Any]) -> ApiError:
    """The error for a part of a completion that was not uploaded so."""
    return ApiError(
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
        "specified entity tag may not match the part's entity tag.",
        status=400,
        ETag=str(told.get("ETag")).strip('"'),
        PartNumber=told.get("PartNumber"),
        UploadId=upload.id,
    )


def _prepare_copy(buckets: Mapping[str, Any], request: werkzeug.Request) -> None:
    """Has moto compute the checksum of a copy of several parts, which will be one."""
    asked, source = request.headers.get(ALGORITHM), copy_source_of(request)
    if asked is not None and asked in TYPES and asked not in COMPUTED:
        message = f"CopyObject: localcloud does not support the checksum algorithm {asked}."
        raise ApiError("NotImplemented", message, status=501)
    record: Any = None
    if source.bucket in buckets:
        record = find(buckets[source.bucket], source.key, source.version)
    if asked is None and is_object(record) and record.checksum_type == COMPOSITE:
        _set(request, ALGORITHM, record.checksum_algorithm)


def note_part(upload: Any, number: str, answer: werkzeug.Response) -> None:
    """Notes the checksum that came with a part, which moto forgets."""
    part = upload.parts.get(int(number)) if upload is not None else None
    if part is not None:
        part.checksums = _in_headers(answer)


def note_completion(record: Any, request: werkzeug.Request) -> None:
    """Corrects the checksum of an object that moto has made of parts; it would compute CRC32 for others."""
    algorithm = record.checksum_algorithm
    if algorithm is None or algorithm in COMPUTED:
        return
    sent = request.headers.get(HEADER + algorithm.lower())
    is_told = sent is not None and record.checksum_type == FULL_OBJECT
    record.checksum_algorithm, record.checksum_value = (algorithm, sent) if is_told else (None, None)


def tell_checksum(record: Any, answer: werkzeug.Response) -> None:
    """Completes the headers of an answer that has the checksum of an object, or of none without a record."""
    labels = _in_headers(answer)
    if labels and record is None:
        answer.headers[TYPE] = FULL_OBJECT
    elif labels and (told := told_of(record)):
        answer.headers[TYPE] = told.pop("ChecksumType")
        for name, value in told.items():
            answer.headers[HEADER + name.removeprefix("Checksum").lower()] = value


def told_of(record: Any) -> dict[str, str]:
    """The checksum of an object, as members of answers; none if it has none."""
    if record.checksum_algorithm is None or record.checksum_value is None:
        return {}
    kind = record.checksum_type or FULL_OBJECT
    parts = f"-{record.checksum_parts}" if kind == COMPOSITE else ""
    return {f"Checksum{record.checksum_algorithm}": f"{record.checksum_value}{parts}", "ChecksumType": kind}


def of_part(part: Any, algorithm: str) -> str | None:
    """The checksum of moto's record of a part, noted there, since its content goes with the completion.

    None if it is not known.
    """
    noted: dict[str, str] = getattr(part, "checksums", {})
    if algorithm in COMPUTED and algorithm not in noted:
        digest = COMPUTED[algorithm]()
        digest.update(part.value)
        noted[algorithm] = base64.b64encode(digest.digest()).decode()
        part.checksums = noted
    return noted.get(algorithm)


def _of_upload(upload: Any) -> tuple[str | None, str | None]:
    return upload.metadata.get(ALGORITHM), upload.metadata.get(TYPE)


def _in_headers(answer: werkzeug.Response) -> dict[str, str]:
    found = {name.lower(): value for name, value in answer.headers}
    return {label: found[HEADER + label.lower()] for label in TYPES if HEADER + label.lower() in found}


def _set(request: werkzeug.Request, name: str, value: str) -> None:
    request.environ["HTTP_" + name.upper().replace("-", "_")] = value


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidRequest", message, status=400)
