"""Checksums of objects and of their parts.

Answers are those recorded on AWS: LocalStack's tests/aws/services/s3/*.snapshot.json.
"""

import base64
import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

from localcloud.iam import IamEnforcement
from localcloud.s3 import S3Service
from localcloud.s3.digests import checksum_of

FIRST, LAST = b"1" * (5 << 20), b"last"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x"}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, S3Service) as account:
        yield account


@pytest.fixture(scope="module")
def s3(account: Account) -> Any:
    client = account.client("s3")
    client.create_bucket(Bucket="sums")
    return client


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def told(answer: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in answer.items() if name.startswith("Checksum")}


def refusal(call: Any, **request: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(Bucket="sums", **request)
    error: dict[str, Any] = caught.value.response["Error"]
    return error


def upload(s3: Any, key: str, algorithm: str, kind: str | None = None) -> dict[str, Any]:
    """The request that completes an upload of two parts."""
    asked = {"ChecksumAlgorithm": algorithm, **({"ChecksumType": kind} if kind else {})}
    place = {"Key": key, "UploadId": s3.create_multipart_upload(Bucket="sums", Key=key, **asked)["UploadId"]}
    parts = []
    for number, body in ((1, FIRST), (2, LAST)):
        sent = s3.upload_part(
            Bucket="sums", **place, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm
        )
        parts.append({"PartNumber": number, "ETag": sent["ETag"], **told(sent)})
    return place | {"MultipartUpload": {"Parts": parts}}


def test_answers_tell_what_a_checksum_is_of(s3: Any) -> None:
    whole = {"ChecksumSHA256": sha256(b"one"), "ChecksumType": "FULL_OBJECT"}
    put = s3.put_object(Bucket="sums", Key="k", Body=b"one", ChecksumAlgorithm="SHA256")
    assert told(put) == whole
    assert told(s3.get_object(Bucket="sums", Key="k")) == whole
    assert told(s3.head_object(Bucket="sums", Key="k", ChecksumMode="ENABLED")) == whole
    assert (
        s3.get_object_attributes(Bucket="sums", Key="k", ObjectAttributes=["Checksum"])["Checksum"] == whole
    )
    listed = {"ChecksumAlgorithm": ["SHA256"], "ChecksumType": "FULL_OBJECT"}
    assert told(s3.list_objects_v2(Bucket="sums", Prefix="k")["Contents"][0]) == listed
    assert told(s3.list_object_versions(Bucket="sums", Prefix="k")["Versions"][0]) == listed


def test_a_checksum_of_parts_is_one_of_their_checksums(s3: Any) -> None:
    request = upload(s3, "parts", "SHA256")
    listed = s3.list_parts(Bucket="sums", Key="parts", UploadId=request["UploadId"])
    assert told(listed) == {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE"}
    assert [part["ChecksumSHA256"] for part in listed["Parts"]] == [sha256(FIRST), sha256(LAST)]
    of_both = sha256(hashlib.sha256(FIRST).digest() + hashlib.sha256(LAST).digest())
    composite = {"ChecksumSHA256": f"{of_both}-2", "ChecksumType": "COMPOSITE"}
    assert told(s3.complete_multipart_upload(Bucket="sums", **request)) == composite
    assert told(s3.get_object(Bucket="sums", Key="parts", ChecksumMode="ENABLED")) == composite
    found = s3.get_object_attributes(Bucket="sums", Key="parts", ObjectAttributes=["Checksum"])["Checksum"]
    assert found == composite | {"ChecksumSHA256": of_both}
    copied = s3.copy_object(Bucket="sums", Key="copy", CopySource="sums/parts")["CopyObjectResult"]
    assert copied["ChecksumSHA256"] == sha256(FIRST + LAST)  # a copy is not in parts
    assert "ObjectParts" not in s3.get_object_attributes(
        Bucket="sums", Key="copy", ObjectAttributes=["ObjectParts"]
    )
    assert "PartsCount" not in s3.head_object(Bucket="sums", Key="copy", PartNumber=1)


def test_parts_have_the_checksums_of_their_upload(s3: Any) -> None:
    request = upload(s3, "k", "SHA256")
    place = {name: request[name] for name in ("Key", "UploadId")}
    other = refusal(s3.upload_part, **place, PartNumber=3, Body=b"x", ChecksumAlgorithm="CRC32")
    assert other["Message"] == (
        "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: crc32"
    )
    first, last = request["MultipartUpload"]["Parts"]
    without = {name: value for name, value in first.items() if name != "ChecksumSHA256"}
    missing = refusal(s3.complete_multipart_upload, **place, MultipartUpload={"Parts": [without, last]})
    assert missing["Message"] == (
        "The upload was created using a sha256 checksum. The complete request must include the checksum for "
        "each part. It was missing for part 1 in the request."
    )
    wrong = first | {"ChecksumSHA256": sha256(b"other")}
    error = refusal(s3.complete_multipart_upload, **place, MultipartUpload={"Parts": [wrong, last]})
    assert (error["Code"], error["PartNumber"]) == ("InvalidPart", "1")
    error = refusal(s3.complete_multipart_upload, **request, MpuObjectSize=1)
    assert error["Message"] == (
        "The provided 'x-amz-mp-object-size' header value 1 does not match what was computed: 5242884"
    )
    error = refusal(s3.complete_multipart_upload, **request, ChecksumType="FULL_OBJECT")
    assert "created using the COMPOSITE checksum mode" in error["Message"]


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")]
)
def test_not_every_checksum_is_of_parts_and_of_the_whole(s3: Any, algorithm: str, kind: str) -> None:
    error = refusal(s3.create_multipart_upload, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert error["Code"] == "InvalidRequest"
    assert error["Message"] == (
        f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
    )


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_parts_may_be_copies(s3: Any, algorithm: str) -> None:
    s3.put_object(Bucket="sums", Key="source", Body=FIRST + LAST)
    place = {"Key": f"of copies/{algorithm}"}
    place["UploadId"] = s3.create_multipart_upload(Bucket="sums", **place, ChecksumAlgorithm=algorithm)[
        "UploadId"
    ]
    parts = []
    for number, between in enumerate(
        (f"bytes=0-{len(FIRST) - 1}", f"bytes={len(FIRST)}-{len(FIRST + LAST) - 1}"), 1
    ):
        source = {"CopySource": "sums/source", "CopySourceRange": between}
        copied = s3.upload_part_copy(Bucket="sums", **place, **source, PartNumber=number)["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": copied["ETag"], **told(copied)})
    member = f"Checksum{algorithm}"
    assert [part[member] for part in parts] == [checksum_of([piece], algorithm) for piece in (FIRST, LAST)]
    listed = s3.list_parts(Bucket="sums", **place)["Parts"]
    assert [part[member] for part in listed] == [part[member] for part in parts]
    done = s3.complete_multipart_upload(Bucket="sums", **place, MultipartUpload={"Parts": parts})
    if done["ChecksumType"] == "FULL_OBJECT":
        assert done[member] == checksum_of([FIRST + LAST], algorithm)
    else:
        sums = [base64.b64decode(part[member]) for part in parts]
        assert done[member] == checksum_of(sums, algorithm) + "-2"
    assert told(s3.get_object(Bucket="sums", Key=place["Key"])) == told(done)


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("CRC32", "FULL_OBJECT"), ("CRC32", "COMPOSITE"), ("SHA256", None)]
)
def test_the_checksum_of_the_whole_is_verified(s3: Any, algorithm: str, kind: str | None) -> None:
    request = upload(s3, "whole", algorithm, kind)
    parts = request["MultipartUpload"]["Parts"]
    sums = [base64.b64decode(part[f"Checksum{algorithm}"]) for part in parts]
    right = checksum_of([FIRST, LAST] if kind == "FULL_OBJECT" else sums, algorithm)
    other = {f"Checksum{algorithm}": checksum_of([b"other"], algorithm)}
    error = refusal(s3.complete_multipart_upload, **request, **other)
    assert error["Code"] == "BadDigest"
    assert error["Message"] == f"The {algorithm.lower()} you specified did not match the calculated checksum."
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="sums", Key="whole")
    done = s3.complete_multipart_upload(Bucket="sums", **request, **{f"Checksum{algorithm}": right})
    assert done[f"Checksum{algorithm}"].partition("-")[0] == right
    s3.delete_object(Bucket="sums", Key="whole")


