"""Checksums of objects and of their parts.

Answers are those recorded on AWS: LocalStack's tests/aws/services/s3/*.snapshot.json.
"""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

from localcloud.iam import IamEnforcement
from localcloud.s3 import S3Service

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


def test_a_checksum_that_cannot_be_computed_is_the_clients(account: Account, s3: Any) -> None:
    url, sent = f"{account.cloud.url}/sums/crc64", {"x-amz-checksum-crc64nvme": "+bu+zv66sUM="}
    created = s3.create_multipart_upload(Bucket="sums", Key="crc64", ChecksumAlgorithm="CRC64NVME")
    assert created["ChecksumType"] == "FULL_OBJECT"
    place = {"uploadId": created["UploadId"]}
    part = requests.put(url, b"data", params=place | {"partNumber": "1"}, headers=SIGNED | sent, timeout=30)
    listed = s3.list_parts(Bucket="sums", Key="crc64", UploadId=created["UploadId"])["Parts"]
    assert listed[0]["ChecksumCRC64NVME"] == "+bu+zv66sUM="
    tag = part.headers["ETag"]
    parts = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
    done = requests.post(url, body, params=place, headers=SIGNED | sent, timeout=30)
    assert "<ChecksumCRC64NVME>+bu+zv66sUM=</ChecksumCRC64NVME>" in done.text
    found = s3.head_object(Bucket="sums", Key="crc64", ChecksumMode="ENABLED")
    assert told(found) == {"ChecksumCRC64NVME": "+bu+zv66sUM=", "ChecksumType": "FULL_OBJECT"}
    with pytest.raises(ClientError, match="localcloud does not support the checksum algorithm CRC64NVME"):
        s3.copy_object(Bucket="sums", Key="c", CopySource="sums/k", ChecksumAlgorithm="CRC64NVME")


def test_content_has_one_checksum(s3: Any) -> None:
    sums = {"ChecksumSHA256": sha256(b"x"), "ChecksumSHA1": "EfatjsUqKYSrqv18O1FlA3hcIHI="}
    assert refusal(s3.put_object, Key="k", Body=b"x", **sums)["Message"] == (
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
    )
    error = refusal(s3.put_object, Key="k", Body=b"x", ChecksumAlgorithm="SHA1", ChecksumSHA256=sha256(b"x"))
    assert error["Message"] == "Value for x-amz-sdk-checksum-algorithm header is invalid."
    alone = s3.put_object(Bucket="sums", Key="k", Body=b"x", ChecksumSHA256=sha256(b"x"))
    assert told(alone) == {"ChecksumSHA256": sha256(b"x"), "ChecksumType": "FULL_OBJECT"}


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
