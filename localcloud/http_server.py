"""The HTTP server under the front door and under every distribution.

werkzeug's development server with its reading and writing replaced: that trusts what comes in, and leaves the
client waiting when an answer cannot be written.
"""

import io
import logging
import resource
import socket
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from localcloud.containers.bounded_http import BoundedRequestHandler, RequestRefused

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 512
"""Of one server; fewer where the process may open few files, of which its work needs some, too."""
BUSY = b"HTTP/1.1 503 Slow Down\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
Headers = list[tuple[str, str]]


def make_front_server(host: str, port: int, app: Any) -> BaseWSGIServer:
    """A threaded HTTP/1.1 server, bound and not yet serving. Raises OSError when the address is taken.

    The application finds a RequestBody as its "wsgi.input" and says by `receive` how much it wants of it.
    """
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class Handler(_Handler, MotoRequestHandler):
        """moto's handler knows what S3 needs of headers."""

        places = threading.BoundedSemaphore(_most_connections())

    # Bound here because werkzeug's own way to report a port that is taken is to end the process.
    with socket.create_server((host, port), backlog=128) as listening:
        return make_server(host, port, app, threaded=True, request_handler=Handler, fd=listening.fileno())


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, files // 2)


def serve_in_thread(server: BaseWSGIServer) -> threading.Thread:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    return thread


def receive(environ: dict[str, Any], limit: int) -> None:
    """Puts the whole body of a request, as a file, in the place of its reader. Raises RequestRefused.

    So services act on complete requests only, and a slow client keeps none of them waiting.
    """
    environ["wsgi.input"] = body = environ["wsgi.input"].receive(limit)
    if environ.pop("HTTP_TRANSFER_ENCODING", None):
        environ["CONTENT_LENGTH"] = str(body.seek(0, io.SEEK_END))
        body.seek(0)


class _Handler(BoundedRequestHandler):
    """One request a connection, whose answer is written or the connection closed."""

    places: threading.BoundedSemaphore

    def handle(self) -> None:
        if not self.places.acquire(blocking=False):
            self.wfile.write(BUSY)
            return
        try:
            super().handle()
        finally:
            self.places.release()

    def run_wsgi(self) -> None:
        self.close_connection = True
        try:
            body = self.body()
            environ = self.make_environ()
        except RequestRefused as refused:
            self.send_error(refused.status, explain=str(refused))
            return self.linger()
        except ValueError as error:  # an address that is none
            self.send_error(HTTPStatus.BAD_REQUEST, explain=str(error))
            return self.linger()
        environ["wsgi.input"] = body
        environ["wsgi.input_terminated"] = True
        _Answer(self, environ).give(self.server.app)
        if not body.ended:
            self.linger()

    def log(self, type: str, message: str, *args: Any) -> None:
        log.debug(message, *args)

    def log_request(self, *args: Any) -> None:
        log.debug("%s %s", self.requestline, args)


class _Answer:
    """An application's answer to one request: its head goes out with the first piece of its body."""

    def __init__(self, handler: _Handler, environ: dict[str, Any]):
        self._handler = handler
        self._environ = environ
        self._head: bytes | None = None
        self._chunked = False
        self._sent = False

    def give(self, app: Callable[[dict, Any], Iterable[bytes]]) -> None:
        try:
            self._run(app)
        except (ConnectionError, TimeoutError) as gone:
            log.debug("%s: the client has gone: %s", self._handler.requestline, gone)
        except Exception:
            log.exception("%s could not be answered", self._handler.requestline)
            if not self._sent:
                self._handler.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            # Else the client sees that the connection ends before the answer does.

    def _run(self, app: Callable[[dict, Any], Iterable[bytes]]) -> None:
        pieces = app(self._environ, self._start)
        try:
            for piece in pieces:
                if piece:
                    self._write(piece)
            self._write(b"")
        finally:
            if close := getattr(pieces, "close", None):
                close()

    def _start(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        """WSGI's start_response. Raises ValueError for what cannot be written as HTTP."""
        if exc_info and self._sent:
            raise exc_info[1]
        code = int(status.partition(" ")[0])
        if code < HTTPStatus.OK:
            raise ValueError(f"{status} is no final answer")
        names = {name.lower() for name, _ in headers}
        self._chunked = (
            "content-length" not in names
            and code not in WITHOUT_BODY
            and self._environ["REQUEST_METHOD"] != "HEAD"
            and self._handler.request_version == "HTTP/1.1"
        )
        own = [("Server", self._handler.version_string()), ("Date", self._handler.date_time_string())]
        if self._chunked:
            own.append(("Transfer-Encoding", "chunked"))
        lines = [f"HTTP/1.1 {status}"]
        for name, value in [*own, *headers, ("Connection", "close")]:
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
        if self._chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        if not self._sent:
            self._sent = True
            piece = self._head + piece
        if piece:
            self._handler.wfile.write(piece)
