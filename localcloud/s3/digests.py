"""Computes the digests of content, and verifies those that clients send with it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

import base64
import binascii
import functools
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, Protocol

import werkzeug
from werkzeug.datastructures import Headers

from localcloud.protocol import ApiError
from localcloud.s3.crcs import CRC32C_POLYNOMIAL, CRC64NVME_POLYNOMIAL, Crc

PIECE_BYTES = 1 << 20
HEADER = "x-amz-checksum-"
SDK_ALGORITHM = "x-amz-sdk-checksum-algorithm"
CONTENT_SHA256 = "x-amz-content-sha256"
NEEDING_DIGEST = ("DeleteObjects",)
SHA256 = re.compile(r"[0-9a-f]{64}")


class Digest(Protocol):
    """The interface of hashlib's objects, which the CRCs have as well."""

    def update(self, content: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, content: bytes, /) -> None:
        self._value = zlib.crc32(content, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


ALGORITHMS: Mapping[str, Callable[[], Digest]] = {
    "CRC32": _Crc32,
    "CRC32C": lambda: Crc(CRC32C_POLYNOMIAL, 4),
    "CRC64NVME": lambda: Crc(CRC64NVME_POLYNOMIAL, 8),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
}
HEADERS: Mapping[str, str] = {HEADER + algorithm.lower(): algorithm for algorithm in ALGORITHMS}
"""The algorithms by the headers that have their checksums."""
OTHERS = ("MD5", "SHA512", "XXHASH128", "XXHASH3", "XXHASH64")
"""The other algorithms of S3."""


def checksum_of(pieces: Iterable[bytes], algorithm: str) -> str:
    """The checksum of content as S3 writes it."""
    digest = ALGORITHMS[algorithm]()
    for piece in pieces:
        digest.update(piece)
    return base64.b64encode(digest.digest()).decode()


def algorithm_in(headers: Headers) -> str | None:
    """The algorithm of the checksum in the headers of a request; None if there is none.

    Raises ApiError for several, and for one that the request names, but whose checksum it lacks.
    """
    given = [algorithm for name, algorithm in HEADERS.items() if name in headers]
    named = headers.get(SDK_ALGORITHM)
    if len(given) > 1:
        message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise _invalid(message)
    if named and not given:
        raise _invalid(
            f"{SDK_ALGORITHM} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were "
            "found."
        )
    if named and named.upper() != given[0]:
        raise _invalid(f"Value for {SDK_ALGORITHM} header is invalid.")
    return given[0] if given else None


def wrong_checksum(algorithm: str) -> ApiError:
    """The error for content that has another checksum than the client says."""
    message = f"The {algorithm} you specified did not match the calculated checksum."
    return ApiError("BadDigest", message, status=400)


def check_digests(operation: str, request: werkzeug.Request) -> None:
    """Raises ApiError if the body of a request does not match a digest in the headers, or lacks one."""
    headers, content = request.headers, request.environ["wsgi.input"]
    _refuse_others(headers)
    # That of a completion is of the object.
    algorithm = algorithm_in(headers) if operation != "CompleteMultipartUpload" else None
    if operation in NEEDING_DIGEST and not algorithm and "Content-MD5" not in headers:
        raise _invalid(f"Missing required header for this request: Content-MD5 OR {HEADER}*")
    wanted: list[tuple[Digest, bytes, ApiError]] = []
    if (text := headers.get("Content-MD5")) is not None:
        value = _decoded(text, 16)
        if value is None:
            message = "The Content-MD5 you specified was invalid."
            raise ApiError("InvalidDigest", message, status=400, **{"Content-MD5": text})
        message = "The Content-MD5 you specified did not match what we received."
        error = ApiError("BadDigest", message, status=400)
        wanted.append((hashlib.md5(usedforsecurity=False), value, error))
    if SHA256.fullmatch(text := headers.get(CONTENT_SHA256, "")):
        message = f"The provided '{CONTENT_SHA256}' header does not match what was computed."
        error = ApiError("XAmzContentSHA256Mismatch", message, status=400)
        wanted.append((hashlib.sha256(), bytes.fromhex(text), error))
    if algorithm:
        name, digest = HEADER + algorithm.lower(), ALGORITHMS[algorithm]()
        value = _decoded(headers[name], len(digest.digest()))
        if value is None:
            raise _invalid(f"Value for {name} header is invalid.")
        wanted.append((digest, value, wrong_checksum(algorithm)))
    if not wanted:
        return
    for piece in pieces_of(content):
        for digest, _, _ in wanted:
            digest.update(piece)
    for digest, value, error in wanted:
        if digest.digest() != value:
            raise error


@functools.cache
def compute_all_checksums() -> None:
    """Has moto compute CRC32C and CRC64NVME, where it takes CRC32. The change is to moto itself."""
    from moto.s3 import models, responses

    def compute_checksum(body: bytes, algorithm: str, encode_base64: bool = True) -> bytes:
        checksum = checksum_of([body], algorithm)
        return checksum.encode() if encode_base64 else base64.b64decode(checksum)

    # Each of the two has a name of its own for it.
    vars(models)["compute_checksum"] = vars(responses)["compute_checksum"] = compute_checksum


def _refuse_others(headers: Headers) -> None:
    """Raises ApiError for a checksum that would be neither verified nor computed."""
    named = {headers.get(name, "").upper() for name in (SDK_ALGORITHM, f"{HEADER}algorithm")}
    for algorithm in OTHERS:
        if algorithm in named or HEADER + algorithm.lower() in headers:
            message = f"localcloud does not support the checksum algorithm {algorithm}."
            raise ApiError("NotImplemented", message, status=501)


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidRequest", message, status=400)


def _decoded(text: str, size: int) -> bytes | None:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == size else None


def pieces_of(content: BinaryIO) -> Iterator[bytes]:
    """The content of a file from its beginning, to which it returns."""
    content.seek(0)
    while piece := content.read(PIECE_BYTES):
        yield piece
    content.seek(0)