def test_a_completion_has_the_checksum_of_its_upload(s3: Any) -> None:
    error = refusal(
        s3.complete_multipart_upload, **upload(s3, "whole", "SHA256"), ChecksumCRC32=checksum_of([], "CRC32")
    )
    assert error["Message"] == (
        "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: crc32"
    )


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html: since December
# 2024, S3 computes one where the client sends none.
def test_content_without_a_checksum_gets_one(account: Account, s3: Any) -> None:
    url, crc = f"{account.cloud.url}/sums", checksum_of([b"data"], "CRC64NVME")
    whole = {"ChecksumCRC64NVME": crc, "ChecksumType": "FULL_OBJECT"}
    put = requests.put(f"{url}/plain", b"data", headers=SIGNED, timeout=30)
    named = {name: put.headers[f"x-amz-checksum-{name}"] for name in ("crc64nvme", "type")}
    assert named == {"crc64nvme": crc, "type": "FULL_OBJECT"}
    place = {"Key": "plain parts"}
    place["UploadId"] = s3.create_multipart_upload(Bucket="sums", **place)["UploadId"]
    query = {"uploadId": place["UploadId"], "partNumber": "1"}
    part = requests.put(f"{url}/plain parts", b"data", params=query, headers=SIGNED, timeout=30)
    assert part.headers["x-amz-checksum-crc64nvme"] == crc
    parts = [{"PartNumber": 1, "ETag": part.headers["ETag"]}]
    done = s3.complete_multipart_upload(Bucket="sums", **place, MultipartUpload={"Parts": parts})
    assert told(done) == whole
    copied = s3.copy_object(Bucket="sums", Key="plain copy", CopySource="sums/plain parts")
    assert told(copied["CopyObjectResult"]) == whole
    for key in ("plain", "plain parts", "plain copy"):
        assert told(s3.get_object(Bucket="sums", Key=key, ChecksumMode="ENABLED")) == whole
    listed = s3.list_objects_v2(Bucket="sums", Prefix="plain")["Contents"]
    found = {(*one["ChecksumAlgorithm"], one["ChecksumType"]) for one in listed}
    assert found == {("CRC64NVME", "FULL_OBJECT")}


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_copy_may_have_another_checksum(s3: Any, algorithm: str) -> None:
    s3.put_object(Bucket="sums", Key="source", Body=b"one")
    copied = s3.copy_object(Bucket="sums", Key="c", CopySource="sums/source", ChecksumAlgorithm=algorithm)
    expected = {f"Checksum{algorithm}": checksum_of([b"one"], algorithm), "ChecksumType": "FULL_OBJECT"}
    assert told(copied["CopyObjectResult"]) == expected
    assert "checksum" not in copied["ResponseMetadata"]["HTTPHeaders"]
    assert told(s3.head_object(Bucket="sums", Key="c", ChecksumMode="ENABLED")) == expected


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_all_checksums_are_verified(s3: Any, algorithm: str) -> None:
    right, wrong = ({f"Checksum{algorithm}": checksum_of([of], algorithm)} for of in (b"x", b"y"))
    put = s3.put_object(Bucket="sums", Key="k", Body=b"x", **right)
    assert told(put) == right | {"ChecksumType": "FULL_OBJECT"}
    error = refusal(s3.put_object, Key="k", Body=b"x", **wrong)
    assert error["Code"] == "BadDigest"
    assert error["Message"] == f"The {algorithm} you specified did not match the calculated checksum."


