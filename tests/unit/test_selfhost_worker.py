"""The server loop of the web server's processes: how long it waits for clients, and when it cuts them off."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from selfhost.scoreboard import MAX_PROCESSES, Scoreboard
from selfhost.worker import MAX_HEADER_BYTES, UNSUPPORTED, BufferingWorker, Limits, Server

LONG_ANSWER = b"x" * 8_000_000
SLOW = b"POST /slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nx"
QUICK = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


def application(environ, start_response):
    body = LONG_ANSWER if environ["PATH_INFO"] == "/long" else environ["wsgi.input"].read() or b"quick"
    start_response("200 OK", [("content-length", str(len(body)))])
    return [body]


def server(listening: socket.socket, scoreboard: Scoreboard, limits: Limits | None = None) -> Server:
    """A server with one thread."""
    return Server(application, [listening], 1, 64, limits or Limits(), scoreboard)


class Running:
    """A server with one thread, in a thread of its own."""

    def __init__(self, limits: Limits):
        listening = socket.create_server(("127.0.0.1", 0))
        self.address = listening.getsockname()
        self.server = server(listening, Scoreboard(), limits)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.server.step(0.02)
        self.server.stop_listening()
        self.server.finished()

    def connect(self, sent: bytes = b"") -> socket.socket:
        connection = socket.create_connection(self.address, timeout=30)
        connection.sendall(sent)
        return connection

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(**limits: float) -> Running:
        running.append(Running(Limits(**limits)))
        return running[-1]

    yield start
    for each in running:
        each.close()


def answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """Status line and body of the one answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    [length] = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
    while len(body) < int(length.partition(b":")[2]):
        body += connection.recv(65536)
    return head.splitlines()[0], body


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has ended it; waits for that."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def processes() -> Iterator[tuple[Server, Server, Callable[[], socket.socket]]]:
    """Two servers that accept the same clients, as two processes do, and what connects one."""
    first = Scoreboard(clock=lambda: 1000.0)
    second = Scoreboard(first.memory, clock=lambda: 1000.0)
    second.enter(1)
    with socket.create_server(("127.0.0.1", 0)) as listening, contextlib.ExitStack() as clients:
        servers = [server(listening.dup(), each) for each in (first, second)]

        def connect() -> socket.socket:
            return clients.enter_context(socket.create_connection(listening.getsockname(), timeout=30))

        yield *servers, connect
        for each in servers:
            each.stop_listening()
            each.finished()


def test_a_new_connection_is_left_to_the_process_that_has_fewer(processes):
    first, second, connect = processes
    second.step(0)
    for _ in range(3):
        connect()
    for _ in range(100):
        first.step(0)
    assert len(first.connections) == 1
    while len(second.connections) < 2:
        second.step(0)
    assert len(first.connections) == 1


def test_no_connection_is_left_to_a_process_that_accepts_no_more(processes):
    first, second, connect = processes
    second.step(0)
    for _ in range(2):
        connect()
    for _ in range(100):
        first.step(0)
    assert len(first.connections) == 1
    second.stop_listening()
    assert second.finished()
    while len(first.connections) < 2:
        first.step(0)


def test_a_request_that_arrives_while_the_process_ends_is_answered(processes):
    """A client cannot know that the process ends, whether it has just connected or kept its connection."""
    ending, _, connect = processes
    kept = connect()
    kept.sendall(QUICK)
    while not select.select([kept], [], [], 0)[0]:
        ending.step(0.02)
    assert answer(kept) == (b"HTTP/1.1 200 OK", b"quick")
    new = connect()
    while len(ending.connections) < 2:
        ending.step(0)
    kept.sendall(QUICK)
    ending.stop_listening()
    assert not ending.finished()
    new.sendall(QUICK)
    while not ending.finished():
        ending.step(0.02)
    assert answer(kept) == answer(new) == (b"HTTP/1.1 200 OK", b"quick")


def test_a_client_that_connects_and_sends_nothing_does_not_keep_the_process_from_ending(processes):
    ending, _, connect = processes
    silent = connect()
    while not ending.connections:
        ending.step(0)
    ending.stop_listening()
    while not ending.finished():
        ending.step(0.02)
    assert is_closed(silent)


def test_clients_that_send_slowly_take_no_thread(serve):
    running = serve()
    slow = [running.connect(SLOW) for _ in range(20)]
    assert answer(running.connect(QUICK)) == (b"HTTP/1.1 200 OK", b"quick")
    slow[0].sendall(b"x" * 999)
    assert answer(slow[0]) == (b"HTTP/1.1 200 OK", b"x" * 1000)


def test_clients_that_read_slowly_take_no_thread(serve):
    running = serve()
    readers = [running.connect(QUICK.replace(b"/", b"/long", 1)) for _ in range(5)]
    for each in readers:
        each.recv(1)
    assert answer(running.connect(QUICK)) == (b"HTTP/1.1 200 OK", b"quick")


