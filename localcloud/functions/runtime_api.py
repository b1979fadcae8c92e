"""The Lambda Runtime API, version 2018-06-01, which the runtime client of a sandbox talks to.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import enum
import json
import logging
import os
import queue
import socket
import sys
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import HTTPServer

from urllib3.util import wait_for_read

from localcloud.containers.bounded_http import MAX_HEAD_BYTES, BoundedRequestHandler, RequestRefused
from localcloud.peers import is_of_this_user
from localcloud.serving import PromptServer

log = logging.getLogger(__name__)

PREFIX = "/2018-06-01/runtime/"
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100
"""The limit of a synchronous response, from Lambda's error message."""
MAX_CAUSE_BYTES = 1024 * 1024
"""The longest header in which the runtime client describes an error for X-Ray."""

OF_PAGES = ("Origin", "Sec-Fetch-Site")
"""Headers that browsers send and runtimes do not."""


class Kind(enum.Enum):
    """The kinds of reports."""

    READY = enum.auto()
    INIT_ERROR = enum.auto()
    RESPONSE = enum.auto()
    ERROR = enum.auto()
    TOO_LARGE = enum.auto()


@dataclass(frozen=True)
class Report:
    """A report of a runtime: that it is ready, or how its initialisation or invocation ended."""

    kind: Kind
    body: bytes = b""
    request_id: str | None = None


@dataclass(frozen=True)
class Invocation:
    """An event for the handler."""

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str
    client_context: str | None = None
    deadline_ms: int = 0
    """In milliseconds since 1970; set when a runtime takes the event."""

    def headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.function_arn,
            "Lambda-Runtime-Trace-Id": self.trace_id,
        }
        if self.client_context:
            headers["Lambda-Runtime-Client-Context"] = self.client_context
        return headers


class RuntimeApi:
    """Serves one runtime, on a port of its own because the protocol does not name sandboxes."""

    def __init__(self) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._connection: socket.socket | None = None
        self._is_ready = False
        api = self

        class Handler(_Handler):
            runtime_api = api

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """host:port, the value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def submit(self, invocation: Invocation) -> None:
        self._invocations.put(invocation)

    def next_invocation(self) -> Invocation | None:
        """Blocks until there is an event for the runtime; None once the API is closed.

        Only the first call reports that the runtime is ready. The later ones follow the answer to an event,
        and a report would wake up whoever already waits for the answer to the next one.
        """
        if not self._is_ready:
            self._is_ready = True
            self.reports.put(Report(Kind.READY))
        return self._invocations.get()

    def hears_from(self, connection: socket.socket) -> None:
        """Notes the connection of the runtime's latest request; it uses one for all of them."""
        self._connection = connection

    def lost_its_runtime(self) -> bool:
        """Whether the runtime has closed its connection, for example because it was killed."""
        if self._connection is None:
            return False
        try:
            if not wait_for_read(self._connection, timeout=0):
                return False
            # A copy, since whoever serves the connection changes its time-out, by which this would wait.
            with socket.socket(fileno=os.dup(self._connection.fileno())) as connection:
                return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except (OSError, ValueError):  # it has been closed here, too
            return True

    def close(self) -> None:
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()


class _Server(PromptServer, HTTPServer):
    def verify_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> bool:
        """Refuses other users of this machine, who would get the function's events."""
        return isinstance(request, socket.socket) and is_of_this_user(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Logs errors other than broken connections, which killed runtimes leave."""
        if isinstance(sys.exception(), ConnectionError):
            return
        log.exception("a runtime's request failed")


class _Handler(BoundedRequestHandler):
    runtime_api: RuntimeApi
    idle_seconds = None  # a runtime works on an event as long as it may
    max_head_bytes = MAX_HEAD_BYTES + MAX_CAUSE_BYTES

    def parse_request(self) -> bool:
        """Refuses requests of web pages, which can ask any server of this machine, under any name."""
        if not super().parse_request():
            return False
        of_page = any(name in self.headers for name in OF_PAGES)
        if of_page or self.headers.get("Host") != self.runtime_api.address:
            self.close_connection = True
            self._answer(403, b"{}")
            return False
        self.runtime_api.hears_from(self.connection)
        return True

    def do_GET(self) -> None:
        if self.path != PREFIX + "invocation/next":
            return self._answer(404, b"{}")
        invocation = self.runtime_api.next_invocation()
        if invocation is None:
            self.close_connection = True
            return self._answer(410, b"{}")
        self._answer(200, invocation.payload, invocation.headers())

    def do_POST(self) -> None:
        reports = self.runtime_api.reports
        what = self.path.removeprefix(PREFIX).split("/")
        try:
            body = self.body().receive(MAX_RESPONSE_BYTES).read()
        except RequestRefused as refused:
            self._refuse(refused, what)
            return self.linger()
        match what:
            case ["init", "error"]:
                reports.put(Report(Kind.INIT_ERROR, body))
            case ["invocation", request_id, "error"]:
                reports.put(Report(Kind.ERROR, body, request_id))
            case ["invocation", request_id, "response"]:
                reports.put(Report(Kind.RESPONSE, body, request_id))
            case _:
                return self._answer(404, b"{}")
        self._answer(202, b'{"status":"OK"}')

    def _refuse(self, refused: RequestRefused, what: list[str]) -> None:
        message = str(refused)
        if refused.status == 413 and what[0] == "invocation" and what[-1] == "response":
            self.runtime_api.reports.put(Report(Kind.TOO_LARGE, b"", what[1]))
            message = f"Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        error = {"errorType": "RequestEntityTooLarge", "errorMessage": message}
        self._answer(refused.status, json.dumps(error).encode())

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self.wfile.write("\r\n".join(lines).encode("latin-1") + body)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""
