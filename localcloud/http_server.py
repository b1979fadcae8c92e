"""The HTTP server under the front door and under every distribution.

It is werkzeug's development server with other input and output: werkzeug's own trusts its input, closes every
connection after one answer, and leaves the client waiting if an answer cannot be written.
"""

import contextlib
import io
import logging
import math
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from localcloud.containers.bounded_http import BoundedRequestHandler, Headers, RequestRefused
from localcloud.peers import is_of_this_user
from localcloud.pooled_serving import PooledServer
from localcloud.proxy import HANDSHAKE_SECONDS, Proxy, ProxyError, relay

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 512
"""Of one server; fewer where the process may open few files, of which its work needs some, too."""
MAX_IDLE_SHARE = 0.5
"""Of these connections, so many may wait for their next request; where one more waits, the one that has
waited longest is closed."""
KEEP_ALIVE_SECONDS = 60.0
"""How long one may wait for its next request, as at AWS's load balancers."""
NEXT_SECONDS = 0.2
"""How long a thread waits itself for the next request: most clients send that at once or much later."""
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
BUSY = b"HTTP/1.1 503 Slow Down\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})
"""Headers that the server sets, not the application."""


def make_front_server(host: str, port: int, app: Any) -> "FrontServer":
    """A threaded HTTP/1.1 server, bound and not yet serving. Raises OSError when the address is taken.

    The application finds a RequestBody as its "wsgi.input" and says by `receive` how much it wants of it.
    """
    # Bound here because werkzeug's own way to report a port that is taken is to end the process.
    with socket.create_server((host, port), backlog=MAX_CONNECTIONS) as listening:
        return FrontServer(host, port, app, _Handler, fd=listening.fileno())


def serve_in_thread(server: "FrontServer") -> threading.Thread:
    """Serve in a daemon thread, until `server.shutdown()` is called."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    return thread


def receive(environ: dict[str, Any], limit: int) -> None:
    """Reads the whole body of a request, and replaces its reader by a file. Raises RequestRefused.

    So services get only complete requests, and do not have to wait for slow clients.
    """
    environ["wsgi.input"] = body = environ["wsgi.input"].receive(limit)
    if environ.pop("HTTP_TRANSFER_ENCODING", None):
        environ["CONTENT_LENGTH"] = str(body.seek(0, io.SEEK_END))
        body.seek(0)


class FrontServer(PooledServer, ThreadedWSGIServer):
    """A server of connections that may carry one request after the other."""

    proxy: Proxy | None = None
    """The proxy for clients that use this server as their HTTPS proxy."""

    def __init__(self, *arguments: Any, **named: Any):
        most = _max_connections()
        max_idle = max(1, int(most * MAX_IDLE_SHARE))
        super().__init__(*arguments, max_connections=most, max_idle=max_idle, **named)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accepts a connection and asks at once whose it is, while no other thread competes with this one."""
        connection, address = super().get_request()
        with contextlib.suppress(OSError):  # it has gone; its first request finds that out
            is_of_this_user(connection)
        return connection, address

    def make_handler(self, connection: socket.socket, address: Any) -> "_Handler":
        """The handler of a new connection."""
        return _Handler(connection, address, self)

    def turn_away(self, connection: socket.socket) -> None:
        """Answers 503 to a connection that is one too many."""
        with contextlib.suppress(OSError):  # it has gone
            connection.send(BUSY)


def _max_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, files // 2)


