"""Connections that carry several requests: how long they are kept, and that no request hides in another."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import psutil
import pytest
import werkzeug

from localcloud import http_server
from localcloud.containers import bounded_http
from localcloud.containers.bounded_http import BoundedRequestHandler, RequestRefused
from localcloud.server import Server

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Application:
    """Answers with the method, path and body of a request, and remembers the paths."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.paths.append(environ["PATH_INFO"])
        try:
            http_server.receive(environ, 1000)
        except RequestRefused as refused:
            return werkzeug.Response(str(refused), refused.status)(environ, start_response)
        status = int(environ["QUERY_STRING"] or 200)
        body = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} ".encode() + environ["wsgi.input"].read()
        return werkzeug.Response(b"" if status in (204, 304) else body, status)(environ, start_response)


@pytest.fixture
def application() -> Application:
    return Application()


def raw(port: int, *pieces: bytes) -> bytes:
    """Sends bytes and no more; returns all that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


def statuses(answer: bytes) -> list[int]:
    return [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_a_connection_carries_one_request_after_the_other(
    application: Application, serve: Callable[[Any], int]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serve(application), timeout=30)
    connection.connect()
    used = connection.sock
    for method, path, body, expected in (
        ("GET", "/a", None, b"GET /a "),
        ("POST", "/b", b"x" * 900, b"POST /b " + b"x" * 900),
        ("POST", "/c", iter([b"in ", b"chunks"]), b"POST /c in chunks"),
        ("HEAD", "/d", None, b""),
        ("GET", "/e?204", None, b""),
        ("GET", "/f?304", None, b""),
        ("GET", "/g?404", None, b"GET /g "),
        ("PUT", "/h", b"", b"PUT /h "),
    ):
        connection.request(method, path, body, encode_chunked=not isinstance(body, bytes | None))
        response = connection.getresponse()
        assert response.read() == expected
        assert connection.sock is used
        assert response.getheader("Connection") is None
    connection.close()


def test_clients_of_a_cloud_keep_their_connections() -> None:
    with Server(port=0, services=[]) as server:
        sts = server.cloud.client("sts")
        http_session = sts._endpoint.http_session
        for _ in range(3):
            sts.get_caller_identity()
        [pool] = http_session._manager.pools._container.values()
        assert (pool.num_connections, pool.num_requests) == (1, 3)


def test_requests_that_are_sent_at_once_are_answered_in_their_order(
    application: Application, serve: Callable[[Any], int]
) -> None:
    first = b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    second = b"POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
    answer = raw(serve(application), first + second + HIDDEN)
    assert statuses(answer) == [200, 200, 200]
    assert answer.index(b"POST /1 abc") < answer.index(b"POST /2 de") < answer.index(b"GET /hidden")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: TE, Close\r\n\r\n",
        b"GET /x HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET /x HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_a_client_that_wants_one_answer_gets_one(
    application: Application, serve: Callable[[Any], int], head: bytes
) -> None:
    answer = raw(serve(application), head + HIDDEN)
    assert statuses(answer) == [200]
    assert b"\r\nConnection: close\r\n" in answer
    assert application.paths == ["/x"]


def post(*headers: bytes) -> bytes:
    return b"\r\n".join([b"POST /x HTTP/1.1", b"Host: localhost", *headers, b"", b""])


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        post(b"Content-Length: 5", b"Content-Length: 6"),
        post(b"Content-Length : 5"),
        post(b" Content-Length: 5"),
        post(b"X: y", b"\tContent-Length: 5"),
        post(b"X: y\rContent-Length: 5"),
        post(b"Content-Length: +5"),
        post(b"Content-Length: 5\0"),
        post(b"Content-Length"),
        post(b"X: " + b" " * 30_000 + b"\0"),
        post(b"Transfer-Encoding: xchunked"),
        post(b"Transfer-Encoding: chunked, identity"),
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        post(b"Transfer-Encoding: chunked") + b"5\n" + b"0\r\n\r\n",
        post(b"Transfer-Encoding: chunked") + b"5;\rx\r\n" + b"0\r\n\r\n",
        post(b"Transfer-Encoding: chunked") + b"3\r\nabc0\r\n\r\n",
        post(b"Content-Length: 1001"),
        post(b"X: " + b"y" * 40_000),
        b"POST /x y HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n",
    ],
)
def test_no_request_hides_behind_one_that_is_refused(
    application: Application, serve: Callable[[Any], int], request_bytes: bytes
) -> None:
    answer = raw(serve(application), request_bytes + HIDDEN)
    assert "/hidden" not in application.paths
    assert len(statuses(answer)) <= 1
    assert not statuses(answer) or statuses(answer)[0] >= 400


def test_a_body_that_nobody_reads_is_not_taken_for_a_request(serve: Callable[[Any], int]) -> None:
    answers = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answers.append(environ["PATH_INFO"])
        return werkzeug.Response("no")(environ, start_response)

    answer = raw(serve(application), post(b"Content-Length: %d" % len(HIDDEN)) + HIDDEN)
    assert (statuses(answer), answers) == ([200], ["/x"])


def test_what_the_gate_refuses_ends_the_connection() -> None:
    with Server(port=0, services=[]) as server:
        page = b"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n"
        answer = raw(server.cloud.port, page + HIDDEN)
    assert statuses(answer) == [403]
    assert answer.count(b"Connection: close") == 1


def test_a_truncated_head_is_refused(application: Application, serve: Callable[[Any], int]) -> None:
    assert raw(serve(application), b"POST /x HTTP/1.1\r\nHost: localhost\r\n").startswith(b"HTTP/1.1 400 ")
    assert application.paths == []


@pytest.mark.parametrize(
    ("announced", "pieces"), [("5", [b"abc"]), ("2", [b"ab", b"cd"]), ("2", [b"abcd"])], ids=repr
)
def test_an_answer_of_another_length_than_it_says_ends_the_connection(
    serve: Callable[[Any], int], announced: str, pieces: list[bytes]
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", announced)])
        return pieces

    answer = raw(serve(application), HIDDEN * 2)
    assert len(statuses(answer)) == 1
    assert b"abcd" not in answer


def test_an_application_cannot_frame_its_answer_itself(serve: Callable[[Any], int]) -> None:
    headers = {"Transfer-Encoding": "chunked", "Keep-Alive": "timeout=1000", "Connection": "Upgrade"}
    answer = raw(serve(werkzeug.Response("hello", headers=headers)), HIDDEN * 2)
    assert statuses(answer) == [200, 200]
    assert not any(name.encode() in answer for name in headers)


def is_closed(connection: socket.socket) -> bool:
    return connection.recv(1) == b""


def test_connections_wait_for_a_time(
    application: Application, serve: Callable[[Any], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "KEEP_ALIVE_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", serve(application)), timeout=30) as connection:
        connection.sendall(HIDDEN)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert statuses(answer) == [200]


def test_the_next_request_has_the_time_of_any_other(
    application: Application, serve: Callable[[Any], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not that of a connection which waits."""
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(BoundedRequestHandler, "idle_seconds", 30.0)
    with socket.create_connection(("127.0.0.1", serve(application)), timeout=30) as connection:
        connection.sendall(HIDDEN + b"GET /slow")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert application.paths == ["/hidden"]


