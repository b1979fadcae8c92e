"""Names, keys, parts, ranges and pages that S3 refuses.

The codes and words are those of recordings on AWS (LocalStack's tests/aws/services/s3/*.snapshot.json) and of
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requests
from botocore.client import Config
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

from localcloud.s3 import S3Service

HELLO = {"Bucket": "limits", "Key": "hello"}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with running(S3Service) as account:
        config = Config(parameter_validation=False, s3={"addressing_style": "path"})
        client = Account(account.cloud).client("s3", config=config)
        client.create_bucket(Bucket="limits")
        client.put_object(**HELLO, Body=b"hello")
        yield client


def error(call: Callable[[], Any]) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    found = response["Error"]
    return response["ResponseMetadata"]["HTTPStatusCode"], found["Code"], found["Message"]


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "x" * 64,
        "x." * 32 + "x",
        "Upper",
        "under_score",
        "two..dots",
        "-begins",
        "ends.",
        "192.168.1.1",
        "xn--punycode",
        "an-s3alias",
        "sthree-x",
    ],
)
def test_invalid_bucket_names(s3: Any, name: str) -> None:
    found = error(lambda: s3.create_bucket(Bucket=name))
    assert found == (400, "InvalidBucketName", "The specified bucket is not valid.")


OTHER_OWNER = {"ExpectedBucketOwner": "111111111111"}
TWICE = [{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}]


@pytest.mark.parametrize(
    ("operation", "request_", "status", "code", "message"),
    [
        ("list_objects_v2", OTHER_OWNER, 403, "AccessDenied", "Access Denied"),
        ("put_object", {**HELLO, **OTHER_OWNER}, 403, "AccessDenied", "Access Denied"),
        ("put_object", {"Key": "k" * 1025}, 400, "KeyTooLongError", "Your key is too long"),
        (
            "put_object",
            {"Key": "k", "Metadata": {"a": "x" * 2048}},
            400,
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        ),
        (
            "put_object",
            {"Key": "k", "Tagging": "a=b&a=c"},
            400,
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
            "without tag name duplicates.",
        ),
        (
            "put_object",
            {**HELLO, "IfNoneMatch": '"etag"'},
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
        ),
        (
            "list_objects_v2",
            {"MaxKeys": -1},
            400,
            "InvalidArgument",
            "Argument maxKeys must be an integer between 0 and 2147483647",
        ),
        (
            "list_objects_v2",
            {"ContinuationToken": "zzz"},
            400,
            "InvalidArgument",
            "The continuation token provided is incorrect",
        ),
        (
            "list_objects_v2",
            {"EncodingType": "rot13"},
            400,
            "InvalidArgument",
            "Invalid Encoding Method specified in Request",
        ),
        (
            "delete_objects",
            {"Delete": {"Objects": [{"Key": str(number)} for number in range(1001)]}},
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        (
            "put_bucket_versioning",
            {"VersioningConfiguration": {"Status": "On"}},
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        (
            "put_bucket_versioning",
            {"VersioningConfiguration": {}},
            400,
            "IllegalVersioningConfigurationException",
            "The Versioning element must be specified",
        ),
        (
            "put_bucket_encryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "rot13"}}]
                }
            },
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        (
            "put_object_tagging",
            {"Key": "hello", "Tagging": {"TagSet": TWICE}},
            400,
            "InvalidTag",
            "Cannot provide multiple Tags with the same key",
        ),
        (
            "put_bucket_cors",
            {
                "CORSConfiguration": {
                    "CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["http://*.a.*"]}]
                }
            },
            400,
            "InvalidRequest",
            'AllowedOrigin "http://*.a.*" can not have more than one wildcard.',
        ),
        (
            "put_bucket_website",
            {"WebsiteConfiguration": {}},
            400,
            "InvalidArgument",
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
        ),
        (
            "upload_part",
            {"Key": "k", "UploadId": "none", "PartNumber": 1, "Body": b"x"},
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            "aborted or completed.",
        ),
        (
            "upload_part",
            {"Key": "k", "UploadId": "none", "PartNumber": 0, "Body": b"x"},
            400,
            "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive",
        ),
        (
            "complete_multipart_upload",
            {"Key": "k", "UploadId": "none"},
            400,
            "InvalidRequest",
            "You must specify at least one part",
        ),
        (
            "complete_multipart_upload",
            {
                "Key": "k",
                "UploadId": "none",
                "MultipartUpload": {
                    "Parts": [{"PartNumber": 2, "ETag": "b"}, {"PartNumber": 1, "ETag": "a"}]
                },
            },
            400,
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ),
        (
            "get_object",
            {**HELLO, "PartNumber": 5},
            416,
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
        ),
    ],
)
def test_requests_that_s3_refuses(
    s3: Any, operation: str, request_: dict[str, Any], status: int, code: str, message: str
) -> None:
    assert error(lambda: getattr(s3, operation)(**{"Bucket": "limits"} | request_)) == (status, code, message)


FORM_OF_RANGE = (
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
    "zero-based offsets of the first and last bytes to copy"
)


# As recorded on AWS: LocalStack's test_s3_api.snapshot.json, test_upload_part_copy_range.
@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ("bytes=0-5", "InvalidArgument", "Range specified is not valid for source object of size: 5"),
        (
            "bytes=100-200",
            "InvalidRequest",
            "The specified copy range is invalid for the source object size",
        ),
        ("bytes=1-0", "InvalidArgument", FORM_OF_RANGE),
        ("bytes=-2", "InvalidArgument", FORM_OF_RANGE),
    ],
)
def test_a_copied_part_lies_within_its_source(s3: Any, asked: str, code: str, message: str) -> None:
    target = {"Bucket": "limits", "Key": "copy"}
    upload = s3.create_multipart_upload(**target)["UploadId"]
    found = error(
        lambda: s3.upload_part_copy(
            **target, UploadId=upload, PartNumber=1, CopySource="limits/hello", CopySourceRange=asked
        )
    )
    assert found == (400, code, message)


@pytest.mark.parametrize("unusable", ["nonsense", "bytes=0-1,3-4", "lines=0-1"])
def test_an_invalid_range_is_ignored(s3: Any, unusable: str) -> None:
    """RFC 9110, section 14.2, and S3's GetObject, which takes one range."""
    answer = s3.get_object(**HELLO, Range=unusable)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["Body"].read() == b"hello"


