"""Checksums of objects and of their parts: which a request may have, and what answers say about them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
The words are those of recordings on AWS: LocalStack's tests/aws/services/s3/*.snapshot.json
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.calls import Call
from localcloud.protocol.s3_requests import members_of, set_header
from localcloud.s3.digests import (
    HEADER,
    HEADERS,
    SDK_ALGORITHM,
    algorithm_in,
    checksum_of,
    pieces_of,
    wrong_checksum,
)
from localcloud.s3.versions import find_source, is_object

ALGORITHM, TYPE = f"{HEADER}algorithm", f"{HEADER}type"
DEFAULT = "CRC64NVME"
"""The algorithm of S3 for content without a checksum."""
COMPOSITE, FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"
TYPES: Mapping[str, tuple[str, ...]] = {
    "CRC32": (COMPOSITE, FULL_OBJECT),
    "CRC32C": (COMPOSITE, FULL_OBJECT),
    "CRC64NVME": (FULL_OBJECT,),
    "SHA1": (COMPOSITE,),
    "SHA256": (COMPOSITE,),
}
"""What the checksum of an object that is uploaded in parts may be of, by algorithm, the default first."""
SIZE = "x-amz-mp-object-size"


def check_checksums(buckets: Mapping[str, Any], bucket: Any, call: Call, request: werkzeug.Request) -> None:
    """Raises ApiError for checksums that the request cannot have. `bucket` is moto's record."""
    upload = bucket.multiparts.get(call.parameters.get("uploadId"))
    match call.operation:
        case "CreateMultipartUpload":
            _check_begin(request)
        case "UploadPart" if upload is not None:
            _check_part(upload, request)
        case "CompleteMultipartUpload" if upload is not None:
            _check_completion(upload, request)
        case "CopyObject":
            _prepare_copy(buckets, request)


def name_algorithm(bucket: Any, call: Call, request: werkzeug.Request) -> None:
    """Names the algorithm of the checksum of content, for moto forgets one that is not named.

    Of a part without a checksum that is the algorithm of its upload, else the default one. Of an object
    without a checksum, the default one is computed here: moto would take a text in the content that looks
    like a checksum for it. Of a copy, moto demands only the name, and only if the copy will be locked.
    """
    if call.operation == "CopyObject":
        set_header(request, SDK_ALGORITHM, DEFAULT)
    if call.operation in ("PutObject", "UploadPart"):
        upload = bucket.multiparts.get(call.parameters.get("uploadId"))
        default = (_of_upload(upload)[0] if upload else None) or DEFAULT
        algorithm = algorithm_in(request.headers) or default
        set_header(request, SDK_ALGORITHM, algorithm)
        if call.operation == "PutObject" and (name := HEADER + algorithm.lower()) not in request.headers:
            set_header(request, name, checksum_of(pieces_of(request.environ["wsgi.input"]), algorithm))


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
    set_header(request, TYPE, kind or TYPES[algorithm][0])


def _check_part(upload: Any, request: werkzeug.Request) -> None:
    expected, kind = _of_upload(upload)
    sent = algorithm_in(request.headers)
    if expected and sent != expected and (sent or kind == COMPOSITE):
        raise _mismatch(expected, sent)


def _mismatch(expected: str, sent: str | None) -> ApiError:
    return _invalid(
        f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, actual checksum Type: "
        f"{(sent or 'null').lower()}"
    )


def _check_completion(upload: Any, request: werkzeug.Request) -> None:
    algorithm, kind = _of_upload(upload)
    asked = request.headers.get(TYPE)
    if asked and asked != (kind or FULL_OBJECT):
        raise _invalid(
            f"The upload was created using the {kind or FULL_OBJECT} checksum mode. The complete request "
            "must use the same checksum mode."
        )
    chosen = (members_of(request) or {}).get("MultipartUpload") or {}
    parts = [(upload.parts[one["PartNumber"]], one) for one in chosen.get("Parts") or []]
    for part, told in parts:
        if kind == COMPOSITE and f"Checksum{algorithm}" not in told:
            raise _invalid(
                f"The upload was created using a {str(algorithm).lower()} checksum. The complete request "
                f"must include the checksum for each part. It was missing for part {told['PartNumber']} in "
                "the request."
            )
        for known in TYPES:
            if (value := told.get(f"Checksum{known}")) is not None and value != of_part(part, known):
                raise invalid_part(upload, told)
    size = sum(part.size for part, _ in parts)
    if (given := request.headers.get(SIZE)) is not None and given != str(size):
        raise _invalid(f"The provided '{SIZE}' header value {given} does not match what was computed: {size}")
    _check_whole(upload, [part for part, _ in parts], request)


def _check_whole(upload: Any, parts: Sequence[Any], request: werkzeug.Request) -> None:
    """Raises ApiError if the object that the parts make has another checksum than the request says."""
    algorithm, kind = _of_upload(upload)
    expected, sent = algorithm or DEFAULT, algorithm_in(request.headers)
    if algorithm:
        for part in parts:
            of_part(part, algorithm)  # while its content is there
    if sent is None:
        return
    if sent != expected:
        raise _mismatch(expected, sent)
    told = request.headers[HEADER + sent.lower()]
    if kind == COMPOSITE:
        computed = checksum_of((base64.b64decode(of_part(part, sent)) for part in parts), sent)
        told = told.removesuffix(f"-{len(parts)}")
    else:
        computed = checksum_of((part.value for part in parts), sent)
    if told != computed:
        raise wrong_checksum(sent.lower())


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
    record = find_source(buckets, request)
    if ALGORITHM not in request.headers and is_object(record) and record.checksum_type == COMPOSITE:
        set_header(request, ALGORITHM, record.checksum_algorithm)


def note_completion(record: Any) -> None:
    """Names the checksum that moto has computed of an object whose upload had no algorithm."""
    record.checksum_algorithm = record.checksum_algorithm or DEFAULT


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


def of_part(part: Any, algorithm: str) -> str:
    """The checksum of moto's record of a part, noted there, since its content goes with the completion."""
    noted: dict[str, str] = part.__dict__.setdefault("checksums", {})
    if algorithm not in noted:
        noted[algorithm] = checksum_of([part.value], algorithm)
    return noted[algorithm]


def _of_upload(upload: Any) -> tuple[str | None, str | None]:
    return upload.metadata.get(ALGORITHM), upload.metadata.get(TYPE)


def _in_headers(answer: werkzeug.Response) -> dict[str, str]:
    found = {name.lower(): value for name, value in answer.headers}
    return {algorithm: found[name] for name, algorithm in HEADERS.items() if name in found}


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidRequest", message, status=400)