def test_of_many_that_wait_the_longest_waiting_is_closed(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "MAX_CONNECTIONS", 4)
    server = http_server.make_front_server("127.0.0.1", 0, application)
    http_server.serve_in_thread(server)
    with contextlib.ExitStack() as stack:
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        waiting = []
        for number in range(3):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            connection.sendall(HIDDEN)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            waiting.append(connection)
            while len(server.idle) < min(number + 1, 2):  # it waits a moment after its answer only
                time.sleep(0.01)
        assert is_closed(waiting[0])
        for connection in waiting[1:]:
            connection.sendall(HIDDEN)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_server_that_closes_leaves_no_connection(application: Application) -> None:
    server = http_server.make_front_server("127.0.0.1", 0, application)
    http_server.serve_in_thread(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(HIDDEN)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        server.shutdown()
        server.server_close()
        assert is_closed(connection)


def test_connections_that_wait_need_no_threads(application: Application, serve: Callable[[Any], int]) -> None:
    port, before = serve(application), psutil.Process().num_threads()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            connection.sendall(HIDDEN)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert psutil.Process().num_threads() - before < 50
        for _ in range(3):  # the connection has waited without a thread, and then with one
            connection.sendall(HIDDEN)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_requests_that_wait_for_each_other_are_all_answered(serve: Callable[[Any], int]) -> None:
    """As those of a function do that calls its own cloud."""
    together = 30
    barrier = threading.Barrier(together)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        barrier.wait(30)
        return werkzeug.Response("hello")(environ, start_response)

    port = serve(application)
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in range(together)
        ]
        for connection in connections:
            connection.sendall(HIDDEN)
        for connection in connections:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
