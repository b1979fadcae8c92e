"""A gunicorn worker in which slow clients occupy memory, but no thread.

waitress's event loop reads the requests and writes the answers of all connections of the process. A thread
gets a request when it has arrived completely, and is free before the client has read the answer. Connections
that take too long or are too many are closed. gunicorn starts, watches, replaces and ends the process, as
with any worker.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

# gunicorn and waitress are untyped: their classes are Any, hence the ignores below.
from gunicorn.workers.base import Worker
from sentiment_api.api import error_response
from sentiment_api.body import MAX_BODY_BYTES
from sentiment_api.errors import BadRequest, HttpError, TooLong
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import RequestEntityTooLarge

from selfhost.logs import fields, logger

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

# The longest delay until a signal, or the end of gunicorn's arbiter, is noticed.
POLL_SECONDS = 0.5
BUSY_POLL_SECONDS = 0.05
MAX_HEADER_BYTES = 32_768
# Longer bodies are buffered in a temporary file.
MAX_BODY_BYTES_IN_MEMORY = 131_072
# How long a refused client may still send: if a connection is closed with unread bytes, the answer is lost.
DRAIN_SECONDS = 5
RECEIVED_AT_ONCE_BYTES = 65_536
# Settings of gunicorn that this worker does not support.
UNSUPPORTED = {
    "is_ssl": "TLS (let a proxy in front end it)",
    "max_requests": "max_requests",
    "accesslog": "an access log (the application writes a line a request)",
}

log = logger()


@dataclass(frozen=True)
class Limits:
    """A process's limits for its clients.

    `connections` is the number of simultaneous connections; another one replaces the one that has been idle
    for longest. `request_seconds` is the time from the first to the last byte of a request. `idle_seconds` is
    the time without any traffic, between requests and while the client does not read an answer.
    """

    connections: int = 256
    request_seconds: float = 60
    idle_seconds: float = 75


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses HTTP versions other than 1.0 and 1.1, which waitress would treat as 1.0."""

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head of a request. Raises ParsingError."""
        super().parse_header(header_plus)
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("HTTP version is not supported")


class Refusal(ErrorTask):  # type: ignore[misc]
    """Answers malformed and oversized requests with the API's errors."""

    def execute(self) -> None:
        """Write the response."""
        fault = self.request.error
        if isinstance(fault, RequestEntityTooLarge):
            error: HttpError = TooLong(f"The request is too long; at most {MAX_BODY_BYTES:,} bytes are read.")
        else:
            error = BadRequest("The request cannot be read.")
        request_id = uuid.uuid4().hex
        response = error_response(error, request_id)
        log.warning(
            "refused a request",
            **fields(requestId=request_id, status=fault.code, reason=f"{fault.reason}: {fault.body}"),
        )
        self.status = f"{fault.code} {fault.reason}"
        self.response_headers.extend([*response.headers.items(), ("x-request-id", request_id)])
        self.set_close_on_finish()
        self.channel.refused = True
        self.content_length = len(response.body)
        self.write(response.body)


class Connection(HTTPChannel):  # type: ignore[misc]
    """A client's connection. It records when its current request began."""

    error_task_class = Refusal
    parser_class = Parser
    request_began = 0.0
    refused = False
    drained_until = 0.0

    def received(self, data: bytes) -> bool:
        if self.drained_until:
            return False
        if self.request is None:
            self.request_began = time.time()
        return bool(super().received(data))

    def readable(self) -> bool:
        return bool(self.drained_until) or super().readable()

    def handle_close(self) -> None:
        """Close the connection; if a refused client may still be sending, close only our side at first."""
        if self.refused and self.connected and not self.drained_until:
            self.drained_until = time.time() + DRAIN_SECONDS
            self.will_close = False
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        else:
            super().handle_close()

    def overdue(self, now: float, limits: Limits) -> bool:
        """Whether the connection has exceeded the time to send a request, to be idle, or to be drained."""
        slow = self.request is not None and now - self.request_began > limits.request_seconds
        silent = now - self.last_activity > limits.idle_seconds
        return slow or silent or 0 < self.drained_until < now

    @property
    def busy(self) -> bool:
        """Whether a request is being received or answered."""
        return bool(self.requests or self.request is not None or self.total_outbufs_len)


