"""Content in the aws-chunked encoding: what breaks off or lies about its length is refused.

Any request could otherwise have memory of any size filled for content that never comes.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.client import Config
from localcloud_lambda_fixtures import Account, running

from localcloud.s3 import S3Service


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(S3Service) as account:
        yield account


@pytest.fixture(scope="module")
def s3(account: Account) -> Any:
    client = account.client("s3", config=Config(s3={"addressing_style": "path"}))
    client.create_bucket(Bucket="chunks")
    return client


ONE_CHUNK = "3;chunk-signature=x\r\nabc\r\n0;chunk-signature=x\r\n\r\n"


# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
@pytest.mark.parametrize("kind", ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
@pytest.mark.parametrize(
    ("body", "length", "code"),
    [
        (ONE_CHUNK, "200000000", "IncompleteBody"),
        (ONE_CHUNK, "2", "IncompleteBody"),
        (ONE_CHUNK, "-1", "InvalidArgument"),
        (ONE_CHUNK, None, "MissingContentLength"),
        (ONE_CHUNK.partition("0;")[0], "3", "IncompleteBody"),
        ("FFFFFFFFFFFF;chunk-signature=x\r\nabc", "3", "IncompleteBody"),
        ("-3;chunk-signature=x\r\nabc\r\n0\r\n\r\n", "3", "IncompleteBody"),
        ("3;chunk-signature=x\r\nabcdef\r\n0\r\n\r\n", "3", "IncompleteBody"),
        ("x" * 100_000, "3", "IncompleteBody"),
        ("", "0", "IncompleteBody"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_chunks_have_the_length_that_was_announced(
    account: Account, s3: Any, kind: str, body: str, length: str | None, code: str, method: str
) -> None:
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x",
        "x-amz-content-sha256": kind,
    }
    if length is not None:
        headers["x-amz-decoded-content-length"] = length
    url = f"{account.cloud.url}/chunks/k"
    answer = requests.request(method, url, data=body, headers=headers, timeout=60)
    assert f"<Code>{code}</Code>" in answer.text
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="chunks", Key="k")


def test_a_checksum_that_is_announced_must_follow(account: Account, s3: Any) -> None:
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "3",
        "x-amz-trailer": "x-amz-checksum-sha256",
    }
    url = f"{account.cloud.url}/chunks/announced"
    answer = requests.put(url, data="3\r\nabc\r\n0\r\n\r\n", headers=headers, timeout=60)
    assert (answer.status_code, "<Code>MalformedTrailerError</Code>" in answer.text) == (400, True)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="chunks", Key="announced")
