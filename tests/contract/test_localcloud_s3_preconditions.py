"""Reads, copies and writes of objects under conditions.

Answers are those recorded on AWS: LocalStack's tests/aws/services/s3/test_s3_preconditions.snapshot.json and
test_s3_api.snapshot.json.
"""

import datetime
import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

from localcloud.iam import IamEnforcement
from localcloud.s3 import S3Service, service
from localcloud.s3.key_locks import KeyLocks

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)
LONG_AGO, TO_COME = NOW - DAY, NOW + DAY
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x"}
OTHER = '"0123456789abcdef0123456789abcdef"'


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, S3Service) as account:
        yield account


@pytest.fixture(scope="module")
def s3(account: Account) -> Any:
    client = account.client("s3")
    client.create_bucket(Bucket="things")
    return client


@pytest.fixture
def tag(s3: Any) -> str:
    """The tag of the object "k", which is there."""
    etag: str = s3.put_object(Bucket="things", Key="k", Body=b"data")["ETag"]
    return etag


def refusal(call: Any, **request: Any) -> tuple[int, str, str | None]:
    """Status, code and the condition that was not fulfilled."""
    with pytest.raises(ClientError) as caught:
        call(Bucket="things", **request)
    error = caught.value.response["Error"]
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error.get("Condition")


CONDITIONS = [
    ({"IfMatch": OTHER, "IfUnmodifiedSince": LONG_AGO, "IfNoneMatch": "tag"}, "If-Match"),
    ({"IfUnmodifiedSince": LONG_AGO, "IfNoneMatch": "tag"}, "If-Unmodified-Since"),
    ({"IfNoneMatch": "tag", "IfModifiedSince": LONG_AGO}, "If-None-Match"),
    ({"IfMatch": "tag", "IfUnmodifiedSince": LONG_AGO}, None),
    ({"IfModifiedSince": TO_COME}, None),
    ({"IfNoneMatch": OTHER, "IfModifiedSince": LONG_AGO}, None),
]
"""Conditions, where "tag" stands for that of the object, and the one that it does not fulfil."""


def told(conditions: dict[str, Any], tag: str, prefix: str = "") -> dict[str, Any]:
    """The conditions with the object's tag, which S3 compares without its quotes."""
    return {prefix + name: tag.strip('"') if of == "tag" else of for name, of in conditions.items()}


@pytest.mark.parametrize(("conditions", "failed"), CONDITIONS)
def test_a_copy_has_conditions_on_its_source(s3: Any, tag: str, conditions: dict, failed: str | None) -> None:
    upload = s3.create_multipart_upload(Bucket="things", Key="parts")["UploadId"]
    request = {"CopySource": "things/k", **told(conditions, tag, "CopySource")}
    part = {"Key": "parts", "UploadId": upload, "PartNumber": 1}
    if failed:
        expected = 412, "PreconditionFailed", f"x-amz-copy-source-{failed}"
        assert refusal(s3.copy_object, Key="copy", **request) == expected
        assert refusal(s3.upload_part_copy, **part, **request) == expected
    else:
        assert s3.copy_object(Bucket="things", Key="copy", **request)["CopyObjectResult"]["ETag"] == tag
        assert s3.upload_part_copy(Bucket="things", **part, **request)["CopyPartResult"]["ETag"] == tag


@pytest.mark.parametrize(("conditions", "failed"), CONDITIONS)
def test_a_read_has_conditions(s3: Any, tag: str, conditions: dict, failed: str | None) -> None:
    request = {"Key": "k", **told(conditions, tag)}
    if failed == "If-None-Match":
        assert refusal(s3.get_object, **request)[0] == 304
        assert refusal(s3.head_object, **request)[0] == 304
    elif failed:
        assert refusal(s3.get_object, **request) == (412, "PreconditionFailed", failed)
        assert refusal(s3.head_object, **request)[0] == 412
    else:
        assert s3.get_object(Bucket="things", **request)["Body"].read() == b"data"
        assert s3.head_object(Bucket="things", **request)["ETag"] == tag


def completion(s3: Any, key: str) -> dict[str, Any]:
    """The request that completes an upload, whose part is there."""
    upload = s3.create_multipart_upload(Bucket="things", Key=key)["UploadId"]
    part = s3.upload_part(Bucket="things", Key=key, UploadId=upload, PartNumber=1, Body=b"new")
    parts = [{"ETag": part["ETag"], "PartNumber": 1}]
    return {"Key": key, "UploadId": upload, "MultipartUpload": {"Parts": parts}}