class _Listener:
    """A listening socket of waitress without maintenance during polling; `Server.step` does that."""

    channel_class = Connection

    def maintenance(self, now: float) -> None:
        """Do nothing: a descriptor closed while waitress polls may be reused by another connection."""


class TcpListener(_Listener, TcpWSGIServer):  # type: ignore[misc]
    """A listener at an address and a port."""


class UnixListener(_Listener, UnixWSGIServer):  # type: ignore[misc]
    """A listener at the path of a Unix socket."""


class Server:
    """The event loop of a process: `step` runs it once, `stop_listening` begins the shutdown."""

    def __init__(
        self,
        application: WSGIApplication,
        sockets: list[socket.socket],
        threads: int,
        backlog: int,
        limits: Limits,
    ):
        settings = Adjustments(
            sockets=sockets,
            backlog=backlog,
            # `step` closes connections above the limit, except those that are being answered.
            connection_limit=2 * limits.connections,
            # waitress refuses bodies of exactly this size, too.
            max_request_body_size=MAX_BODY_BYTES + 1,
            max_request_header_size=MAX_HEADER_BYTES,
            inbuf_overflow=MAX_BODY_BYTES_IN_MEMORY,
            recv_bytes=RECEIVED_AT_ONCE_BYTES,
            log_socket_errors=False,
            ident=None,
        )
        threads_of_all = ThreadedTaskDispatcher()
        threads_of_all.set_thread_count(threads)
        self._limits = limits
        self._map: dict[int, Any] = {}  # waitress's, by descriptor
        self._listeners = []
        for each in sockets:
            kind = UnixListener if each.family == socket.AF_UNIX else TcpListener
            described = (each.family, each.type, each.proto, each.getsockname())
            listener = kind(
                application, self._map, True, each, threads_of_all, settings, described, bind_socket=False
            )
            self._listeners.append(listener)

    @property
    def connections(self) -> list[Connection]:
        """The open connections of all listeners."""
        return [each for listener in self._listeners for each in listener.active_channels.values()]

    def step(self, seconds: float = POLL_SECONDS) -> None:
        """Wait at most `seconds` for sockets to become ready, then read and write."""
        self._cut_off()
        wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)

    def stop_listening(self) -> None:
        """Accept no more connections."""
        for each in self._listeners:
            wasyncore.dispatcher.close(each)

    def finished(self) -> bool:
        """Close the idle connections, and return whether there are no others."""
        for each in self.connections:
            if not each.busy:
                each.handle_close()
        return not self.connections

    def _cut_off(self) -> None:
        """Close overdue connections, and the longest idle ones above the limit."""
        now, connections = time.time(), self.connections
        too_many = max(0, len(connections) - self._limits.connections)
        # Connections that a thread is answering are never closed.
        idle = [each for each in connections if not each.requests]
        for place, each in enumerate(sorted(idle, key=lambda each: each.last_activity)):
            if place < too_many or each.overdue(now, self._limits):
                each.handle_close()


class BufferingWorker(Worker):  # type: ignore[misc]
    """The worker class that gunicorn.conf.py names."""

    @classmethod
    def check_config(cls, cfg: Any, log: logging.Logger) -> None:
        """Raises SystemExit for settings of gunicorn that this worker does not support."""
        for name, meant in UNSUPPORTED.items():
            if getattr(cfg, name):
                raise SystemExit(f"error: the web server does not support {meant}")

    def run(self) -> None:
        """Serve until gunicorn ends this worker; then finish the requests that are being answered."""
        sockets = [each.sock for each in self.sockets]
        server = Server(self.wsgi, sockets, self.cfg.threads, self.cfg.backlog, Limits())
        while self.alive and os.getppid() == self.ppid:
            self.notify()
            server.step()
        server.stop_listening()
        end = time.monotonic() + self.cfg.graceful_timeout
        while not server.finished() and time.monotonic() < end:
            self.notify()
            server.step(BUSY_POLL_SECONDS)