@pytest.mark.parametrize(
    "algorithms", [("SHA256", "SHA1"), ("CRC32C", "CRC32"), ("CRC64NVME", "SHA1"), ("CRC32C", "CRC64NVME")]
)
def test_content_has_one_checksum(s3: Any, algorithms: tuple[str, str]) -> None:
    sums = {f"Checksum{algorithm}": checksum_of([b"x"], algorithm) for algorithm in algorithms}
    assert refusal(s3.put_object, Key="k", Body=b"x", **sums)["Message"] == (
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
    )
    error = refusal(s3.put_object, Key="k", Body=b"x", ChecksumAlgorithm="SHA1", ChecksumSHA256=sha256(b"x"))
    assert error["Message"] == "Value for x-amz-sdk-checksum-algorithm header is invalid."
    alone = s3.put_object(Bucket="sums", Key="k", Body=b"x", ChecksumSHA256=sha256(b"x"))
    assert told(alone) == {"ChecksumSHA256": sha256(b"x"), "ChecksumType": "FULL_OBJECT"}


def test_a_text_that_looks_like_a_checksum_is_content(account: Account) -> None:
    """moto looks for one in the content, in time that grows with the square of its length."""
    for content in (b"x-amz-checksum-crc64nvme:Zm9yZ2VkISE==", b"x-amz-checksum-a:" * 60_000):
        put = requests.put(f"{account.cloud.url}/sums/text", content, headers=SIGNED, timeout=60)
        assert put.headers["x-amz-checksum-crc64nvme"] == checksum_of([content], "CRC64NVME")


