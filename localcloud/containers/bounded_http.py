"""Reads HTTP requests within limits of size and time, however they are framed.

All HTTP servers of localcloud have these limits. Standard library only, because model servers run without
localcloud's packages.
"""

import contextlib
import email.utils
import functools
import http.client
import io
import math
import re
import select
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from typing import IO, Any

MAX_HEAD_BYTES = 32_768
"""Of request line and headers together: CloudFront's quota, the largest of the services of localcloud."""
HEAD_SECONDS = 20.0
BODY_SECONDS = 20.0
MIN_BYTES_PER_SECOND = 500
"""Each phase of a request may take so long, and a second longer for so many bytes that have arrived: the
defaults of Apache's mod_reqtimeout. S3 waits about 20 seconds for the next bytes, too."""
SEND_SECONDS = 60.0
"""For the client to take the next piece of an answer."""
LINGER_SECONDS = 10.0
"""How long a refused client may still send: closing the connection at once would lose it the answer."""
PIECE_BYTES = 65_536
MEMORY_BYTES = 1024 * 1024
"""Larger bodies are buffered in a temporary file."""
MAX_CHUNK_LINE_BYTES = 1_024
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
REQUEST_LINE = re.compile(rb"([!-~]+) ([^\0-\x20\x7f]+) (HTTP/1\.[01])\r?\n")
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)\r?\n")
"""Nothing else passes. What can be read in several ways could hide a request's length: a space before the
colon, a line that goes on in the next, a carriage return within it.
"""


class RequestRefused(Exception):
    """A request is refused before it is read completely: `status` is that of the answer, `code` S3's code."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code = status, code


class Headers:
    """The headers of a request, in their order. Names have no case; one may occur several times.

    http.client's are those of an email, which looks for encoded words and line ends whenever one is read.
    """

    def __init__(self) -> None:
        self._fields: list[tuple[str, str]] = []
        self._values: dict[str, list[str]] = {}

    def add(self, name: str, value: str) -> None:
        self._fields.append((name, value))
        self._values.setdefault(name.lower(), []).append(value)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def get(self, name: str, default: Any = None) -> Any:
        """The first value, or `default` without one."""
        values = self._values.get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        return self._values.get(name.lower(), [])

    def items(self) -> Iterable[tuple[str, str]]:
        return self._fields


class BadHead(Exception):
    """The head of a message is malformed or too long; `status` is that of an answer that says so."""

    def __init__(self, status: int):
        super().__init__(f"the head of the message is refused ({status})")
        self.status = status


def read_headers(reader: io.BufferedIOBase, left: int) -> Headers:
    """Reads lines of `left` bytes at most, up to the empty one. Raises BadHead."""
    headers = Headers()
    while True:
        line = reader.readline(left + 1)
        left -= len(line)
        if left < 0:
            raise BadHead(http.client.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if line in (b"\r\n", b"\n"):
            return headers
        if (header := HEADER.fullmatch(line.decode("iso-8859-1"))) is None:
            raise BadHead(http.client.BAD_REQUEST)
        headers.add(header[1], header[2].strip(" \t"))


class BoundedRequestHandler(BaseHTTPRequestHandler):
    """Reads the head of a request within the limits; `body()` returns a reader for its body."""

    protocol_version = "HTTP/1.1"
    # Head and body may be written apart: Nagle's algorithm would hold the body for a delayed ACK (40 ms).
    disable_nagle_algorithm = True
    raw_requestline: bytes
    headers: Headers  # type: ignore[assignment]
    rfile: io.BufferedReader
    idle_seconds: float | None = HEAD_SECONDS
    """How long a connection may wait before the next request begins; None for ever."""
    max_head_bytes = MAX_HEAD_BYTES

    def setup(self) -> None:
        super().setup()
        self.use(self.connection)

    def use(self, connection: socket.socket) -> None:
        """Read requests from a connection, and answer there."""
        self.connection = connection
        self._incoming = _Incoming(connection)
        self.rfile = io.BufferedReader(self._incoming, PIECE_BYTES)
        self.wfile = _Outgoing(connection)

    def handle_one_request(self) -> None:
        self._incoming.allow(self.idle_seconds)
        if not self.wait_for_request():
            self.close_connection = True
            return
        self._incoming.allow(HEAD_SECONDS)
        super().handle_one_request()

    def wait_for_request(self) -> bool:
        """Waits for the first bytes of the next request; returns False if none come."""
        try:
            return bool(self.rfile.peek(1))
        except TimeoutError:
            return False

    def parse_request(self) -> bool:
        """Reads the head of a request; returns False if it has been refused.

        This is stricter than the base class and many times faster, since that uses email's parser for
        headers.
        """
        self.close_connection = True
        self.command, self.path, self.request_version = "", "", "HTTP/1.1"
        self.requestline = self.raw_requestline.decode("iso-8859-1").rstrip("\r\n")
        if len(self.raw_requestline) > self.max_head_bytes:
            return self._refuse_head(http.client.REQUEST_URI_TOO_LONG)
        if (found := REQUEST_LINE.fullmatch(self.raw_requestline)) is None:
            return self._refuse_head(http.client.BAD_REQUEST)
        self.command, self.path, self.request_version = (part.decode("iso-8859-1") for part in found.groups())
        if self.path.startswith("//"):
            # As the base class does: in an answer, "//name" would lead to another host.
            self.path = f"/{self.path.lstrip('/')}"
        try:
            self.headers = read_headers(self.rfile, self.max_head_bytes - len(self.raw_requestline))
        except BadHead as refused:
            return self._refuse_head(refused.status)
        wishes = {token.strip().lower() for token in self.headers.get("Connection", "").split(",")}
        self.close_connection = self.request_version != "HTTP/1.1" or "close" in wishes
        return True

    def _refuse_head(self, status: int) -> bool:
        self.close_connection = True
        self.send_error(status)
        return False

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The time, or another one, in the form of the header Date."""
        return _http_date(int(time.time() if timestamp is None else timestamp))

    def body(self) -> "RequestBody":
        """The body of the request whose head has just been read. Raises RequestRefused."""
        # Said when the body is read: only then is it known that it is wanted.
        expects = self.headers.get("Expect", "").strip().lower() == "100-continue"
        return RequestBody(self.headers, self.rfile, self._begin_body(go_on=expects))

    def _begin_body(self, go_on: bool) -> Callable[[], None]:
        def begin() -> None:
            if go_on:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._incoming.allow(BODY_SECONDS)

        return begin

    def linger(self) -> None:
        """Ends the answer, and for a while reads and discards what the client is still sending."""
        self.close_connection = True
        deadline = time.monotonic() + LINGER_SECONDS
        with contextlib.suppress(OSError):  # the client is gone
            self.connection.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.connection.recv(PIECE_BYTES):
                    return