def test_a_quiet_deletion_reports_only_errors(s3: Any) -> None:
    s3.put_object(Bucket="limits", Key="quiet", Body=b"")
    answer = s3.delete_objects(Bucket="limits", Delete={"Quiet": True, "Objects": [{"Key": "quiet"}]})
    assert "Deleted" not in answer
    assert error(lambda: s3.get_object(Bucket="limits", Key="quiet"))[1] == "NoSuchKey"


def test_a_delete_marker_is_not_read(s3: Any) -> None:
    s3.create_bucket(Bucket="marked")
    s3.put_bucket_versioning(Bucket="marked", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="marked", Key="k", Body=b"")
    marker = s3.delete_object(Bucket="marked", Key="k")["VersionId"]
    message = "The specified method is not allowed against this resource."
    found = error(lambda: s3.get_object(Bucket="marked", Key="k", VersionId=marker))
    assert found == (405, "MethodNotAllowed", message)


def test_uploads_are_listed_in_pages(s3: Any) -> None:
    """test_s3_list_operations.py::TestS3ListMultipartUploads"""
    s3.create_bucket(Bucket="uploads")
    keys = ["test_c", "test_b", "test_a", "test_a"]
    ids = [s3.create_multipart_upload(Bucket="uploads", Key=key)["UploadId"] for key in keys]

    def listed(**request: Any) -> tuple[list[int], bool, str, str]:
        answer = s3.list_multipart_uploads(Bucket="uploads", **request)
        found = [ids.index(upload["UploadId"]) for upload in answer.get("Uploads", [])]
        return found, answer["IsTruncated"], answer["NextKeyMarker"], answer["NextUploadIdMarker"]

    assert listed() == ([2, 3, 1, 0], False, "test_c", ids[0])
    assert listed(MaxUploads=1) == ([2], True, "test_a", ids[2])
    assert listed(MaxUploads=1, KeyMarker="test_a") == ([1], True, "test_b", ids[1])
    assert listed(MaxUploads=1, UploadIdMarker=ids[2]) == ([2], True, "test_a", ids[2])
    assert listed(MaxUploads=1, KeyMarker="test_a", UploadIdMarker=ids[2]) == ([3], True, "test_a", ids[3])
    assert listed(MaxUploads=1, KeyMarker="test_b", UploadIdMarker=ids[1]) == ([0], False, "test_c", ids[0])
    assert listed(KeyMarker="test_c") == ([], False, "", "")
    wrong = error(lambda: listed(KeyMarker="test_c", UploadIdMarker=ids[1]))
    assert wrong == (400, "InvalidArgument", "Invalid uploadId marker")
    grouped = s3.list_multipart_uploads(Bucket="uploads", Prefix="te", Delimiter="_")
    assert grouped["CommonPrefixes"] == [{"Prefix": "test_"}] and "Uploads" not in grouped
    begun = s3.list_multipart_uploads(Bucket="uploads")["Uploads"][0]["Initiated"]
    assert abs(time.time() - begun.timestamp()) < 60


