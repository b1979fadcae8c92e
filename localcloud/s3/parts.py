"""Checks requests about parts of objects that S3 refuses, but that moto gets wrong.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
The words are those of recordings on AWS: LocalStack's tests/aws/services/s3/*.snapshot.json
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import werkzeug
from botocore.parsers import create_parser
from werkzeug.datastructures import Headers

from localcloud.protocol import ApiError
from localcloud.protocol.calls import operation_of
from localcloud.protocol.s3_requests import copy_source_of, members_of, set_header
from localcloud.protocol.service import write_answer
from localcloud.s3.checksums import ALGORITHM, invalid_part, of_part, told_of
from localcloud.s3.versions import find

MAX_PART_NUMBER = 10_000
PAGE_PARTS = 1000
MIN_PART_BYTES = 5 << 20
"""Of all parts but the last."""
MARKER, MAX_PARTS = "x-amz-part-number-marker", "x-amz-max-parts"
UPLOADS = ("UploadPart", "UploadPartCopy")
READS = ("GetObject", "HeadObject")
COPY_RANGE = re.compile(r"bytes=(?P<first>\d+)-(?P<last>\d+)")


def check_parts(
    buckets: Mapping[str, Any],
    bucket: Any,
    operation: str,
    parameters: Mapping[str, Any],
    request: werkzeug.Request,
) -> None:
    """Raises ApiError for a part, an upload or a version that does not exist. `bucket` is moto's record."""
    if operation in UPLOADS:
        _check_upload(bucket, parameters)
    if operation in ("AbortMultipartUpload", "ListParts"):
        _check_begun(bucket, parameters)
    if operation == "UploadPartCopy":
        _check_copied_range(buckets, request)
    if operation == "CompleteMultipartUpload":
        _check_completion(bucket, parameters, request)
    if operation in READS:
        _check_part(bucket, parameters, request)


def _check_upload(bucket: Any, parameters: Mapping[str, Any]) -> None:
    number = str(parameters.get("partNumber", ""))
    if not number.isdecimal() or not 1 <= int(number) <= MAX_PART_NUMBER:
        raise ApiError(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive",
            status=400,
            ArgumentName="partNumber",
            ArgumentValue=number,
        )
    _check_begun(bucket, parameters)


def _check_begun(bucket: Any, parameters: Mapping[str, Any]) -> None:
    upload = bucket.multiparts.get(parameters.get("uploadId"))
    if upload is None or upload.key_name != parameters["Key"]:
        raise ApiError(
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
            status=404,
            UploadId=parameters.get("uploadId"),
        )


def _check_completed(bucket: Any, parameters: Mapping[str, Any]) -> None:
    """Raises ApiError for an unknown upload; one that has just been completed may be completed again."""
    stored = getattr(bucket.keys.get(parameters["Key"]), "multipart", None)
    if stored is None or stored.id != parameters.get("uploadId"):
        _check_begun(bucket, parameters)


def _check_copied_range(buckets: Mapping[str, Any], request: werkzeug.Request) -> None:
    asked = request.headers.get("x-amz-copy-source-range")
    source = copy_source_of(request)
    bucket = buckets.get(source.bucket)
    size = getattr(find(bucket, source.key, source.version), "size", None) if bucket else None
    if asked is None or size is None:
        return
    found = COPY_RANGE.fullmatch(asked)
    first, last = (int(found["first"]), int(found["last"])) if found else (1, 0)
    of_range = {"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": asked}
    if first > last:
        raise ApiError(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
            "the zero-based offsets of the first and last bytes to copy",
            status=400,
            **of_range,
        )
    if first >= size:
        message = "The specified copy range is invalid for the source object size"
        raise ApiError("InvalidRequest", message, status=400)
    if last >= size:
        message = f"Range specified is not valid for source object of size: {size}"
        raise ApiError("InvalidArgument", message, status=400, **of_range)


def _check_completion(bucket: Any, parameters: Mapping[str, Any], request: werkzeug.Request) -> None:
    """Raises ApiError for a list that is not of parts of the upload, in order."""
    if not request.get_data():
        raise ApiError("InvalidRequest", "You must specify at least one part", status=400)
    members = members_of(request) or {}
    parts = (members.get("MultipartUpload") or {}).get("Parts") or []
    numbers = [part.get("PartNumber", 0) for part in parts]
    if numbers != sorted(set(numbers)):
        message = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise ApiError("InvalidPartOrder", message, status=400)
    _check_completed(bucket, parameters)
    upload = bucket.multiparts.get(parameters.get("uploadId"))
    for told in parts if upload else ():
        part = upload.parts.get(told.get("PartNumber"))
        if part is None or part.etag.strip('"') != str(told.get("ETag")).strip('"'):
            raise invalid_part(upload, told)
        if part.size < MIN_PART_BYTES and told is not parts[-1]:
            raise ApiError(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                status=400,
                ETag=part.etag.strip('"'),
                MinSizeAllowed=MIN_PART_BYTES,
                PartNumber=told["PartNumber"],
                ProposedSize=part.size,
            )


