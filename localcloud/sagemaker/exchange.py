"""Asks a container over HTTP, on a connection that is kept for the next request if the container keeps it.

http.client would do, but it reads an answer's head with email's parser and sends head and body apart, which
takes most of the time of a short request.
"""

import io
import mmap
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from urllib3.util import wait_for_read

from localcloud.containers.bounded_http import (
    CHUNK_SIZE,
    MAX_CHUNK_LINE_BYTES,
    BadHead,
    Headers,
    read_headers,
)

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: [^\r\n]*)?\r?\n")
LENGTH = re.compile(r"[0-9]{1,18}")
"""More digits would be more bytes than there are anywhere."""
MAX_LINE_BYTES = 65_536
MAX_HEAD_BYTES = 262_144
INTERIM = range(100, 200)
WITHOUT_BODY = (204, 304)


class NotAnswered(Exception):
    """The container gave no HTTP answer."""


class TooSlow(NotAnswered):
    """The container took too long."""


class NotReady(NotAnswered):
    """The container did not get the request, because it is starting or restarting."""


class ContainerEnded(NotAnswered):
    """The container ended or hung up during the request."""


@dataclass(frozen=True)
class Answer:
    """The HTTP answer of a container."""

    status: int
    headers: Headers
    body: bytes

    @property
    def content_type(self) -> str:
        return str(self.headers.get("Content-Type", "application/octet-stream"))


class Announcement:
    """Tells a container's guard (guard/sitecustomize.py) from which port the cloud connects to its server.

    The guard closes all other connections to that server: those of web pages, which can ask any server of
    this machine. The ports are in a file that both share as memory, because writing one for each connection
    would take long: some servers end theirs after each answer.
    """

    def __init__(self, file: Path):
        file.write_bytes(bytes(mmap.PAGESIZE))
        with file.open("r+b") as opened:
            self._ports = memoryview(mmap.mmap(opened.fileno(), 0)).cast("I")

    def make(self, server: int, client: int) -> None:
        """Announces the next connection, by the ports at both ends of it."""
        self._ports[0] = server << 16 | client


class ContainerConnection:
    """A connection to a port of this machine, for one request at a time; opened when it is needed.

    It is announced to the guard of the container where there is one.
    """

    def __init__(self, port: int, announcement: Announcement | None = None):
        self._port, self._announcement = port, announcement
        self._socket: socket.socket | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """Sends a request and returns the answer. Raises NotReady, TooSlow or ContainerEnded.

        The container may be silent for `seconds` at most.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        if any(end in line for line in lines for end in "\r\n\0"):
            raise ValueError("a header of the request holds a line end or a zero byte")
        connection, is_kept = self._connected(seconds), False
        try:
            connection.settimeout(seconds)
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            # One reader for each answer: what a container sends beyond it must not become part of the next.
            with connection.makefile("rb") as reader:
                answer, is_kept = _read_answer(reader)
        except TimeoutError as error:
            raise TooSlow(f"no answer within {seconds:g} seconds") from error
        except (OSError, EOFError, BadHead, MemoryError) as error:
            raise ContainerEnded(f"{type(error).__name__}: {error}") from error
        finally:
            if not is_kept:
                self.close()
        return answer

    def _connected(self, seconds: float) -> socket.socket:
        """The connection; a new one if the container has ended the former one since the last request."""
        if self._socket is not None:
            if not wait_for_read(self._socket, timeout=0):
                return self._socket
            self.close()
        self._socket = socket.socket()
        self._socket.settimeout(seconds)
        try:
            if self._announcement is not None:
                self._socket.bind(("127.0.0.1", 0))
                self._announcement.make(self._port, self._socket.getsockname()[1])
            self._socket.connect(("127.0.0.1", self._port))
        except OSError as error:
            self.close()
            raise NotReady(f"{type(error).__name__}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket


def _read_answer(reader: io.BufferedReader) -> tuple[Answer, bool]:
    """An answer, and whether the connection is kept. Raises OSError, EOFError or BadHead."""
    status, is_current = _read_status(reader)
    headers = read_headers(reader, MAX_HEAD_BYTES)
    while status in INTERIM:
        status, is_current = _read_status(reader)
        headers = read_headers(reader, MAX_HEAD_BYTES)
    is_kept = is_current and "close" not in headers.get("Connection", "").lower()
    if status in WITHOUT_BODY:
        return Answer(status, headers, b""), is_kept
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return Answer(status, headers, b"".join(_chunks(reader))), is_kept
    length = headers.get("Content-Length")
    if length is None:
        return Answer(status, headers, reader.read()), False
    if not LENGTH.fullmatch(length):
        raise EOFError(f"the answer's Content-Length is {length!r}")
    return Answer(status, headers, _exactly(reader, int(length))), is_kept


def _read_status(reader: io.BufferedReader) -> tuple[int, bool]:
    """The status of an answer, and whether it speaks HTTP/1.1."""
    line = reader.readline(MAX_LINE_BYTES)
    if not line:
        raise EOFError("the container closed the connection without an answer")
    if (found := STATUS_LINE.fullmatch(line)) is None:
        raise EOFError(f"the answer does not begin with a status line of HTTP: {line[:80]!r}")
    return int(found[2]), found[1] == b"1"


def _chunks(reader: io.BufferedReader) -> list[bytes]:
    chunks: list[bytes] = []
    while True:
        if (size := CHUNK_SIZE.fullmatch(reader.readline(MAX_CHUNK_LINE_BYTES))) is None:
            raise EOFError("a chunk of the answer does not begin with its size")
        chunk = _exactly(reader, int(size[1], 16))
        if not chunk:
            read_headers(reader, MAX_HEAD_BYTES)  # the trailers, up to the empty line
            return chunks
        chunks.append(chunk)
        if reader.readline(MAX_CHUNK_LINE_BYTES) != b"\r\n":
            raise EOFError("a chunk of the answer is longer than its size says")


def _exactly(reader: io.BufferedReader, count: int) -> bytes:
    content = reader.read(count)
    if len(content) < count:
        raise EOFError(f"the answer has {len(content)} bytes of {count}")
    return content
