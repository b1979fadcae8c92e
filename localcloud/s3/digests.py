"""Verifies the digests that clients send with content.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
CRC32C and CRC64NVME, which Python lacks, are not verified.
"""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Protocol

from werkzeug.datastructures import Headers

from localcloud.protocol import ApiError
from localcloud.s3.chunks import PIECE_BYTES, is_chunked, trailing_headers, unchunked

CONTENT_SHA256 = re.compile(r"[0-9a-f]{64}")


class Digest(Protocol):
    """The interface of hashlib's objects, which the CRC below has as well."""

    def update(self, content: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, content: bytes, /) -> None:
        self._value = zlib.crc32(content, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


CHECKSUMS: Mapping[str, tuple[str, Callable[[], Any], int]] = {
    "x-amz-checksum-crc32": ("CRC32", _Crc32, 4),
    "x-amz-checksum-sha1": ("SHA1", lambda: hashlib.sha1(usedforsecurity=False), 20),
    "x-amz-checksum-sha256": ("SHA256", hashlib.sha256, 32),
}
"""By header: the name in messages, what computes it, and its bytes."""


def check_digests(headers: Headers, content: BinaryIO) -> None:
    """Raises ApiError if the content does not match a digest in the headers of the request."""
    in_chunks = is_chunked(headers)
    wanted: list[tuple[Digest, bytes, ApiError]] = []
    if (text := headers.get("Content-MD5")) is not None and not in_chunks:
        value = _decoded(text, 16)
        if value is None:
            raise ApiError(
                "InvalidDigest",
                "The Content-MD5 you specified was invalid.",
                status=400,
                **{"Content-MD5": text},
            )
        error = ApiError(
            "BadDigest", "The Content-MD5 you specified did not match what we received.", status=400
        )
        wanted.append((hashlib.md5(usedforsecurity=False), value, error))
    if CONTENT_SHA256.fullmatch(text := headers.get("x-amz-content-sha256", "")):
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        error = ApiError("XAmzContentSHA256Mismatch", message, status=400)
        wanted.append((hashlib.sha256(), bytes.fromhex(text), error))
    has_trailer = in_chunks and "x-amz-trailer" in headers
    trailing = trailing_headers(content) if has_trailer else {}
    if has_trailer and headers["x-amz-trailer"].strip().lower() not in trailing:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
        message = (
            "The request contained trailing data that was not well-formed or did not conform to our "
            "published schema."
        )
        raise ApiError("MalformedTrailerError", message, status=400)
    if sum(bool(headers.get(name)) for name in CHECKSUMS) > 1:
        message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise ApiError("InvalidRequest", message, status=400)
    for name, (label, make, size) in CHECKSUMS.items():
        if text := headers.get(name) or trailing.get(name, ""):
            value = _decoded(text, size)
            if value is None:
                raise ApiError("InvalidRequest", f"Value for {name} header is invalid.", status=400)
            message = f"The {label} you specified did not match the calculated checksum."
            wanted.append((make(), value, ApiError("BadDigest", message, status=400)))
    if not wanted:
        return
    for piece in unchunked(content) if in_chunks else _pieces(content):
        for digest, _, _ in wanted:
            digest.update(piece)
    for digest, value, error in wanted:
        if digest.digest() != value:
            raise error


def _decoded(text: str, size: int) -> bytes | None:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == size else None


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    content.seek(0)
    while piece := content.read(PIECE_BYTES):
        yield piece