@pytest.mark.parametrize("query", ["", "?tagging", "?uploadId={upload}&partNumber=1"])
def test_an_algorithm_without_its_checksum_is_refused(account: Account, s3: Any, query: str) -> None:
    s3.put_object(Bucket="sums", Key="named", Body=b"x")
    upload = s3.create_multipart_upload(Bucket="sums", Key="named")["UploadId"]
    url = f"{account.cloud.url}/sums/named{query.format(upload=upload)}"
    answer = requests.put(url, b"x", headers=SIGNED | {"x-amz-sdk-checksum-algorithm": "CRC32"}, timeout=30)
    assert (answer.status_code, "<Code>InvalidRequest</Code>" in answer.text) == (400, True), answer.text
    assert (
        "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer "
        "headers were found."
    ) in answer.text


def test_the_body_of_any_request_is_verified(s3: Any) -> None:
    """Not only objects: tags, too, may be damaged on their way."""
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}

    def damage(request: Any, **_: Any) -> None:
        request.data = request.body = request.body.replace(b"<Value>b<", b"<Value>c<")

    s3.meta.events.register("before-send.s3.PutBucketTagging", damage)
    try:
        error = refusal(s3.put_bucket_tagging, Tagging=tags, ChecksumAlgorithm="SHA256")
    finally:
        s3.meta.events.unregister("before-send.s3.PutBucketTagging", damage)
    assert error["Code"] in ("BadDigest", "XAmzContentSHA256Mismatch")


def test_parts_are_listed_in_pages_by_their_numbers(s3: Any) -> None:
    place = {"Bucket": "sums", "Key": "odd"}
    place["UploadId"] = s3.create_multipart_upload(**place, StorageClass="STANDARD_IA")["UploadId"]
    for number in (1, 3, 7):
        s3.upload_part(**place, PartNumber=number, Body=b"x")
    found = s3.list_parts(**place, PartNumberMarker=3)
    assert [part["PartNumber"] for part in found["Parts"]] == [7]
    assert found["StorageClass"] == "STANDARD_IA"
    pages = s3.get_paginator("list_parts").paginate(**place, PaginationConfig={"PageSize": 1})
    assert [part["PartNumber"] for page in pages for part in page["Parts"]] == [1, 3, 7]
    tiny = [{"PartNumber": part, "ETag": '"9dd4e461268c8034f5c8564e155c67a6"'} for part in (1, 3)]
    error = refusal(
        s3.complete_multipart_upload, Key="odd", UploadId=place["UploadId"], MultipartUpload={"Parts": tiny}
    )
    assert (error["Code"], error["MinSizeAllowed"], error["ProposedSize"]) == (
        "EntityTooSmall",
        "5242880",
        "1",
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA512", "XXHASH64"])
def test_algorithms_that_are_not_computed_are_refused_by_name(s3: Any, algorithm: str) -> None:
    s3.put_object(Bucket="sums", Key="source", Body=b"x")
    place = {"Bucket": "sums", "Key": "other"}
    for write in (
        partial(s3.put_object, **{f"Checksum{algorithm}": "AAAA"}),
        partial(s3.create_multipart_upload, ChecksumAlgorithm=algorithm),
        partial(s3.copy_object, CopySource="sums/source", ChecksumAlgorithm=algorithm),
    ):
        with pytest.raises(ClientError, match=f"does not support the checksum algorithm {algorithm}"):
            write(**place)
    with pytest.raises(ClientError):
        s3.head_object(**place)
