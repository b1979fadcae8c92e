"""Reads content in the aws-chunked encoding.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from werkzeug.datastructures import Headers

from localcloud.protocol import ApiError

PIECE_BYTES = 1 << 20
MAX_LINE_BYTES = 1024
"""Of a line between the chunks, or after them: a signature has 64 characters."""
CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,12})(;[^\r\n]*)?\r\n")
LENGTH = re.compile(r"[0-9]{1,15}")


def is_chunked(headers: Headers) -> bool:
    """Whether the content of a request has this encoding."""
    return headers.get("x-amz-content-sha256", "").startswith("STREAMING-")


def check_chunks(headers: Headers, content: BinaryIO) -> None:
    """Raises ApiError if content in chunks is malformed, or not as long as the headers say.

    moto would reserve as much memory as they say, in every operation.
    """
    if (told := headers.get("x-amz-decoded-content-length")) is None:
        message = "You must provide the Content-Length HTTP header."
        raise ApiError("MissingContentLength", message, status=411)
    if not LENGTH.fullmatch(told):
        message = "x-amz-decoded-content-length must be a number of bytes."
        raise ApiError("InvalidArgument", message, status=400, ArgumentValue=told)
    if sum(map(len, unchunked(content))) != int(told):
        raise _incomplete()


def unchunked(content: BinaryIO) -> Iterator[bytes]:
    """Decodes content. Raises ApiError if it is malformed."""
    content.seek(0)
    while size := _chunk_size(content):
        while size:
            piece = content.read(min(size, PIECE_BYTES))
            if not piece:
                raise _incomplete()
            size -= len(piece)
            yield piece
        if content.read(2) != b"\r\n":
            raise _incomplete()


def trailing_headers(content: BinaryIO) -> dict[str, str]:
    """The headers after the last chunk. Raises ApiError if the content is malformed."""
    for _ in unchunked(content):
        continue
    trailing = {}
    while line := content.readline(MAX_LINE_BYTES).strip():
        name, _, value = line.decode("latin-1").partition(":")
        trailing[name.strip().lower()] = value.strip()
    return trailing


def _chunk_size(content: BinaryIO) -> int:
    if (head := CHUNK_HEAD.fullmatch(content.readline(MAX_LINE_BYTES))) is None:
        raise _incomplete()
    return int(head[1], 16)


def _incomplete() -> ApiError:
    message = "The request body terminated unexpectedly"
    return ApiError("IncompleteBody", message, status=400)