class RequestBody(io.RawIOBase):
    """The body of a request: with a length, in chunks, or empty.

    Raises RequestRefused if it is too long or too slow, breaks off, or has no definite end.
    """

    def __init__(self, headers: Headers, reader: io.BufferedReader, begin: Callable[[], None]):
        self._reader = reader
        self._begin = begin
        self._begun = False
        self._left = 0
        """Bytes to come: of the body, or of the chunk in hand."""
        self._limit: float = float("inf")
        self._received = 0
        lengths = headers.get_all("Content-Length")
        encodings = headers.get_all("Transfer-Encoding")
        self._chunked = bool(encodings)
        if encodings and (lengths or [one.lower() for one in encodings] != ["chunked"]):
            raise RequestRefused(400, "InvalidRequest", "A body has a Content-Length or comes in chunks.")
        if lengths:
            if len(set(lengths)) > 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
                raise RequestRefused(400, "InvalidRequest", "Content-Length is not one number.")
            self._left = int(lengths[0])
        self.ended = not self._left and not self._chunked
        """Whether the whole body has been read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.ended:
            return 0
        if not self._begun:
            self._check(self._left)
            self._begun = True
            self._begin()
        try:
            return self._read(memoryview(buffer))
        except TimeoutError:
            message = (
                "Your socket connection to the server was not read from or written to within the timeout "
                "period. Idle connections will be closed."
            )
            raise RequestRefused(408, "RequestTimeout", message) from None

    def receive(self, limit: int) -> IO[bytes]:
        """The whole body, of at most `limit` bytes, as a file: in memory while it is small."""
        self._limit = limit
        file: IO[bytes] = io.BytesIO()
        if self._chunked or self._left > MEMORY_BYTES:
            file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - its reader has it
        while not self.ended and (piece := self.read(min(self._left or PIECE_BYTES, PIECE_BYTES))):
            try:
                file.write(piece)
            except OSError as error:
                message = f"The body cannot be kept in {tempfile.gettempdir()}: {error.strerror}."
                raise RequestRefused(507, "InsufficientStorage", message) from None
        file.seek(0)
        return file

    def _read(self, buffer: memoryview) -> int:
        if self._chunked and not self._left:
            self._left = self._next_chunk()
            self._check(self._received + self._left)
            if not self._left:
                self._read_trailers()
                self.ended = True
                return 0
        count = self._reader.readinto1(buffer[: self._left])
        if not count:
            raise _broken_off()
        self._left -= count
        self._received += count
        if not self._left:
            if self._chunked:
                self._end_chunk()
            else:
                self.ended = True
        return count

    def _check(self, size: int) -> None:
        if size > self._limit:
            message = f"The request is larger than the {self._limit} bytes that it may have."
            raise RequestRefused(413, "EntityTooLarge", message)

    def _next_chunk(self) -> int:
        if (size := CHUNK_SIZE.fullmatch(self._line())) is None:
            raise RequestRefused(400, "InvalidRequest", "A chunk of the body does not begin with its size.")
        return int(size[1], 16)

    def _end_chunk(self) -> None:
        if self._line() != b"\r\n":
            raise RequestRefused(400, "InvalidRequest", "A chunk of the body is longer than its size says.")

    def _read_trailers(self) -> None:
        left = MAX_HEAD_BYTES
        while (line := self._line()) != b"\r\n":
            left -= len(line)
            if left < 0:
                raise RequestRefused(431, "InvalidRequest", "The trailers of the body are too long.")

    def _line(self) -> bytes:
        line = self._reader.readline(MAX_CHUNK_LINE_BYTES)
        if not line.endswith(b"\n"):
            if len(line) < MAX_CHUNK_LINE_BYTES:
                raise _broken_off()
            raise RequestRefused(400, "InvalidRequest", "A line between the chunks of the body is too long.")
        return line


@functools.lru_cache(maxsize=1)
def _http_date(seconds: int) -> str:
    """The time in the form of HTTP headers; cached, since most answers are sent within the same second."""
    return email.utils.formatdate(seconds, usegmt=True)


def _broken_off() -> RequestRefused:
    return RequestRefused(400, "IncompleteBody", "The request ended before its body did.")


class _Incoming(io.RawIOBase):
    """A socket's incoming bytes, with a deadline that arriving bytes extend. Raises TimeoutError."""

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._deadline: float | None = None

    def allow(self, seconds: float | None) -> None:
        """Starts the clock."""
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = None if self._deadline is None else self._deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        connection = self._connection
        if not _may_skip_waiting(connection):
            connection.settimeout(left)
            count = connection.recv_into(buffer)
        else:
            count = _when_ready(
                lambda: connection.recv_into(buffer, 0, socket.MSG_DONTWAIT), connection, select.POLLIN, left
            )
        if self._deadline is not None:
            self._deadline += count / MIN_BYTES_PER_SECOND
        return count