def _check_part(bucket: Any, parameters: Mapping[str, Any], request: werkzeug.Request) -> None:
    number = str(parameters.get("partNumber", "1"))
    if "partNumber" in parameters and "Range" in request.headers:
        message = "Cannot specify both Range header and partNumber query parameter"
        raise ApiError("InvalidRequest", message, status=400)
    chosen = _chosen(bucket, parameters)
    multipart = getattr(chosen, "multipart", None)
    parts = len(multipart.parts) if multipart else 1
    if chosen is not None and (not number.isdecimal() or not 1 <= int(number) <= parts):
        message = "The requested partnumber is not satisfiable"
        raise ApiError("InvalidPartNumber", message, status=416)


def _chosen(bucket: Any, parameters: Mapping[str, Any]) -> Any:
    """moto's record of the version of an object that a request names; None for one that is not there."""
    versions = bucket.keys.getlist(parameters["Key"], default=[])
    version = parameters.get("versionId")
    return next((one for one in reversed(versions) if version in (None, str(one.version_id))), None)


def request_part(bucket: Any, parameters: Mapping[str, Any], request: werkzeug.Request) -> int | None:
    """Has a request for a part of an object ask moto for the bytes of that part.

    Returns in how many parts the object was uploaded, 0 for one that was uploaded at once; None for a request
    for something else. Raises ApiError for an object of which moto has other parts, too.
    """
    chosen = _chosen(bucket, parameters)
    if "partNumber" not in parameters or chosen is None:
        return None
    parts = _parts(chosen, "partNumber")
    sizes = [part.size for part in parts] or [chosen.size]
    number = int(parameters["partNumber"])
    first = sum(sizes[: number - 1])
    if chosen.size:
        set_header(request, "Range", f"bytes={first}-{first + sizes[number - 1] - 1}")
    others = [(name, value) for name, value in request.args.items(multi=True) if name != "partNumber"]
    request.environ["QUERY_STRING"] = urlencode(others)
    return len(parts)


def add_attributes(
    bucket: Any, parameters: Mapping[str, Any], request: werkzeug.Request, answer: werkzeug.Response
) -> werkzeug.Response:
    """Corrects the checksum in moto's answer to GetObjectAttributes, and adds the parts of the object.

    S3 lists them for an object with checksums, and counts them for any other.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
    """
    asked = {name.strip() for name in request.headers.get("x-amz-object-attributes", "").split(",")}
    chosen = _chosen(bucket, parameters)
    if answer.status_code != 200 or not asked & {"Checksum", "ObjectParts"}:
        return answer
    changed: dict[str, Any] = {}
    if "Checksum" in asked:
        # Here the number of parts is not told.
        told = {name: value.partition("-")[0] for name, value in told_of(chosen).items()}
        changed["Checksum"] = told or None
    if parts := _parts(chosen, "ObjectParts") if "ObjectParts" in asked else []:
        changed["ObjectParts"] = {"TotalPartsCount": len(parts)}
        if algorithm := chosen.multipart.metadata.get(ALGORITHM):
            changed["ObjectParts"] |= _page_of_parts(parts, algorithm, request.headers)
    return with_members(request, answer, changed)


def add_checksum(
    told: Mapping[str, str],
    request: werkzeug.Request,
    answer: werkzeug.Response,
    *,
    within: str | None = None,
) -> werkzeug.Response:
    """Adds a checksum to an answer of moto, or to the member of it that is named."""
    return with_members(request, answer, told, within) if told and answer.status_code == 200 else answer


def with_members(
    request: werkzeug.Request,
    answer: werkzeug.Response,
    changed: Mapping[str, Any],
    within: str | None = None,
) -> werkzeug.Response:
    """An answer of moto with other members, or with others of the member that is named; None removes one."""
    found = operation_of(request, "s3")
    if not found:
        return answer
    model, _ = found
    content = {"headers": dict(answer.headers), "status_code": 200, "body": answer.get_data()}
    members = create_parser(model.service_model.protocol).parse(content, model.output_shape)
    members.pop("ResponseMetadata")
    members |= {within: members[within] | changed} if within else changed
    return write_answer(model, {name: value for name, value in members.items() if value is not None})


def _page_of_parts(parts: list[Any], algorithm: str, headers: Headers) -> dict[str, Any]:
    marker, size = int(headers.get(MARKER, 0)), int(headers.get(MAX_PARTS, PAGE_PARTS))
    left = [(number, part) for number, part in enumerate(parts, 1) if number > marker]
    shown = left[: min(size, PAGE_PARTS)]
    return {
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1][0] if shown else 0,
        "MaxParts": size,
        "IsTruncated": len(shown) < len(left),
        "Parts": [
            {"PartNumber": number, "Size": part.size, **checksum_of_part(part, algorithm)}
            for number, part in shown
        ],
    }


def checksum_of_part(part: Any, algorithm: str | None) -> dict[str, str]:
    """The checksum of a part, moto's record, as a member of answers; none without an algorithm."""
    return {f"Checksum{algorithm}": of_part(part, algorithm)} if algorithm else {}


def _parts(chosen: Any, asked: str) -> list[Any]:
    """moto's records of the parts of an object; none for one that was uploaded at once.

    Raises ApiError for an object of which moto has other parts, too.
    """
    multipart = getattr(chosen, "multipart", None)
    parts = [multipart.parts[number] for number in sorted(multipart.parts)] if multipart else []
    if parts and sum(part.size for part in parts) != chosen.size:
        message = f"localcloud does not support {asked} for an object without some of its uploaded parts."
        raise ApiError("NotImplemented", message, status=501)
    return parts
