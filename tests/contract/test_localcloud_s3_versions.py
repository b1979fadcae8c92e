"""Versions, parts and pages of lists, as recorded on AWS.

LocalStack's tests/aws/services/s3/{test_s3_api,test_s3_list_operations}.py and their snapshots
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from botocore.client import Config
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

from localcloud.s3 import S3Service

OLD = "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"
"""A version of some other object."""


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with running(S3Service) as account:
        config = Config(parameter_validation=False, s3={"addressing_style": "path"})
        yield Account(account.cloud).client("s3", config=config)


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "b" + str(abs(hash(request.node.nodeid)))
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def refused(call: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    metadata = response["ResponseMetadata"]
    return response["Error"] | {"status": metadata["HTTPStatusCode"], "headers": metadata["HTTPHeaders"]}


def versions(s3: Any, bucket: str, **query: Any) -> list[tuple[str, str, bool]]:
    found = s3.list_object_versions(Bucket=bucket, **query)
    return [
        (each["Key"], each["VersionId"], each["IsLatest"])
        for each in [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
    ]


def test_a_version_that_an_unversioned_bucket_cannot_have_deletes_nothing(s3: Any, bucket: str) -> None:
    one = {"Bucket": bucket, "Key": "k", "VersionId": OLD}
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    for call in (s3.get_object, s3.delete_object, s3.get_object_tagging):
        error = refused(lambda call=call: call(**one))
        assert (error["status"], error["Code"], error["ArgumentValue"]) == (400, "InvalidArgument", OLD)
        assert error["Message"] == "Invalid version id specified"
    objects = [{"Key": "k", "VersionId": OLD}]
    [failed] = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})["Errors"]
    assert failed["Code"] == "NoSuchVersion"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"1"


def test_a_delete_marker_hides_an_object_until_it_is_deleted(s3: Any, versioned: str) -> None:
    place = {"Bucket": versioned, "Key": "k"}
    first = s3.put_object(**place, Body=b"1")["VersionId"]
    marker = s3.delete_object(**place)
    assert marker["DeleteMarker"]
    gone = refused(lambda: s3.get_object(**place))
    assert (gone["status"], gone["Code"], gone["Key"]) == (404, "NoSuchKey", "k")
    assert gone["headers"]["x-amz-delete-marker"] == "true"
    assert gone["headers"]["x-amz-version-id"] == marker["VersionId"]
    of_marker = place | {"VersionId": marker["VersionId"]}
    unread = refused(lambda: s3.get_object(**of_marker))
    assert (unread["status"], unread["Code"], unread["Method"]) == (405, "MethodNotAllowed", "GET")
    assert (unread["ResourceType"], unread["headers"]["allow"]) == ("DeleteMarker", "DELETE")
    assert refused(lambda: s3.get_object_tagging(**of_marker))["status"] == 405
    copied = refused(lambda: s3.copy_object(Bucket=versioned, Key="c", CopySource=of_marker))
    assert "may not specifically refer to a delete marker" in copied["Message"]
    assert s3.delete_object(**of_marker)["DeleteMarker"]
    assert s3.get_object(**place)["VersionId"] == first
    removed = s3.delete_object(**place, VersionId=first)
    assert (removed["VersionId"], "DeleteMarker" in removed) == (first, False)
    missing = refused(lambda: s3.get_object(**place, VersionId=first))
    assert (missing["status"], missing["Code"], missing["VersionId"]) == (404, "NoSuchVersion", first)


def test_a_delete_marker_has_no_acl_and_no_attributes(s3: Any, versioned: str) -> None:
    place = {"Bucket": versioned, "Key": "marked"}
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=versioned, OwnershipControls=rules)
    s3.put_object(**place, Body=b"x")
    marker = {"VersionId": s3.delete_object(**place)["VersionId"]}
    for call, request in (
        (s3.put_object_acl, place | {"ACL": "private"}),
        (s3.put_object_acl, place | {"ACL": "private"} | marker),
        (s3.get_object_acl, place | marker),
        (s3.get_object_attributes, place | {"ObjectAttributes": ["ETag"]} | marker),
    ):
        with pytest.raises(ClientError) as caught:
            call(**request)
        error = caught.value.response["Error"]
        assert (error["Code"], error["ResourceType"]) == ("MethodNotAllowed", "DeleteMarker")


def test_a_missing_key_gets_a_delete_marker_that_keeps_the_bucket(s3: Any, versioned: str) -> None:
    s3.delete_object(Bucket=versioned, Key="never")
    objects = [{"Key": "never"}, {"Key": "neither"}]
    deleted = s3.delete_objects(Bucket=versioned, Delete={"Objects": objects})["Deleted"]
    assert [each["DeleteMarker"] for each in deleted] == [True, True]
    assert all(each["DeleteMarkerVersionId"] for each in deleted)
    kept = refused(lambda: s3.delete_bucket(Bucket=versioned))
    assert (kept["Code"], kept["BucketName"]) == ("BucketNotEmpty", versioned)
    assert kept["Message"].endswith("You must delete all versions in the bucket.")


def test_suspended_versioning_keeps_earlier_versions(s3: Any, versioned: str) -> None:
    place = {"Bucket": versioned, "Key": "k"}
    first, second = (s3.put_object(**place, Body=body)["VersionId"] for body in (b"1", b"22"))
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"333", b"4444"):
        s3.put_object(**place, Body=body)
    kept = [("k", second, False), ("k", first, False)]
    assert versions(s3, versioned) == [("k", "null", True), *kept]
    assert s3.head_object(**place, VersionId=second)["ContentLength"] == 2
    old = s3.get_object(**place, VersionId=first)
    assert (old["Body"].read(), old["ResponseMetadata"]["RetryAttempts"]) == (b"1", 0)
    marker = s3.delete_object(**place)
    assert (marker["DeleteMarker"], marker["VersionId"]) == (True, "null")
    assert versions(s3, versioned) == [*kept, ("k", "null", True)]


def test_answers_tell_the_version_that_they_are_about(s3: Any, bucket: str) -> None:
    """As recorded on AWS: only of buckets that have or had versions, and "null" is one, too."""
    place = {"Bucket": bucket, "Key": "k"}
    tag = s3.put_object(**place, Body=b"null")["ETag"]
    assert "VersionId" not in s3.get_object(**place, VersionId="null")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_object(**place)["VersionId"] == s3.head_object(**place)["VersionId"] == "null"
    with pytest.raises(ClientError) as unchanged:
        s3.get_object(**place, IfNoneMatch=tag)
    assert unchanged.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-version-id"] == "null"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(**place, Body=b"new")["VersionId"]
    tagging = {"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}
    for named in ({}, {"VersionId": version}):
        assert s3.put_object_tagging(**place, **named, **tagging)["VersionId"] == version
        assert s3.put_object_tagging(**place, **named, Tagging={"TagSet": []})["VersionId"] == version
        assert s3.get_object_tagging(**place, **named)["VersionId"] == version
        assert s3.delete_object_tagging(**place, **named)["VersionId"] == version
    s3.delete_object(**place)
    error = refused(lambda: s3.get_object_tagging(**place))
    assert (error["Code"], error["ResourceType"]) == ("MethodNotAllowed", "DeleteMarker")
    assert refused(lambda: s3.put_object_tagging(**place, **tagging))["Code"] == "NoSuchKey"


def test_a_copied_part_tells_the_version_and_the_encryption(s3: Any, versioned: str) -> None:
    version = s3.put_object(Bucket=versioned, Key="source", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="source", Body=b"22")
    place = {"Bucket": versioned, "Key": "parts"}
    place["UploadId"] = s3.create_multipart_upload(**place)["UploadId"]
    source = {"Bucket": versioned, "Key": "source", "VersionId": version}
    copied = s3.upload_part_copy(**place, PartNumber=1, CopySource=source)
    assert (copied["CopySourceVersionId"], copied["ServerSideEncryption"]) == (version, "AES256")
    s3.abort_multipart_upload(**place)


def test_pages_of_versions_begin_after_a_key_or_one_of_its_versions(s3: Any, versioned: str) -> None:
    ids = [s3.put_object(Bucket=versioned, Key=key)["VersionId"] for key in ("a", "b", "b", "c")]
    everything = versions(s3, versioned)
    assert everything == [
        ("a", ids[0], True),
        ("b", ids[2], True),
        ("b", ids[1], False),
        ("c", ids[3], True),
    ]
    paginator = s3.get_paginator("list_object_versions")
    pages = paginator.paginate(Bucket=versioned, PaginationConfig={"PageSize": 1})
    paged = [(each["Key"], each["VersionId"]) for page in pages for each in page["Versions"]]
    assert paged == [each[:2] for each in everything]
    assert versions(s3, versioned, KeyMarker="b") == everything[3:]
    alone = refused(lambda: s3.list_object_versions(Bucket=versioned, VersionIdMarker=ids[0]))
    assert alone["Message"] == "A version-id marker cannot be specified without a key marker."


KEYS = ("folder/sub/1", "folder/sub/2", "folder/x", "folder/y", "plain +%ü")


def listed(page: dict[str, Any]) -> list[str]:
    groups = [each["Prefix"] for each in page.get("CommonPrefixes", ())]
    return groups + [each["Key"] for each in page.get("Contents", ())]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_pages_of_keys_and_prefixes_lose_and_repeat_none(s3: Any, bucket: str, operation: str) -> None:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key)
    paginator = s3.get_paginator(operation)
    for query, expected in (
        ({}, list(KEYS)),
        ({"Prefix": "folder/", "Delimiter": "/"}, ["folder/sub/", "folder/x", "folder/y"]),
        ({"Delimiter": "/"}, ["folder/", "plain +%ü"]),
    ):
        pages = list(paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": 1}, **query))
        assert [listed(page) for page in pages] == [[name] for name in expected]
    list_objects = getattr(s3, operation)
    after = {"list_objects": "Marker", "list_objects_v2": "StartAfter"}[operation]
    found = list_objects(Bucket=bucket, Prefix="folder/", Delimiter="/", **{after: "folder/sub/1"})
    assert listed(found) == ["folder/x", "folder/y"]
    assert (list_objects(Bucket=bucket, MaxKeys=0)["IsTruncated"]) is False


@pytest.mark.parametrize("token", ["", "nonsense!", "4444"])
def test_an_invalid_token_is_refused(s3: Any, bucket: str, token: str) -> None:
    error = refused(lambda: s3.list_objects_v2(Bucket=bucket, ContinuationToken=token))
    assert (error["Code"], error["ArgumentName"]) == ("InvalidArgument", "continuation-token")


def test_a_part_is_the_bytes_that_were_uploaded_as_it(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "big"}
    upload = place | {"UploadId": s3.create_multipart_upload(**place)["UploadId"]}
    other = upload | {"Key": "other", "PartNumber": 1}
    assert refused(lambda: s3.upload_part(**other, Body=b""))["Code"] == "NoSuchUpload"
    bodies = {1: b"1" * (5 << 20), 4: b"last"}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in bodies.items()
    ]
    completed = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    second = s3.get_object(**place, PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (b"last", 2)
    assert s3.head_object(**place, PartNumber=1)["ContentLength"] == 5 << 20
    told = s3.get_object_attributes(**place, ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert (told["ObjectParts"], told["ObjectSize"]) == ({"TotalPartsCount": 2}, (5 << 20) + 4)
    assert "VersionId" not in completed
    both = refused(lambda: s3.get_object(**place, PartNumber=1, Range="bytes=0-1"))
    assert both["Message"] == "Cannot specify both Range header and partNumber query parameter"


def test_an_object_with_checksums_lists_its_parts(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "summed"}
    created = s3.create_multipart_upload(**place, ChecksumAlgorithm="CRC32")
    upload = place | {"UploadId": created["UploadId"]}
    parts = []
    for number, body in enumerate([b"1" * (5 << 20), b"last"], 1):
        sent = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    asked = place | {"ObjectAttributes": ["ObjectParts"], "MaxParts": 1}
    first = s3.get_object_attributes(**asked)["ObjectParts"]
    assert (first["TotalPartsCount"], first["IsTruncated"]) == (2, True)
    second = s3.get_object_attributes(**asked, PartNumberMarker=first["NextPartNumberMarker"])["ObjectParts"]
    sums = [{"PartNumber": part["PartNumber"], "ChecksumCRC32": part["ChecksumCRC32"]} for part in parts]
    assert first["Parts"] == [sums[0] | {"Size": 5 << 20}]
    assert second["Parts"] == [sums[1] | {"Size": 4}]


def test_buckets_are_listed_in_pages_by_their_names(s3: Any) -> None:
    names = [f"listed-{number}" for number in (2, 3, 1)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = list(
        s3.get_paginator("list_buckets").paginate(Prefix="listed-", PaginationConfig={"PageSize": 2})
    )
    assert [one["Name"] for page in pages for one in page["Buckets"]] == sorted(names)
    assert (len(pages), pages[0]["Prefix"]) == (2, "listed-")
    assert pages[0]["Buckets"][0]["BucketRegion"] == "us-east-1"
    assert "BucketRegion" not in s3.list_buckets()["Buckets"][0]
    assert s3.list_buckets(Prefix="listed-", BucketRegion="eu-west-1")["Buckets"] == []
    assert s3.list_buckets()["Owner"]["ID"] == s3.get_bucket_acl(Bucket=names[0])["Owner"]["ID"]
    with pytest.raises(ClientError, match="Argument value eu-east-1 is not a valid AWS Region"):
        s3.list_buckets(BucketRegion="eu-east-1")


@pytest.mark.parametrize("content", [b"whole", b""])
def test_an_object_that_was_uploaded_at_once_is_its_first_part(s3: Any, bucket: str, content: bytes) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**place, Body=content)
    assert s3.head_object(**place, PartNumber=1)["ContentLength"] == len(content)
    found = s3.get_object(**place, PartNumber=1)
    assert (found["Body"].read(), "PartsCount" in found) == (content, False)
    assert "ObjectParts" not in s3.get_object_attributes(**place, ObjectAttributes=["ObjectParts"])


@pytest.mark.parametrize("key", ["g\nh", "\n", "a/\n/b", "end\n"])
def test_a_key_may_have_a_newline(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"


FUTURE, PAST = datetime(2100, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
BOTH = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"


@pytest.fixture(scope="module")
def locked(s3: Any) -> str:
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    return "locked"


@pytest.mark.parametrize(
    ("operation", "lock", "code", "message"),
    [
        ("put_object", {"ObjectLockMode": "GOVERNANCE"}, "InvalidArgument", BOTH),
        ("put_object", {"ObjectLockRetainUntilDate": FUTURE}, "InvalidArgument", BOTH),
        (
            "put_object",
            {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": PAST},
            "InvalidArgument",
            "The retain until date must be in the future!",
        ),
        (
            "create_multipart_upload",
            {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": FUTURE},
            "NotImplemented",
            "localcloud does not support x-amz-object-lock-mode",
        ),
    ],
)
def test_locks_of_objects_that_s3_refuses(
    s3: Any, locked: str, operation: str, lock: dict[str, Any], code: str, message: str
) -> None:
    """S3's words, as the tests of other servers expect them: NooBaa's of retention, IBM's of the date."""
    error = refused(lambda: getattr(s3, operation)(Bucket=locked, Key="k", **lock))
    assert error["Code"] == code
    assert message in error["Message"]


