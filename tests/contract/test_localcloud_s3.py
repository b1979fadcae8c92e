"""S3 refuses what AWS's refuses: damaged content, expired URLs, what is public by mistake."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.client import Config
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

from localcloud.iam import IamEnforcement
from localcloud.protocol import ApiError
from localcloud.s3 import S3Service
from localcloud.s3.presigned import check_expiry

PAGE = "http://page.example"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, S3Service) as account:
        yield account


@pytest.fixture(scope="module")
def s3(account: Account) -> Any:
    client = account.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    client.create_bucket(Bucket="things")
    client.put_object(Bucket="things", Key="k", Body=b"hello")
    return client


def code_and_status(call: Any, **request: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def digest_of(name: str, content: bytes) -> str:
    return base64.b64encode(hashlib.new(name, content).digest()).decode()


# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
@pytest.mark.parametrize(
    ("digest", "code"),
    [
        ({"ContentMD5": digest_of("md5", b"other")}, "BadDigest"),
        ({"ContentMD5": "nonsense"}, "InvalidDigest"),
        ({"ChecksumSHA256": digest_of("sha256", b"other")}, "BadDigest"),
        ({"ChecksumSHA1": digest_of("sha1", b"other")}, "BadDigest"),
        ({"ChecksumCRC32": "AAAAAA=="}, "BadDigest"),
        ({"ChecksumCRC32": "short"}, "InvalidRequest"),
    ],
)
def test_content_that_is_not_what_its_digest_says_is_not_stored(s3: Any, digest: dict, code: str) -> None:
    assert code_and_status(s3.put_object, Bucket="things", Key="bad", Body=b"one", **digest) == (code, 400)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="things", Key="bad")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_content_that_is_what_its_digest_says_is_stored(s3: Any, algorithm: str) -> None:
    s3.put_object(Bucket="things", Key="good", Body=b"one", ChecksumAlgorithm=algorithm)
    s3.put_object(Bucket="things", Key="good", Body=b"one", ContentMD5=digest_of("md5", b"one"))
    assert s3.get_object(Bucket="things", Key="good")["Body"].read() == b"one"


@pytest.mark.parametrize(("sum_of", "status"), [(b"one two", 200), (b"other", 400)])
def test_a_checksum_may_follow_the_content(account: Account, s3: Any, sum_of: bytes, status: int) -> None:
    trailer = f"x-amz-checksum-sha256:{digest_of('sha256', sum_of)}\r\n"
    body = f"7\r\none two\r\n0\r\n{trailer}\r\n"
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x",
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "7",
        "x-amz-trailer": "x-amz-checksum-sha256",
    }
    answer = requests.put(f"{account.cloud.url}/things/chunked", body, headers=headers, timeout=30)
    assert answer.status_code == status, answer.text
    if status == 200:
        assert s3.get_object(Bucket="things", Key="chunked")["Body"].read() == b"one two"


# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
SIGNED = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "test/20260101/us-east-1/s3/aws4_request",
    "X-Amz-Date": "20260101T000000Z",
    "X-Amz-Expires": "60",
    "X-Amz-Signature": "x",
    "X-Amz-SignedHeaders": "host",
}
SIGNED_2 = {"AWSAccessKeyId": "test", "Expires": str(1767225600), "Signature": "x"}
BEGIN = 1767225600.0


@pytest.mark.parametrize(
    ("query", "after", "said"),
    [
        (SIGNED, 59, None),
        (SIGNED, 61, "Request has expired"),
        (SIGNED, -3600, "Request is not valid yet"),
        (SIGNED | {"X-Amz-Expires": "604801"}, 0, "X-Amz-Expires must be less than a week"),
        (SIGNED | {"X-Amz-Expires": "-1"}, 0, "X-Amz-Expires must be non-negative"),
        (SIGNED | {"X-Amz-Expires": "x"}, 0, "X-Amz-Expires should be a number"),
        (SIGNED | {"X-Amz-Date": "x"}, 0, "X-Amz-Date must be in the ISO8601 Long Format"),
        *[
            (
                {name: value for name, value in SIGNED.items() if name != left_out},
                0,
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            )
            for left_out in SIGNED
        ],
        (SIGNED_2, 1, "Request has expired"),
        ({"AWSAccessKeyId": "test"}, 1, "Query-string authentication requires"),
        (SIGNED_2 | {"Expires": "x"}, 1, "Query-string authentication requires"),
        ({"AWSAccessKeyId": "test", "Expires": "9"}, 1, "Query-string authentication requires"),
        ({}, 0, None),
    ],
)
def test_a_presigned_url_has_its_time(query: dict[str, str], after: float, said: str | None) -> None:
    if said is None:
        return check_expiry(query, BEGIN + after)
    with pytest.raises(ApiError, match=said):
        check_expiry(query, BEGIN + after)


def test_a_presigned_url_that_has_expired_gives_and_takes_nothing(s3: Any) -> None:
    place = {"Bucket": "things", "Key": "k"}
    read, write = (s3.generate_presigned_url(f"{verb}_object", place, ExpiresIn=1) for verb in ("get", "put"))
    assert requests.get(s3.generate_presigned_url("get_object", place), timeout=30).text == "hello"
    time.sleep(1.1)
    for answer in (requests.get(read, timeout=30), requests.put(write, b"late", timeout=30)):
        assert (answer.status_code, "Request has expired" in answer.text) == (403, True)
    assert s3.get_object(**place)["Body"].read() == b"hello"


def test_a_request_is_signed_once(s3: Any) -> None:
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "things", "Key": "k"})
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}
    answer = requests.get(url, headers=signed, timeout=10)
    assert (answer.status_code, "Only one auth mechanism allowed; " in answer.text) == (400, True)


def test_answers_have_the_headers_of_s3(account: Account, s3: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html"""
    stored = s3.put_object(Bucket="things", Key="headers", Body=b"x", ChecksumAlgorithm="CRC32")
    for answer in (
        stored,
        s3.head_object(Bucket="things", Key="headers"),
        s3.list_objects_v2(Bucket="things"),
    ):
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers.keys() >= {"x-amz-request-id", "x-amz-id-2"}
        assert headers.keys().isdisjoint(
            {"x-amzn-requestid", "x-amz-content-sha256", "x-amz-sdk-checksum-algorithm"}
        )
        assert "access-control-allow-origin" not in headers
    denied = requests.get(f"{account.cloud.url}/things/headers", timeout=10)
    assert f"<HostId>{denied.headers['x-amz-id-2']}</HostId>" in denied.text