@pytest.mark.parametrize("part", [SLOW, b"GET / HTTP/1.1\r\nhost: "], ids=["body", "headers"])
def test_a_request_that_takes_too_long_is_cut_off_however_steadily_it_comes(serve, part):
    connection = serve(request_seconds=0.5).connect(part)
    connection.settimeout(0.1)
    while True:
        try:
            connection.sendall(b"x")
            assert connection.recv(1) == b""
            break
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            break


def test_a_client_that_is_silent_is_cut_off(serve):
    running = serve(idle_seconds=0.5)
    assert is_closed(running.connect())
    used = running.connect(QUICK)
    assert answer(used)[1] == b"quick"
    assert is_closed(used)


def test_a_client_that_does_not_read_the_answer_is_cut_off(serve):
    running = serve(idle_seconds=0.5)
    reader = running.connect(QUICK.replace(b"/", b"/long", 1))
    reader.recv(1)
    # Read nothing until the server has no connection left.
    while running.server.connections:
        threading.Event().wait(0.05)
    assert sum(iter(lambda: len(reader.recv(65536)), 0)) < len(LONG_ANSWER)


def test_when_all_connections_are_taken_the_longest_idle_is_closed(serve):
    running = serve(connections=3)
    first, second, third = (running.connect(SLOW) for _ in range(3))
    assert answer(running.connect(QUICK))[1] == b"quick"
    assert is_closed(first)
    for each in (second, third):
        each.sendall(b"x" * 999)
    assert answer(third)[1] == b"x" * 1000


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"nonsense\r\n\r\n", b"HTTP/1.0 400 Bad Request", "bad_request"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * MAX_HEADER_BYTES + b"\r\n\r\n", b"431", "bad_request"),
        (QUICK[:-2] + b"transfer-encoding: gzip\r\n\r\n", b"501", "bad_request"),
        (QUICK[:-2] + b"content-length: 2500001\r\n\r\n", b"413", "review_too_long"),
        (QUICK[:-2] + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n", b"400", "bad_request"),
    ],
    ids=["no request", "headers", "encoding", "length", "chunk"],
)
def test_refusals_have_the_form_of_the_apis_errors(serve, sent, status, code):
    line, body = answer(serve().connect(sent))
    error = json.loads(body)["error"]
    assert status in line
    assert error["code"] == code and error["message"] and error["requestId"]


CONTINUE = b"POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (CONTINUE + b"\r\n", b"HTTP/1.1 200 OK"),
        (CONTINUE + b"content-length: 0\r\n\r\n", b"HTTP/1.1 200 OK"),
        (CONTINUE + b"content-length: 5000000\r\n\r\n", b"HTTP/1.1 413 Request Entity Too Large"),
        (CONTINUE + b"transfer-encoding: gzip\r\n\r\n", b"HTTP/1.1 501 Not Implemented"),
    ],
)
def test_a_client_that_has_nothing_to_send_is_not_asked_to_continue(serve, request_, status):
    assert answer(serve().connect(request_))[0] == status


def test_a_client_that_has_something_to_send_is_asked_to_continue(serve):
    connection = serve().connect(CONTINUE + b"content-length: 3\r\n\r\n")
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"abc")
    assert answer(connection) == (b"HTTP/1.1 200 OK", b"abc")


def test_what_follows_a_request_that_is_refused_is_not_answered(serve):
    """It may be a part of that request, which cannot be told from another one."""
    head = QUICK[:-2] + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
    connection = serve().connect(head + b"0\r\n\r\n" + QUICK)
    connection.shutdown(socket.SHUT_WR)
    received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 400 Bad Request")
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("head", [b"content-length: 5000000", b"transfer-encoding: chunked"])
def test_a_client_that_sends_too_much_still_gets_the_answer(serve, head):
    """A connection closed with bytes unread would be reset, and the answer lost."""
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    body = 5 * chunk if b"chunked" in head else b"x" * 5_000_000
    connection = serve().connect(QUICK[:-2] + head + b"\r\n\r\n")
    connection.sendall(body)
    line, told = answer(connection)
    assert line == b"HTTP/1.1 413 Request Entity Too Large"
    assert json.loads(told)["error"]["code"] == "review_too_long"
    connection.shutdown(socket.SHUT_WR)
    assert is_closed(connection)


@pytest.mark.parametrize("setting", UNSUPPORTED)
def test_unsupported_settings_of_gunicorn_are_refused_by_name(setting):
    settings = SimpleNamespace(**dict.fromkeys(UNSUPPORTED, None) | {setting: "given"})
    with pytest.raises(SystemExit, match="the web server does not support "):
        BufferingWorker.check_config(settings, None)


def test_more_processes_than_the_scoreboard_has_room_for_are_refused():
    """It has room for twice as many, since a reload starts new ones before the old ones have ended."""
    settings = SimpleNamespace(**dict.fromkeys(UNSUPPORTED, None), workers=MAX_PROCESSES // 2)
    BufferingWorker.check_config(settings, None)
    settings.workers += 1
    with pytest.raises(SystemExit, match="at most 128 processes"):
        BufferingWorker.check_config(settings, None)