def test_a_bucket_without_locks_takes_none(s3: Any, bucket: str) -> None:
    error = refused(lambda: s3.put_object(Bucket=bucket, Key="k", ObjectLockLegalHoldStatus="OFF"))
    assert error["Message"] == "Bucket is missing Object Lock Configuration"
    for bypasses in (True, False):
        error = refused(
            lambda bypasses=bypasses: s3.delete_object(
                Bucket=bucket, Key="k", BypassGovernanceRetention=bypasses
            )
        )
        assert error["Message"] == (
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets."
        )


def test_a_page_after_a_token_does_not_begin_after_a_name(s3: Any, bucket: str) -> None:
    for key in ("after-1", "after-2", "after-3"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    page = {"Bucket": bucket, "Prefix": "after-", "MaxKeys": 1}
    first = s3.list_objects_v2(**page, StartAfter="after-1")
    assert first["StartAfter"] == "after-1"
    token = first["NextContinuationToken"]
    second = s3.list_objects_v2(**page, StartAfter="after-1", ContinuationToken=token)
    assert ([one["Key"] for one in second["Contents"]], "StartAfter" in second) == (["after-3"], False)


def test_a_lock_needs_a_date_to_come(s3: Any, locked: str) -> None:
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": FUTURE}
    s3.put_object(Bucket=locked, Key="kept", **lock)
    assert s3.head_object(Bucket=locked, Key="kept")["ObjectLockRetainUntilDate"] == FUTURE


def test_an_object_with_a_lock_needs_a_digest(s3: Any, locked: str) -> None:
    lock = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": FUTURE.isoformat()}
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x"}
    url = f"{s3.meta.endpoint_url}/{locked}/digested"
    answer = requests.put(url, b"x", headers=signed | lock, timeout=30)
    assert (answer.status_code, "Content-MD5 OR x-amz-checksum- HTTP header" in answer.text) == (400, True)
    md5 = {"Content-MD5": "nd1OkSpM9POMF3VNNPTHpg=="}
    wrong = requests.put(url, b"x", headers=signed | lock | md5, timeout=30)
    assert "<Code>BadDigest</Code>" in wrong.text
    s3.put_object(Bucket=locked, Key="digested", Body=b"x", ObjectLockLegalHoldStatus="ON")


def test_a_copy_with_a_lock_needs_no_digest(s3: Any, locked: str) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html has no Content-MD5."""
    s3.put_object(Bucket=locked, Key="source", Body=b"x")
    s3.copy_object(Bucket=locked, Key="copy", CopySource=f"{locked}/source", ObjectLockLegalHoldStatus="ON")
    copied = s3.get_object(Bucket=locked, Key="copy", ChecksumMode="ENABLED")
    assert (copied["ObjectLockLegalHoldStatus"], copied["Body"].read()) == ("ON", b"x")
    source = s3.get_object(Bucket=locked, Key="source", ChecksumMode="ENABLED")
    assert source["ChecksumCRC32"] == copied["ChecksumCRC32"] and "ChecksumCRC64NVME" not in copied


def test_a_bucket_with_locks_keeps_its_versions(s3: Any, locked: str) -> None:
    """https://github.com/hashicorp/terraform-provider-aws waits for these words (bucket_versioning.go)."""
    suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
    error = refused(lambda: s3.put_bucket_versioning(Bucket=locked, **suspended))
    assert (error["Code"], error["status"]) == ("InvalidBucketState", 409)
    assert error["Message"] == (
        "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
    )
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"


def test_deletion_by_mfa_is_refused_by_name(s3: Any, bucket: str) -> None:
    settings = {"VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Enabled"}}
    error = refused(lambda: s3.put_bucket_versioning(Bucket=bucket, **settings))
    assert error["Message"] == "PutBucketVersioning: localcloud does not support the property MfaDelete."


def test_a_condition_of_a_delete_counts(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    tag = s3.put_object(**place, Body=b"1")["ETag"]
    failed = refused(lambda: s3.delete_object(**place, IfMatch='"other"'))
    assert (failed["status"], failed["Condition"]) == (412, "If-Match")
    wrong = {"Objects": [{"Key": "k", "ETag": "other"}]}
    assert s3.delete_objects(Bucket=bucket, Delete=wrong)["Errors"][0]["Code"] == "PreconditionFailed"
    s3.delete_object(**place, IfMatch=tag)
    assert listed(s3.list_objects_v2(Bucket=bucket)) == []
