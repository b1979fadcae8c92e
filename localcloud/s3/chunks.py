"""Reads content in the aws-chunked encoding.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

import re
from collections.abc import Iterator
from typing import IO

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.s3_requests import forget_body, set_header
from localcloud.s3.digests import CONTENT_SHA256, HEADERS, PIECE_BYTES, SHA256

UNSIGNED = "UNSIGNED-PAYLOAD"
CHUNKED = (
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
)
"""What a request with this encoding says instead of the hash of its content."""
DECODED_LENGTH, TRAILER, ENCODING = "x-amz-decoded-content-length", "x-amz-trailer", "Content-Encoding"
TRAILER_SIGNATURE = "x-amz-trailer-signature"
MIN_CHUNK_BYTES = 8192
"""Of a chunk that is not the last one. So content has no more chunks than can be read in a moment."""
MAX_LINE_BYTES = 1024
"""Of a line between the chunks, or after them: a signature has 64 characters."""
CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,12})(;[^\r\n]*)?\r\n")
LENGTH = re.compile(r"[0-9]{1,15}")


def decode_chunks(request: werkzeug.Request) -> None:
    """Replaces content in chunks by what they carry, and makes a header of the checksum after them.

    So nobody else has to know the encoding: moto reads but some of its kinds, reserves as much memory as the
    headers say, and looks for a checksum in the content, too.

    Raises ApiError if the content is malformed, not as long as the headers say, or in too small chunks.
    """
    kind = request.headers.get(CONTENT_SHA256, UNSIGNED)
    if kind not in CHUNKED:
        if kind != UNSIGNED and not SHA256.fullmatch(kind):
            message = f"{CONTENT_SHA256} must be {UNSIGNED}, {', '.join(CHUNKED)} or a valid sha256 value."
            named = {"ArgumentName": CONTENT_SHA256, "ArgumentValue": kind}
            raise ApiError("InvalidArgument", message, status=400, **named)
        return
    announced = _announced_checksum(request)
    told = _told_length(request)
    content = request.environ["wsgi.input"]
    length = _decode(content)
    if length != told:
        raise _incomplete()
    if announced:
        set_header(request, announced, _checksum_after(content, announced))
    content.truncate(length)
    content.seek(0)
    set_header(request, CONTENT_SHA256, UNSIGNED)
    set_header(request, DECODED_LENGTH, None)
    set_header(request, TRAILER, None)
    others = [one.strip() for one in request.headers.get(ENCODING, "").split(",")]
    set_header(request, ENCODING, ", ".join(one for one in others if one != "aws-chunked") or None)
    request.environ["CONTENT_LENGTH"] = str(length)
    forget_body(request)


def _announced_checksum(request: werkzeug.Request) -> str | None:
    """The header that the request says to follow the chunks."""
    announced = request.headers.get(TRAILER)
    if announced is None:
        return None
    name = announced.strip().lower()
    if name not in HEADERS:
        message = f"The value specified in the {TRAILER} header is not supported"
        raise ApiError("InvalidRequest", message, status=400)
    if name in request.headers:
        raise ApiError("InvalidRequest", "Expecting a single x-amz-checksum- header", status=400)
    return name


def _told_length(request: werkzeug.Request) -> int:
    if (told := request.headers.get(DECODED_LENGTH)) is None:
        message = "You must provide the Content-Length HTTP header."
        raise ApiError("MissingContentLength", message, status=411)
    if not LENGTH.fullmatch(told):
        message = f"{DECODED_LENGTH} must be a number of bytes."
        raise ApiError("InvalidArgument", message, status=400, ArgumentValue=told)
    return int(told)


def _decode(content: IO[bytes]) -> int:
    """Moves what the chunks carry to the beginning of the content, where it always fits.

    Returns its length, and leaves the content to be read after the last chunk.
    """
    content.seek(0)
    length = 0
    for piece in _carried(content):
        following = content.tell()
        content.seek(length)
        content.write(piece)
        content.seek(following)
        length += len(piece)
    return length


def _carried(content: IO[bytes]) -> Iterator[bytes]:
    number, former = 1, MIN_CHUNK_BYTES
    while size := _chunk_size(content):
        if former < MIN_CHUNK_BYTES:
            raise _too_small(number, former)
        left = size
        while left:
            piece = content.read(min(left, PIECE_BYTES))
            if not piece:
                raise _incomplete()
            left -= len(piece)
            yield piece
        number, former = number + 1, size
        if content.read(2) != b"\r\n":
            raise _incomplete()


def _chunk_size(content: IO[bytes]) -> int:
    if (head := CHUNK_HEAD.fullmatch(content.readline(MAX_LINE_BYTES))) is None:
        raise _incomplete()
    return int(head[1], 16)


def _checksum_after(content: IO[bytes], name: str) -> str:
    """The value of the only header after the last chunk, but for its signature."""
    trailing: dict[str, str] = {}
    while len(trailing) <= 2 and (line := content.readline(MAX_LINE_BYTES).strip()):
        found, _, value = line.decode("latin-1").partition(":")
        trailing[found.strip().lower()] = value.strip()
    trailing.pop(TRAILER_SIGNATURE, None)
    if trailing.keys() != {name}:
        message = (
            "The request contained trailing data that was not well-formed or did not conform to our "
            "published schema."
        )
        raise ApiError("MalformedTrailerError", message, status=400)
    return trailing[name]


def _too_small(number: int, former: int) -> ApiError:
    """The error for a chunk that follows one of `former` bytes."""
    message = f"Only the last chunk is allowed to have a size less than {MIN_CHUNK_BYTES} bytes"
    named = {"Chunk": number, "BadChunkSize": former}
    return ApiError("InvalidChunkSizeError", message, status=403, **named)


def _incomplete() -> ApiError:
    message = "The request body terminated unexpectedly"
    return ApiError("IncompleteBody", message, status=400)
