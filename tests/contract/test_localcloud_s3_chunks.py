"""Content in the aws-chunked encoding: what breaks off or lies about its length is refused.

Any request could otherwise have memory of any size filled for content that never comes.
"""

import base64
import zlib
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
    headers = {"Authorization": SIGNATURE, "x-amz-content-sha256": kind}
    if length is not None:
        headers["x-amz-decoded-content-length"] = length
    url = f"{account.cloud.url}/chunks/k"
    answer = requests.request(method, url, data=body, headers=headers, timeout=60)
    assert f"<Code>{code}</Code>" in answer.text
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="chunks", Key="k")


SIGNATURE = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x"
CRC32_OF_ABC, CRC32_OF_OTHER = "NSRBwg==", "ByPNdQ=="


def put(account: Account, key: str, body: str, length: int, **headers: str) -> requests.Response:
    """Sends content in chunks; names of headers are given with underscores."""
    sent = {
        "Authorization": SIGNATURE,
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(length),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return requests.put(f"{account.cloud.url}/chunks/{key}", data=body, headers=sent, timeout=60)


@pytest.mark.parametrize(
    ("trailer", "after", "code", "message"),
    [
        ("x-amz-checksum-sha256", "\r\n", "MalformedTrailerError", "well-formed"),
        ("x-amz-checksum-crc32", "x-amz-checksum-sha1:x\r\n\r\n", "MalformedTrailerError", "well-formed"),
        (
            "x-amz-checksum-md4",
            "x-amz-checksum-md4:x\r\n\r\n",
            "InvalidRequest",
            "x-amz-trailer header is not",
        ),
        ("x-amz-meta-a", "x-amz-meta-a:b\r\n\r\n", "InvalidRequest", "is not supported"),
        (
            "x-amz-checksum-crc32",
            "x-amz-checksum-crc32:x\r\n\r\n",
            "InvalidRequest",
            "crc32 header is invalid",
        ),
        (
            "x-amz-checksum-crc32",
            f"x-amz-checksum-crc32:{CRC32_OF_OTHER}\r\n\r\n",
            "BadDigest",
            "The CRC32 you",
        ),
    ],
)
def test_a_checksum_that_is_announced_must_follow(
    account: Account, s3: Any, trailer: str, after: str, code: str, message: str
) -> None:
    answer = put(account, "announced", f"3\r\nabc\r\n0\r\n{after}", 3, x_amz_trailer=trailer)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (400, True), answer.text
    assert message in answer.text
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="chunks", Key="announced")


def test_what_looks_like_a_checksum_in_the_content_is_content(account: Account, s3: Any) -> None:
    content = f"x-amz-checksum-crc32:{CRC32_OF_ABC}\r\n\r\n"
    crc32 = base64.b64encode(zlib.crc32(content.encode()).to_bytes(4, "big")).decode()
    body = f"{len(content):x}\r\n{content}\r\n0\r\nx-amz-checksum-crc32:{crc32}\r\n\r\n"
    answer = put(account, "content", body, len(content), x_amz_trailer="x-amz-checksum-crc32")
    assert answer.headers["x-amz-checksum-crc32"] == crc32
    stored = s3.get_object(Bucket="chunks", Key="content")
    assert (stored["ChecksumCRC32"], stored["Body"].read().decode()) == (crc32, content)


# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
@pytest.mark.parametrize(
    "kind",
    [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    ],
)
def test_chunks_are_stored_as_the_content_that_they_carry(account: Account, s3: Any, kind: str) -> None:
    signature = "" if "UNSIGNED" in kind else f";chunk-signature={'0' * 64}"
    headers, trailer = {"x_amz_content_sha256": kind, "content_encoding": "gzip, aws-chunked"}, ""
    if kind.endswith("-TRAILER"):
        headers["x_amz_trailer"] = "x-amz-checksum-crc32"
        crc32 = base64.b64encode(zlib.crc32(b"a" * 8192 + b"bc").to_bytes(4, "big")).decode()
        trailer = f"x-amz-checksum-crc32:{crc32}\r\nx-amz-trailer-signature:{'0' * 64}\r\n"
    first = "a" * 8192
    body = f"2000{signature}\r\n{first}\r\n2{signature}\r\nbc\r\n0{signature}\r\n{trailer}\r\n"
    assert put(account, kind, body, 8194, **headers).status_code == 200
    stored = s3.get_object(Bucket="chunks", Key=kind)
    assert (stored["Body"].read(), stored["ContentLength"]) == (f"{first}bc".encode(), 8194)
    assert stored["ContentEncoding"] == "gzip"


def test_only_the_last_chunk_may_be_small(account: Account, s3: Any) -> None:
    """Millions of chunks of a byte would keep a thread busy for minutes."""
    answer = put(account, "small", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 5)
    assert (answer.status_code, "<Code>InvalidChunkSizeError</Code>" in answer.text) == (403, True)
    assert "<Chunk>2</Chunk><BadChunkSize>3</BadChunkSize>" in answer.text


def test_content_is_signed_in_one_of_the_ways_that_there_are(account: Account, s3: Any) -> None:
    for kind in ("STREAMING-AWS4-HMAC-SHA512-PAYLOAD", "sha256"):
        answer = put(account, "unknown", ONE_CHUNK, 3, x_amz_content_sha256=kind)
        assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)
        assert "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-" in answer.text
