"""Reads HTTP requests for waitress, strictly, and in a time that is proportional to their length.

waitress's own parser takes minutes for some lines of 32 KB, and accepts requests whose length another server
may read differently: a client could hide a second request from a proxy, which then gives its answer to
somebody else (RFC 9112, section 11.2).
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

# waitress is untyped: its classes are Any, hence the ignore below.
from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.utilities import BadRequest

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(TOKEN + rb" [^\0-\x20\x7f]+ HTTP/(1\.[01])")
HEADER = re.compile(rb"(" + TOKEN + rb"):([^\0-\x08\x0a-\x1f\x7f]*)")
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
MAX_CHUNK_LINE_BYTES = 1_024
MAX_TRAILER_BYTES = 32_768


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Checks the head of a request before waitress reads it, and joins the chunks of its body."""

    body_rcv: Any

    def received(self, data: bytes) -> int:
        """Read some bytes of the request; return how many belong to it."""
        count = int(super().received(data))
        if self.completed:
            # Nothing is left to send: waitress would ask the client to continue, and wait for it.
            self.expect_continue = False
        return count

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head of a request. Raises ParsingError or TransferEncodingNotImplemented."""
        request_line, *lines = (line for line in header_plus.split(b"\r\n") if line)
        found = REQUEST_LINE.fullmatch(request_line)
        if found is None:
            raise ParsingError("The request line is malformed, or not of HTTP/1.0 or HTTP/1.1")
        self.version = found[1].decode()  # for the answer to a request that is refused
        fields = _fields(lines)
        _check(fields, found[1])
        head = [request_line, *(name + b":" + value for name, values in fields.items() for value in values)]
        try:
            super().parse_header(b"\r\n".join([*head, b""]))
        except ValueError as error:  # the address is malformed, or the length is too long a number
            raise ParsingError(f"The request line or a header is malformed: {error}") from None
        if self.chunked:
            self.body_rcv = ChunkedBody(self.body_rcv.getbuf())


def _fields(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    """The values of the header fields by their names in lower case. Raises ParsingError."""
    fields = defaultdict(list)
    for line in lines:
        # A line that goes on in the next one (RFC 9112, section 5.2) is malformed, too.
        if (found := HEADER.fullmatch(line)) is None:
            raise ParsingError("A header is malformed")
        fields[found[1].lower()].append(found[2].strip(b" \t"))
    return fields


def _check(fields: dict[bytes, list[bytes]], version: bytes) -> None:
    """Raises ParsingError or TransferEncodingNotImplemented where RFC 9112 demands or permits a refusal."""
    hosts, encodings = fields.get(b"host", []), fields.get(b"transfer-encoding", [])
    if len(hosts) > 1 or (not hosts and version == b"1.1"):
        raise ParsingError("A request has one Host header")
    if encodings and (b"content-length" in fields or version == b"1.0"):
        raise ParsingError("A body has a Content-Length, or comes in chunks, which HTTP/1.0 does not have")
    if encodings and [each.lower() for each in encodings] != [b"chunked"]:
        raise TransferEncodingNotImplemented("Bodies are read as they are or in chunks")


class ChunkedBody:
    """Joins the chunks of a body, as waitress's ChunkedReceiver does, which this replaces.

    That keeps lines of any length, and takes some that do not end as they must.
    """

    def __init__(self, buffer: OverflowableBuffer):
        self._buffer = buffer
        self._line = b""
        self._reads = self._read_size
        self._left = 0
        self._trailer_bytes = 0
        self.completed, self.error = False, None

    def __len__(self) -> int:
        return int(self._buffer.__len__())

    def getfile(self) -> Any:
        """The body, to be read."""
        return self._buffer.getfile()

    def getbuf(self) -> OverflowableBuffer:
        """The buffer of the body, to be closed."""
        return self._buffer

    def received(self, data: bytes) -> int:
        """Read some bytes; return how many belong to the body. `error` then says what is wrong with it."""
        read = 0
        while read < len(data) and not self.completed and not self.error:
            if self._left:
                piece = data[read : read + self._left]
                self._buffer.append(piece)
                self._left -= len(piece)
            else:
                end = data.find(b"\n", read, read + MAX_CHUNK_LINE_BYTES) + 1
                piece = data[read : end or read + MAX_CHUNK_LINE_BYTES]
                self._line += piece
                if len(self._line) > MAX_CHUNK_LINE_BYTES:
                    self.error = BadRequest("A line between the chunks of the body is too long")
                elif end:
                    line, self._line = self._line, b""
                    self._reads(line)
            read += len(piece)
        return read

    def _read_size(self, line: bytes) -> None:
        if (found := CHUNK_SIZE.fullmatch(line)) is None:
            self.error = BadRequest("A chunk of the body does not begin with its size")
            return
        self._left = int(found[1], 16)
        self._reads = self._read_end if self._left else self._read_trailer

    def _read_end(self, line: bytes) -> None:
        if line != b"\r\n":
            self.error = BadRequest("A chunk of the body is longer than its size says")
        self._reads = self._read_size

    def _read_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if line == b"\r\n":
            self.completed = True
        elif self._trailer_bytes > MAX_TRAILER_BYTES or not line.endswith(b"\r\n"):
            self.error = BadRequest("The trailer of the body is malformed or too long")