class _Handler(BoundedRequestHandler, WSGIRequestHandler):
    """Answers the requests of one connection.

    The connection is kept open for another request only if both sides know where that begins: the request was
    read and the answer was written completely.
    """

    server: FrontServer
    idle_seconds: float
    waits = False
    _answered = -math.inf

    def __init__(self, request: socket.socket, client_address: Any, server: FrontServer):
        """Prepares to answer; the base class's constructor answers already, and waits for the requests."""
        self.request, self.client_address, self.server = request, client_address, server
        self.setup()

    def handle(self) -> None:
        """Answers the request that begins, and further ones as long as they follow at once."""
        self._has_begun = True
        self._follows_soon = time.monotonic() - self._answered < NEXT_SECONDS
        super().handle()

    def make_environ(self) -> dict[str, Any]:
        """The environ of the request, with S3's headers that have an underscore in their names."""
        environ: dict[str, Any] = super().make_environ()
        if any("_" in name for name, _ in self.headers.items()):
            _add_underscored(environ, self.headers)
        return environ

    def wait_for_request(self) -> bool:
        """Waits a moment if the client is quick and no other needs this thread; later, no thread waits."""
        connection = self.connection
        # What TLS has decrypted, but nobody has read, no longer shows that a request waits.
        has_begun = self._has_begun or (isinstance(connection, ssl.SSLSocket) and connection.pending())
        may_wait = has_begun or (self._follows_soon and not self.server.has_waiting_requests())
        self._incoming.allow(NEXT_SECONDS if may_wait else 0)
        self._has_begun = False
        try:
            return bool(self.rfile.peek(1))
        except TimeoutError:
            self.waits = True
            return False

    def finish(self) -> None:
        """Closes the connection in use as well, if it is not the accepted one."""
        super().finish()
        if self.connection is not self.request:
            self.connection.close()

    def do_CONNECT(self) -> None:
        """Acts as the server that the client asks for, or connects the client to it."""
        proxy = self.server.proxy
        if proxy is None or isinstance(self.connection, ssl.SSLSocket):
            return self.run_wsgi()
        self.close_connection = True
        try:
            context = proxy.tls_of(self.path)
            server = None if context else proxy.dial(self.connection, self.path)
        except ProxyError as error:
            self.send_error(error.status, explain=str(error))
            return self.linger()
        self.wfile.write(CONNECTED)
        if context:
            self._be_server(context)
        elif server:
            with server:
                relay(self.connection, server)

    def _be_server(self, context: ssl.SSLContext) -> None:
        self.connection.settimeout(HANDSHAKE_SECONDS)
        try:
            self.use(context.wrap_socket(self.connection, server_side=True))
        except OSError as error:  # a client that trusts others, as the SDK's telemetry
            return log.debug("%s: no TLS: %s", self.requestline, error)
        self.close_connection = False

    def run_wsgi(self) -> None:
        """Answer the request whose head has been read, and decide whether another may follow."""
        self.idle_seconds = KEEP_ALIVE_SECONDS
        asked_to_close = self.close_connection
        self.close_connection = True
        try:
            body = self.body()
            environ = self.make_environ()
            if len(cookies := self.headers.get_all("Cookie")) > 1:
                environ["HTTP_COOKIE"] = "; ".join(cookies)  # by commas, werkzeug would make them one
        except RequestRefused as refused:
            self.send_error(refused.status, explain=str(refused))
            return self.linger()
        except ValueError as error:  # an address that is none
            self.send_error(HTTPStatus.BAD_REQUEST, explain=str(error))
            return self.linger()
        environ["wsgi.input"] = body
        environ["wsgi.input_terminated"] = True

        def may_keep() -> bool:
            return body.ended and not asked_to_close and not self.server.closing

        self.close_connection = not _Answer(self, environ, may_keep).give(self.server.app)
        self._answered = time.monotonic()
        if not body.ended:
            self.linger()

    def log(self, type: str, message: str, *args: Any) -> None:
        log.debug(message, *args)

    def log_request(self, *args: Any) -> None:
        log.debug("%s %s", self.requestline, args)


