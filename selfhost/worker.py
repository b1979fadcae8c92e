"""A gunicorn worker in which slow clients occupy memory, but no thread.

waitress's event loop reads the requests and writes the answers of all connections of the process. A thread
gets a request when it has arrived completely, and is free before the client has read the answer. Connections
that take too long or are too many are closed. gunicorn starts, watches, replaces and ends the process, as
with any worker.

All processes listen on the same sockets. A new connection is accepted by one that has the fewest, since a
client may keep it for many requests, and one process would work while another is idle.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import sys
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
from waitress.server import BaseWSGIServer, TcpWSGIServer, UnixWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import RequestEntityTooLarge

from selfhost.logs import fields, logger
from selfhost.request_parser import Parser
from selfhost.scoreboard import MAX_PROCESSES, SCOREBOARD, Scoreboard

if TYPE_CHECKING:
    from types import FrameType
    from wsgiref.types import WSGIApplication

# The longest delay until a signal, or the end of gunicorn's arbiter, is noticed.
POLL_SECONDS = 0.5
BUSY_POLL_SECONDS = 0.05
# How long a process leaves new connections to those that have fewer, before it looks again.
DEFER_SECONDS = 0.001
# After this time, a thread that computes lets another one run. With Python's 5 ms, what takes several turns,
# such as reading a request, refusing it and logging that, would be slow whenever the process is busy.
SWITCH_SECONDS = 0.001
MAX_HEADER_BYTES = 32_768
# Longer bodies are buffered in a temporary file.
MAX_BODY_BYTES_IN_MEMORY = 131_072
# How long a refused client may still send: if a connection is closed with unread bytes, the answer is lost.
DRAIN_SECONDS = 5
# How long a process that ends waits for the first request of a client that has connected.
FIRST_REQUEST_SECONDS = 1
RECEIVED_AT_ONCE_BYTES = 65_536
# A reload starts as many processes again before the old ones have ended.
MAX_WORKERS = MAX_PROCESSES // 2
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
        """Whether a request is being received or answered, or is about to come from a new client."""
        is_new = not self.request_began and time.time() - self.creation_time < FIRST_REQUEST_SECONDS
        return bool(is_new or self.requests or self.request is not None or self.total_outbufs_len)


class _Listener(BaseWSGIServer):  # type: ignore[misc]
    """A listening socket of waitress that leaves new connections to processes with fewer.

    It has no maintenance during polling; `Server.step` does that.
    """

    channel_class = Connection
    scoreboard: Scoreboard
    _defers_until = 0.0

    def maintenance(self, now: float) -> None:
        """Do nothing: a descriptor closed while waitress polls may be reused by another connection."""

    @property
    def defers(self) -> bool:
        """Whether it leaves new connections to other processes just now, without looking for any."""
        return time.monotonic() < self._defers_until and self.scoreboard.has_too_many_connections()

    def readable(self) -> bool:
        """Whether to look for new connections."""
        return not self.defers and bool(super().readable())

    def handle_accept(self) -> None:
        """Accept a connection, or leave it to a process with fewer for now."""
        if self.scoreboard.has_too_many_connections():
            self._defers_until = time.monotonic() + DEFER_SECONDS
        else:
            super().handle_accept()


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
        scoreboard: Scoreboard,
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
        self._limits, self._scoreboard = limits, scoreboard
        self._listening, self._next_check = True, 0.0
        self._map: dict[int, Any] = {}  # waitress's, by descriptor
        self._listeners = []
        for each in sockets:
            kind = UnixListener if each.family == socket.AF_UNIX else TcpListener
            described = (each.family, each.type, each.proto, each.getsockname())
            listener = kind(
                application, self._map, True, each, threads_of_all, settings, described, bind_socket=False
            )
            listener.scoreboard = scoreboard
            self._listeners.append(listener)

    @property
    def connections(self) -> list[Connection]:
        """The open connections of all listeners."""
        return [each for listener in self._listeners for each in listener.active_channels.values()]

    def step(self, seconds: float = POLL_SECONDS) -> None:
        """Wait at most `seconds` for sockets to become ready, then read and write."""
        self._cut_off()
        self._scoreboard.report(len(self.connections) if self._listening else math.inf)
        if any(each.defers for each in self._listeners):
            seconds = min(seconds, DEFER_SECONDS)
        wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)

    def stop_listening(self) -> None:
        """Leave new connections to the other processes, and read the requests that have arrived."""
        self._listening = False
        for each in self._listeners:
            wasyncore.dispatcher.close(each)
        self.step(0)

    def finished(self) -> bool:
        """Close the idle connections, and return whether there are no others."""
        for each in self.connections:
            if not each.busy:
                each.handle_close()
        return not self.connections

    def _cut_off(self) -> None:
        """Close the longest idle connections above the limit at once, and overdue ones every POLL_SECONDS."""
        now, connections = time.time(), self.connections
        too_many = max(0, len(connections) - self._limits.connections)
        if not too_many and time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + POLL_SECONDS
        # Connections that a thread is answering are never closed.
        idle = [each for each in connections if not each.requests]
        for place, each in enumerate(sorted(idle, key=lambda each: each.last_activity)):
            if place < too_many or each.overdue(now, self._limits):
                each.handle_close()


class BufferingWorker(Worker):  # type: ignore[misc]
    """The worker class that gunicorn.conf.py names."""

    _may_wait = False

    @classmethod
    def check_config(cls, cfg: Any, log: logging.Logger) -> None:
        """Raises SystemExit for settings of gunicorn that this worker does not support."""
        for name, meant in UNSUPPORTED.items():
            if getattr(cfg, name):
                raise SystemExit(f"error: the web server does not support {meant}")
        if cfg.workers > MAX_WORKERS:
            raise SystemExit(f"error: the web server supports at most {MAX_WORKERS} processes")

    def run(self) -> None:
        """Serve until gunicorn ends this worker; then finish the requests that are being answered."""
        sys.setswitchinterval(SWITCH_SECONDS)
        sockets = [each.sock for each in self.sockets]
        server = Server(self.wsgi, sockets, self.cfg.threads, self.cfg.backlog, Limits(), SCOREBOARD)
        while self._serves():
            self.notify()
            server.step()
        server.stop_listening()
        end = time.monotonic() + self.cfg.graceful_timeout
        while not server.finished() and time.monotonic() < end:
            self.notify()
            server.step(BUSY_POLL_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End soon; at once if the signal comes again, since gunicorn is ending or has waited long enough."""
        self._may_wait = self.alive
        super().handle_exit(sig, frame)

    def _serves(self) -> bool:
        """Whether to go on; after a reload, until a new process has loaded its model, too."""
        if os.getppid() != self.ppid:
            return False
        return self.alive or (self._may_wait and SCOREBOARD.awaits_successor())