class _Outgoing(io.BufferedIOBase):
    """A socket's outgoing bytes. Raises TimeoutError if the client does not read them."""

    def __init__(self, connection: socket.socket):
        self._connection = connection

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        left, connection = memoryview(data), self._connection
        while left:
            piece = left[:PIECE_BYTES]
            if not _may_skip_waiting(connection):
                connection.settimeout(SEND_SECONDS)
                sent = connection.send(piece)
            else:
                sent = _when_ready(
                    functools.partial(connection.send, piece, socket.MSG_DONTWAIT),
                    connection,
                    select.POLLOUT,
                    SEND_SECONDS,
                )
            left = left[sent:]
        return len(data)


def _may_skip_waiting(connection: socket.socket) -> bool:
    """Whether MSG_DONTWAIT works: TLS has no flags, and on macOS, a send waits all the same."""
    return sys.platform == "linux" and not isinstance(connection, ssl.SSLSocket)


def _when_ready(act: Callable[[], int], connection: socket.socket, event: int, seconds: float | None) -> int:
    """Sends or receives at once if that is possible, else when it is, within `seconds`. Raises TimeoutError.

    With a time-out of the socket's own, Python would make three system calls each time, and before it returns
    from each, a thread waits for the interpreter's lock behind all others that want it.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        try:
            return act()
        except BlockingIOError:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
        poll = select.poll()
        poll.register(connection, event)
        if not poll.poll(None if left is None else math.ceil(left * 1000)):
            raise TimeoutError