def _add_underscored(environ: dict[str, Any], headers: Headers) -> None:
    """Adds S3's metadata whose names have underscores, which werkzeug leaves out, as moto's own server does.

    They never stand in for a header with dashes.
    """
    from moto.core.request import (
        PRESERVED_HEADER_NAMES_ENVIRON_KEY,
        environ_key_for_header,
        should_preserve_original_header_name,
    )

    dashed = {environ_key_for_header(name) for name, _ in headers.items() if "_" not in name}
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in headers.items():
        key = environ_key_for_header(name)
        if should_preserve_original_header_name(name) and key not in dashed:
            names.setdefault(key, name)
            values.setdefault(key, []).append(value)
    environ.update({key: ",".join(several) for key, several in values.items()})
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names


class _Answer:
    """An application's answer to one request; the head is sent with the first piece of the body.

    `may_keep` is called when the answer begins, and returns whether the connection may be kept afterwards.
    """

    def __init__(self, handler: _Handler, environ: dict[str, Any], may_keep: Callable[[], bool]):
        self._handler = handler
        self._environ = environ
        self._may_keep = may_keep
        self._head: bytes | None = None
        self._has_body = True
        self._chunked = False
        self._left: int | None = None
        """The rest of the announced length that is still to be written; None without a length."""
        self._sent = False
        self._keep = False

    def give(self, app: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> bool:
        """Writes the answer, and returns whether the connection can be used for another one."""
        try:
            self._run(app)
            return self._keep
        except (ConnectionError, TimeoutError) as gone:
            log.debug("%s: the client has gone: %s", self._handler.requestline, gone)
        except Exception:
            log.exception("%s could not be answered", self._handler.requestline)
            if not self._sent:
                self._handler.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            # Else the client sees that the connection ends before the answer does.
        return False

    def _run(self, app: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> None:
        pieces = app(self._environ, self._start)
        try:
            for piece in pieces:
                if piece:
                    self._write(piece)
            self._write(b"")
        finally:
            if close := getattr(pieces, "close", None):
                close()
        if self._left:
            raise ValueError(f"the answer has {self._left} bytes less than its Content-Length says")

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """WSGI's start_response. Raises ValueError for what cannot be written as HTTP."""
        if exc_info and self._sent:
            raise exc_info[1]
        code = int(status.partition(" ")[0])
        if code < HTTPStatus.OK:
            raise ValueError(f"{status} is not a final status")
        self._has_body = code not in WITHOUT_BODY and self._environ["REQUEST_METHOD"] != "HEAD"
        lengths = {value for name, value in headers if name.lower() == "content-length"}
        if len(lengths) > 1:
            raise ValueError(f"the answer has the lengths {lengths}")
        self._left = int(lengths.pop()) if lengths and self._has_body else None
        is_current = self._handler.request_version == "HTTP/1.1"
        self._chunked = self._has_body and self._left is None and is_current
        wants_end = ("connection", "close") in ((name.lower(), value.lower()) for name, value in headers)
        self._keep = self._may_keep() and not wants_end
        own = [("Server", self._handler.version_string()), ("Date", self._handler.date_time_string())]
        if self._chunked:
            own.append(("Transfer-Encoding", "chunked"))
        if not self._keep:
            own.append(("Connection", "close"))
        lines = [f"HTTP/1.1 {status}"]
        passed_on = [header for header in headers if header[0].lower() not in OF_THE_CONNECTION]
        for name, value in [*own, *passed_on]:
            line = f"{name}: {value}"
            if any(end in line for end in "\r\n\0"):
                raise ValueError(f"the header {name!r} holds a line end or a zero byte")
            lines.append(line)
        self._head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return self._write

    def _write(self, piece: bytes) -> None:
        """Sends a piece of the body, the empty one being its end."""
        if self._head is None:
            raise ValueError("the application did not begin its answer")
        if not self._has_body:
            piece = b""
        if self._left is not None:
            if len(piece) > self._left:
                raise ValueError("the answer has more bytes than its Content-Length says")
            self._left -= len(piece)
        if self._chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        if not self._sent:
            self._sent = True
            piece = self._head + piece
        if piece:
            self._handler.wfile.write(piece)