def test_a_write_has_conditions_on_what_it_replaces(s3: Any, tag: str) -> None:
    writes = [
        (s3.put_object, {"Key": "k", "Body": b"new"}),
        (s3.copy_object, {"Key": "k", "CopySource": "things/other"}),
        (s3.complete_multipart_upload, completion(s3, "k")),
    ]
    s3.put_object(Bucket="things", Key="other", Body=b"new")
    for write, request in writes:
        assert refusal(write, **request, IfNoneMatch="*") == (412, "PreconditionFailed", "If-None-Match")
        assert refusal(write, **request, IfMatch=OTHER) == (412, "PreconditionFailed", "If-Match")
        assert refusal(write, **request | {"Key": "none"}, IfMatch=OTHER)[1] in ("NoSuchKey", "NoSuchUpload")
        assert s3.get_object(Bucket="things", Key="k")["Body"].read() == b"data"
    for write, request in writes:
        current = s3.head_object(Bucket="things", Key="k")["ETag"]
        if write != s3.complete_multipart_upload:
            write(Bucket="things", **request, IfMatch=current.strip('"'))
    s3.put_object(Bucket="things", Key="fresh", Body=b"new", IfNoneMatch="*")


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"IfMatch": "*"}, "We don't accept the provided value of If-Match header for this API"),
        (
            {"IfMatch": OTHER, "IfNoneMatch": "*"},
            "Multiple conditional request headers present in the request",
        ),
    ],
)
def test_a_write_has_no_other_conditions(s3: Any, tag: str, conditions: dict, reason: str) -> None:
    with pytest.raises(ClientError, match="implies functionality that is not implemented") as caught:
        s3.put_object(Bucket="things", Key="k", Body=b"new", **conditions)
    assert caught.value.response["Error"]["additionalMessage"] == reason


def test_an_object_that_changes_during_an_upload_is_a_conflict(s3: Any, tag: str) -> None:
    request = completion(s3, "k")
    s3.put_object(Bucket="things", Key="k", Body=b"data")
    conflict = (409, "ConditionalRequestConflict", "If-Match")
    assert refusal(s3.complete_multipart_upload, **request, IfMatch=tag) == conflict
    s3.delete_object(Bucket="things", Key="k")
    assert refusal(s3.complete_multipart_upload, **request, IfMatch=tag)[1] == "NoSuchKey"
    conflict = (409, "ConditionalRequestConflict", "If-None-Match")
    assert refusal(s3.complete_multipart_upload, **request, IfNoneMatch="*") == conflict
    s3.complete_multipart_upload(Bucket="things", **completion(s3, "k"), IfNoneMatch="*")


def test_a_completion_replaces_the_object_that_it_demands(s3: Any, tag: str) -> None:
    request = completion(s3, "k")
    done = s3.complete_multipart_upload(Bucket="things", **request, IfMatch=tag)
    assert s3.get_object(Bucket="things", Key="k", IfMatch=done["ETag"])["Body"].read() == b"new"


WRITES = {
    "put_object": {"Body": b"plain"},
    "copy_object": {"CopySource": "things/source"},
    "delete_object": {},
    "delete_objects": {"Delete": {"Objects": [{"Key": "raced"}]}},
}


@pytest.mark.parametrize("operation", WRITES)
def test_a_write_waits_for_the_conditional_one_before_it(
    s3: Any, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket="things", Key="source", Body=b"plain")
    s3.delete_object(Bucket="things", Key="raced")
    request = {"Bucket": "things", "Key": "raced", **WRITES[operation]}
    if operation == "delete_objects":
        del request["Key"]
    has_asked, started, order = threading.Event(), [], []
    check_write, lock_of = service.check_write, KeyLocks.of

    def write() -> None:
        getattr(s3, operation)(**request)
        order.append(operation)

    def check_then_be_overtaken(bucket: Any, called: str, *others: Any) -> None:
        check_write(bucket, called, *others)
        if not started:  # the conditional write has passed its check, and has not written yet
            started.append(threading.Thread(target=write))
            started[0].start()
            order.append("conditional" if has_asked.wait(60) else "nobody asked for the lock")

    def ask(locks: KeyLocks, bucket: str, key: str) -> Any:
        if started:
            has_asked.set()
        return lock_of(locks, bucket, key)

    monkeypatch.setattr(service, "check_write", check_then_be_overtaken)
    monkeypatch.setattr(KeyLocks, "of", ask)
    s3.put_object(Bucket="things", Key="raced", Body=b"conditional", IfNoneMatch="*")
    started[0].join()
    assert order == ["conditional", operation]
    found = s3.list_objects_v2(Bucket="things", Prefix="raced").get("Contents", [])
    content = [s3.get_object(Bucket="things", Key=one["Key"])["Body"].read() for one in found]
    assert content == ([] if operation.startswith("delete") else [b"plain"])


def test_only_one_of_many_creates_an_object(account: Account, s3: Any) -> None:
    s3.delete_object(Bucket="things", Key="once")
    together = threading.Barrier(6)

    def create(number: int) -> int:
        together.wait()
        url, content = f"{account.cloud.url}/things/once", str(number)
        return requests.put(url, content, headers=SIGNED | {"If-None-Match": "*"}, timeout=60).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(create, range(6)))
    assert statuses == [200, *[412] * 5]


def test_locks_are_of_one_key_and_are_forgotten() -> None:
    locks = KeyLocks()
    one, other = locks.of("things", "one"), locks.of("things", "other")
    assert one is locks.of("things", "one") is not other
    with one, other:
        assert one.locked()
    forgotten = weakref.ref(one)
    del one
    gc.collect()
    assert forgotten() is None


def test_an_upload_that_there_is_not(s3: Any, tag: str) -> None:
    request = completion(s3, "k") | {"UploadId": "other"}
    assert refusal(s3.complete_multipart_upload, **request)[1] == "NoSuchUpload"
    request = completion(s3, "elsewhere")
    for call in (s3.list_parts, s3.abort_multipart_upload):
        assert refusal(call, Key="k", UploadId=request["UploadId"])[1] == "NoSuchUpload"
    s3.complete_multipart_upload(Bucket="things", **request)
    s3.complete_multipart_upload(Bucket="things", **request)  # sent again, because the answer was lost