@pytest.mark.parametrize("value", ["abc", "1.5", "-1", str(2**31), "9" * 5000])
def test_pages_of_parts_have_numbers(s3: Any, value: str) -> None:
    """In the words of test_s3_list_operations.py::TestS3ListObjects::test_list_objects_max_keys"""
    words = "(not an|must be an) integer"
    for name in ("MaxParts", "PartNumberMarker"):
        with pytest.raises(ClientError, match=rf"InvalidArgument.*{words}"):
            s3.list_parts(**HELLO, UploadId="u", **{name: value})
        with pytest.raises(ClientError, match=rf"InvalidArgument.*{words}"):
            s3.get_object_attributes(**HELLO, ObjectAttributes=["ObjectParts"], **{name: value})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("limits", "Invalid copy source object key"),
        ("limits/", "Invalid copy source object key"),
        ("//[", "Invalid copy source bucket name"),
        ("?versionId=1", "Invalid copy source bucket name"),
    ],
)
def test_the_source_of_a_copy_is_a_bucket_and_a_key(s3: Any, source: str, message: str) -> None:
    """https://github.com/versity/versitygw/issues/1388 and 1389 quote AWS."""
    with pytest.raises(ClientError, match=f"InvalidArgument.*{message}"):
        s3.copy_object(Bucket="limits", Key="copied", CopySource=source)


def test_a_number_without_a_value_is_ignored(s3: Any) -> None:
    """test_s3_list_operations.py::TestS3ListParts::test_list_parts_empty_part_number_marker"""
    upload = s3.create_multipart_upload(**HELLO)["UploadId"]
    for given in ({"PartNumberMarker": ""}, {"MaxParts": ""}):
        assert s3.list_parts(**HELLO, UploadId=upload, **given)["MaxParts"] == 1000
    s3.abort_multipart_upload(**HELLO, UploadId=upload)
    assert s3.list_objects_v2(Bucket="limits", MaxKeys="")["KeyCount"] == 1


SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x"}


@pytest.mark.parametrize("source", ["limits%2Fa%2Fb", "%2Flimits%2fa%2Fb", "/limits/a%2Fb", "limits/a/b"])
def test_the_source_of_a_copy_may_be_encoded_with_its_slashes(s3: Any, source: str) -> None:
    s3.put_object(Bucket="limits", Key="a/b", Body=b"x")
    url = f"{s3.meta.endpoint_url}/limits/copied"
    answer = requests.put(url, headers=SIGNED | {"x-amz-copy-source": source}, timeout=30)
    assert answer.status_code == 200, answer.text


def test_deleting_many_objects_takes_a_digest(s3: Any) -> None:
    s3.put_object(Bucket="limits", Key="kept")
    url, body = f"{s3.meta.endpoint_url}/limits?delete", "<Delete><Object><Key>kept</Key></Object></Delete>"
    answer = requests.post(url, body, headers=SIGNED, timeout=30)
    assert answer.status_code == 400
    assert "Missing required header for this request: Content-MD5 OR x-amz-checksum-*" in answer.text
    s3.head_object(Bucket="limits", Key="kept")


# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html: the sample response
def test_a_policy_is_put_without_content(s3: Any) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "123456789012"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::limits/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    put = s3.put_bucket_policy(Bucket="limits", Policy=policy)["ResponseMetadata"]
    assert put["HTTPStatusCode"] == 204


def test_an_object_redirects_to_a_url_or_a_path(s3: Any) -> None:
    moved = {"Bucket": "limits", "Key": "moved"}
    message = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
    for write in (s3.put_object, partial(s3.copy_object, CopySource="limits/hello")):
        assert error(partial(write, **moved, WebsiteRedirectLocation="other")) == (
            400,
            "InvalidRedirectLocation",
            message,
        )
        write(**moved, WebsiteRedirectLocation="https://example.com/")


@pytest.mark.parametrize("storage", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_neither_read_nor_copied(s3: Any, storage: str) -> None:
    """The words are those that users report, as in Hadoop's troubleshooting.md of hadoop-aws."""
    archived = {"Bucket": "limits", "Key": "archived"}
    s3.put_object(**archived, Body=b"x", StorageClass=storage)
    found = error(lambda: s3.get_object(**archived))
    assert found == (403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    copies = (
        lambda: s3.copy_object(Bucket="limits", Key="copy", CopySource=archived),
        lambda: s3.upload_part_copy(**part, CopySource=archived),
    )
    upload = s3.create_multipart_upload(Bucket="limits", Key="parts")["UploadId"]
    part = {"Bucket": "limits", "Key": "parts", "UploadId": upload, "PartNumber": 1}
    for copy in copies:
        message = "Operation is not valid for the source object's storage class"
        assert error(copy) == (403, "InvalidObjectState", message)
    s3.abort_multipart_upload(Bucket="limits", Key="parts", UploadId=upload)