def test_a_new_bucket_has_the_settings_of_aws(s3: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html"""
    s3.create_bucket(Bucket="new-one")
    block = s3.get_public_access_block(Bucket="new-one")["PublicAccessBlockConfiguration"]
    assert len(block) == 4 and all(block.values())
    rules = s3.get_bucket_ownership_controls(Bucket="new-one")["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    s3.put_bucket_encryption(
        Bucket="new-one",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
        },
    )
    assert s3.put_object(Bucket="new-one", Key="k", Body=b"")["ServerSideEncryption"] == "aws:kms"
    s3.delete_bucket_encryption(Bucket="new-one")
    [rule] = s3.get_bucket_encryption(Bucket="new-one")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.put_object(Bucket="new-one", Key="k", Body=b"")["ServerSideEncryption"] == "AES256"


def everybody(**more: Any) -> str:
    reading = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    statement = reading | {"Resource": "arn:aws:s3:::closed/*"} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_the_missing_list_of_jumpstart_models_says_that_there_are_none(s3: Any) -> None:
    for bucket in ("jumpstart-cache-prod-us-east-1", "jumpstart-private-cache-prod-us-east-1"):
        with pytest.raises(ClientError, match="localcloud has no JumpStart models") as error:
            s3.get_object(Bucket=bucket, Key="models_manifest.json")
        assert error.value.response["Error"]["Code"] == "NoSuchBucket"


def test_public_policies_are_blocked_until_somebody_says_otherwise(account: Account, s3: Any) -> None:
    """ "The meaning of public" in access-control-block-public-access.html"""
    s3.create_bucket(Bucket="closed")
    s3.put_object(Bucket="closed", Key="k", Body=b"secret")
    fixed = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    for public in (
        everybody(),
        everybody(Principal={"AWS": ["*"]}),
        everybody(Condition={"StringLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
        everybody(Condition={"StringEquals": {"aws:Referer": "http://page.example"}}),
    ):
        with pytest.raises(ClientError, match="public policies are prevented by the BlockPublicPolicy"):
            s3.put_bucket_policy(Bucket="closed", Policy=public)
    for private in (
        everybody(Principal={"AWS": "arn:aws:iam::123456789012:root"}),
        everybody(Condition=fixed),
        everybody(Effect="Deny", Action="s3:DeleteObject"),
    ):
        s3.put_bucket_policy(Bucket="closed", Policy=private)
    assert requests.get(f"{account.cloud.url}/closed/k", timeout=30).status_code == 403
    s3.delete_public_access_block(Bucket="closed")
    s3.put_bucket_policy(Bucket="closed", Policy=everybody())
    assert requests.get(f"{account.cloud.url}/closed/k", timeout=30).text == "secret"


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("nonsense", "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", "Policies must be valid JSON and the first byte must be '{'"),
        ('{"Version": "2012-10-17"}', "Missing required field Statement"),
        (everybody(Effect="Maybe"), "Invalid effect: Maybe"),
        (everybody(Resource="arn:aws:s3:::other/*"), "Policy has invalid resource"),
        (everybody().replace("Principal", "Somebody"), "Missing required field Principal"),
    ],
)
def test_invalid_policies_are_refused(s3: Any, policy: str, message: str) -> None:
    with pytest.raises(ClientError, match=re.escape(message)) as caught:
        s3.put_bucket_policy(Bucket="things", Policy=policy)
    assert caught.value.response["Error"]["Code"] == "MalformedPolicy"


def test_acls_are_off_until_somebody_says_otherwise(s3: Any) -> None:
    s3.create_bucket(Bucket="no-acls")
    put = {"Bucket": "no-acls", "Key": "k", "Body": b""}
    unsupported = ("AccessControlListNotSupported", 400)
    assert code_and_status(s3.put_object, **put, ACL="public-read") == unsupported
    assert code_and_status(s3.put_bucket_acl, Bucket="no-acls", ACL="private") == unsupported
    s3.put_object(**put, ACL="bucket-owner-full-control")
    create = {"Bucket": "never", "ACL": "public-read"}
    refusal = ("InvalidBucketAclWithObjectOwnership", 400)
    assert code_and_status(s3.create_bucket, **create) == refusal
    s3.create_bucket(Bucket="with-acls", ObjectOwnership="ObjectWriter")
    put["Bucket"] = "with-acls"
    assert code_and_status(s3.put_object, **put, ACL="public-read") == ("AccessDenied", 403)
    s3.delete_public_access_block(Bucket="with-acls")
    s3.put_object(**put, ACL="public-read")


def test_a_copy_onto_itself_changes_something(s3: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
    copy = {"Bucket": "things", "Key": "k", "CopySource": {"Bucket": "things", "Key": "k"}}
    assert code_and_status(s3.copy_object, **copy) == ("InvalidRequest", 400)
    s3.copy_object(**copy, MetadataDirective="REPLACE", Metadata={"a": "b"})
    s3.copy_object(**copy | {"Key": "copy"})
    assert s3.head_object(Bucket="things", Key="k")["Metadata"] == {"a": "b"}


def test_a_copy_is_not_redirected_as_its_source_is(s3: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html"""
    copy = {"Bucket": "things", "Key": "moved copy", "CopySource": "things/moved"}
    s3.put_object(Bucket="things", Key="moved", WebsiteRedirectLocation="/new", Metadata={"a": "b"})
    s3.copy_object(**copy)
    copied = s3.head_object(Bucket="things", Key="moved copy")
    assert ("WebsiteRedirectLocation" in copied, copied["Metadata"]) == (False, {"a": "b"})
    s3.copy_object(**copy, WebsiteRedirectLocation="/other")
    assert s3.head_object(Bucket="things", Key="moved copy")["WebsiteRedirectLocation"] == "/other"
    assert s3.head_object(Bucket="things", Key="moved")["WebsiteRedirectLocation"] == "/new"


def test_answers_name_the_encryption_and_its_key(account: Account, s3: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"""
    place = {"Bucket": "things", "Key": "kms"}
    kms = account.client("kms")
    own = kms.create_key()["KeyMetadata"]
    of_s3 = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    for given, arn in (({}, of_s3), ({"SSEKMSKeyId": own["KeyId"]}, own["Arn"])):
        for answer in (
            s3.put_object(**place, Body=b"x", ServerSideEncryption="aws:kms", **given),
            s3.head_object(**place),
            s3.create_multipart_upload(**place, ServerSideEncryption="aws:kms", **given),
        ):
            assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", arn)
    assert s3.copy_object(**place | {"Key": "copied"}, CopySource=place)["ServerSideEncryption"] == "AES256"
    upload = s3.create_multipart_upload(**place)
    assert upload["ServerSideEncryption"] == "AES256"
    part = s3.upload_part(**place, UploadId=upload["UploadId"], PartNumber=1, Body=b"part")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    done = s3.complete_multipart_upload(**place, UploadId=upload["UploadId"], MultipartUpload=parts)
    assert part["ServerSideEncryption"] == done["ServerSideEncryption"] == "AES256"
    with pytest.raises(ClientError, match="does not exist"):
        s3.put_object(**place, ServerSideEncryption="aws:kms", SSEKMSKeyId="none")


def test_unknown_encryption_is_refused(s3: Any) -> None:
    headers = {"x-amz-server-side-encryption": "rot13"}
    url = s3.generate_presigned_url("put_object", {"Bucket": "things", "Key": "e"})
    assert "<Code>InvalidArgument</Code>" in requests.put(url, b"", headers=headers, timeout=30).text
    with pytest.raises(ClientError, match="customer-provided keys"):
        s3.put_object(Bucket="things", Key="e", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)


def submit(
    form: dict[str, Any], *, headers: dict[str, str] | None = None, **fields: str
) -> requests.Response:
    file = {"file": ("film.txt", b"four")}
    return requests.post(
        form["url"], form["fields"] | fields, files=file, headers=headers, timeout=30, allow_redirects=False
    )


# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
def test_a_form_stores_what_its_policy_allows(s3: Any) -> None:
    meta = {"Content-Type": "text/x-film", "x-amz-meta-genre": "noir", "success_action_status": "201"}
    form = s3.generate_presigned_post(
        "things", "up/${filename}", Fields=meta, Conditions=[{name: value} for name, value in meta.items()]
    )
    answer = submit(form)
    assert (answer.status_code, "<Key>up/film.txt</Key>" in answer.text) == (201, True)
    stored = s3.get_object(Bucket="things", Key="up/film.txt")
    assert (stored["ContentType"], stored["Metadata"]) == ("text/x-film", {"genre": "noir"})
    assert (stored["Body"].read(), answer.headers["ETag"]) == (b"four", stored["ETag"])
    redirect = {"success_action_redirect": "http://page.example/done"}
    answer = submit(s3.generate_presigned_post("things", "up", Fields=redirect, Conditions=[redirect]))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("http://page.example/done?bucket=things&key=up&etag=")


@pytest.mark.parametrize(
    ("conditions", "fields", "status", "said"),
    [
        ([], {"key": "other"}, 403, 'Policy Condition failed: ["eq", "$key", "up"]'),
        ([], {"X-Amz-Meta-A": "b"}, 403, "Extra input fields: X-Amz-Meta-A"),
        (
            [["starts-with", "$Content-Type", "image/"]],
            {"Content-Type": "text/css"},
            403,
            'Policy Condition failed: ["starts-with", "$Content-Type", "image/"]',
        ),
        ([["eq", "key", "up"]], {}, 403, 'Policy Condition failed: ["eq", "key", "up"]'),
        ([], {"policy": "/w=="}, 400, "<Message>Invalid Policy: Invalid JSON.</Message>"),
        ([["content-length-range", 0, 3]], {}, 400, "EntityTooLarge"),
        ([["content-length-range", 5, 9]], {}, 400, "EntityTooSmall"),
        ([["content-length-range", "a", 9]], {}, 400, "InvalidPolicyDocument"),
        ([], {"x-ignore-a": "x" * 2_000_000}, 400, "MaxPostPreDataLengthExceeded"),
        ([], {"policy": "x"}, 400, "InvalidPolicyDocument"),
        ([["starts-with", "$x-amz-meta-a", ""]], {"x-amz-meta-a": "a\nb"}, 400, "InvalidArgument"),
    ],
)
def test_a_form_stores_nothing_else(s3: Any, conditions: list, fields: dict, status: int, said: str) -> None:
    s3.delete_object(Bucket="things", Key="up")
    answer = submit(s3.generate_presigned_post("things", "up", Conditions=conditions), **fields)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert "up" not in {one["Key"] for one in s3.list_objects_v2(Bucket="things")["Contents"]}


def test_a_form_has_its_time_and_its_signers_rights(account: Account, s3: Any) -> None:
    form = s3.generate_presigned_post("things", "up", ExpiresIn=-1)
    assert "Policy expired." in submit(form).text
    session = account.session(account.role("no-uploads", trusts={"AWS": "123456789012"}))
    signer = account.client("s3", **session)
    answer = submit(signer.generate_presigned_post("things", "up"))
    assert (answer.status_code, "is not authorized to perform: s3:PutObject" in answer.text) == (403, True)
    anonymous = {"url": f"{account.cloud.url}/things", "fields": {"key": "up"}}
    assert submit(anonymous).status_code == 403


def test_a_signed_form_has_all_of_its_signature(s3: Any) -> None:
    form = s3.generate_presigned_post("things", "up")
    for name in ("X-Amz-Signature", "X-Amz-Algorithm"):
        given = {field: value for field, value in form["fields"].items() if field.lower() != name.lower()}
        answer = submit(form | {"fields": given})
        assert (answer.status_code, f"must contain a field named '{name}'" in answer.text) == (400, True)


def test_an_object_needs_its_key(account: Account, s3: Any) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]
    place, encrypted = {"Bucket": "things", "Key": "kept"}, {"ServerSideEncryption": "aws:kms"}
    encrypted["SSEKMSKeyId"] = key["KeyId"]
    s3.put_object(**place, Body=b"x", **encrypted)
    kms.disable_key(KeyId=key["KeyId"])
    copy = {"Bucket": "things", "Key": "copy", "CopySource": "things/kept"}
    for call, request in (
        (s3.get_object, place),
        (s3.put_object, place | encrypted),
        (s3.copy_object, copy),
    ):
        with pytest.raises(ClientError, match=f"KMS.DisabledException.*{key['Arn']} is disabled"):
            call(**request)
    s3.head_object(**place)
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    with pytest.raises(ClientError, match=f"KMS.KMSInvalidStateException.*{key['Arn']} is pending deletion"):
        s3.get_object(**place)


@pytest.fixture(scope="module")
def shared(s3: Any) -> str:
    """A bucket whose pages at PAGE may read and upload."""
    s3.create_bucket(Bucket="shared")
    s3.put_object(Bucket="shared", Key="k", Body=b"hello")
    rule = {
        "AllowedOrigins": [PAGE],
        "AllowedMethods": ["GET", "PUT", "POST"],
        "AllowedHeaders": ["content-*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 60,
    }
    s3.put_bucket_cors(Bucket="shared", CORSConfiguration={"CORSRules": [rule]})
    return "shared"


def test_pages_upload_and_read_under_the_buckets_cors(s3: Any, shared: str) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html"""
    page = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    place = {"Bucket": shared, "Key": "k"}
    read, write = (s3.generate_presigned_url(f"{verb}_object", place) for verb in ("get", "put"))
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    preflight = requests.options(write, headers=page | asked, timeout=30)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, PUT, POST"
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type"
    assert preflight.headers["Access-Control-Max-Age"] == "60"
    form = s3.generate_presigned_post(shared, "form")
    for answer, status in (
        (requests.put(write, b"from a page", headers=page, timeout=30), 200),
        (requests.get(read, headers=page, timeout=30), 200),
        (submit(form, headers=page), 204),
    ):
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, PAGE)
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    assert s3.get_object(**place)["Body"].read() == b"from a page"


def test_other_pages_methods_and_settings_stay_out(s3: Any, shared: str) -> None:
    place = {"Bucket": shared, "Key": "k"}
    read, delete = (s3.generate_presigned_url(f"{verb}_object", place) for verb in ("get", "delete"))
    settings = s3.generate_presigned_url("get_bucket_policy", {"Bucket": shared})
    elsewhere, page = {"Origin": "http://elsewhere.example"}, {"Origin": PAGE}
    preflight = {"Access-Control-Request-Method": "DELETE"}
    for answer in (
        requests.get(read, headers=elsewhere, timeout=30),
        requests.delete(delete, headers=page, timeout=30),
        requests.options(delete, headers=page | preflight, timeout=30),
        requests.get(settings, headers=page, timeout=30),
    ):
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("pattern", "origin", "status"),
    [
        ("*", "http://127.0.0.1:4567", 200),
        ("*", "http://site.s3-website.localhost:4566", 200),
        ("*", "https://elsewhere.example", 403),
        ("https://*", "https://elsewhere.example", 403),
        ("https://*.example", "https://elsewhere.example", 403),
        ("https://page*", "https://page.elsewhere.example", 403),
        ("https://*.page.example", "https://a.page.example", 200),
        ("https://page.example:*", "https://page.example:8080", 200),
        ("https://page.example", "https://page.example", 200),
    ],
)
def test_pages_from_elsewhere_need_a_rule_that_names_their_host(
    s3: Any, pattern: str, origin: str, status: int
) -> None:
    """Signatures are not verified here, so `*` means every page of this machine."""
    s3.create_bucket(Bucket="any-origin")
    s3.put_object(Bucket="any-origin", Key="k", Body=b"hello")
    rule = {"AllowedOrigins": [pattern], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket="any-origin", CORSConfiguration={"CORSRules": [rule]})
    url = s3.generate_presigned_url("get_object", {"Bucket": "any-origin", "Key": "k"})
    assert requests.get(url, headers={"Origin": origin}, timeout=30).status_code == status
