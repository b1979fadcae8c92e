"""The clients of `make load`: how they count answers, refusals and whatever else they get."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator

import pytest

from benchmarks import load_client
from benchmarks.load_client import Case, Run, load

ANSWER = {"label": "positive", "words": [["good", 1.5]]}
CASES = [Case(json.dumps({"review": text}).encode(), ANSWER | {"text": text}) for text in ("a", "b", "c")]


def http(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d X" % status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


def answer_to(body: bytes) -> bytes:
    text = json.loads(body)["review"]
    return json.dumps(ANSWER | {"text": text}).encode()


class Stub:
    """A server that answers each request with what `reply` returns for its body, or ends the connection."""

    def __init__(self, reply: Callable[[bytes], bytes | None]):
        stub = self
        self.bodies: list[bytes] = []
        self.connections = 0

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                stub.connections += 1
                while line := self.rfile.readline():
                    assert line == b"POST /predict HTTP/1.1\r\n"
                    headers = dict(iter(lambda: tuple(self.rfile.readline().split(b": ", 1)), (b"\r\n",)))
                    body = self.rfile.read(int(headers[b"Content-Length"]))
                    stub.bodies.append(body)
                    if (reply_bytes := reply(body)) is None:
                        return
                    self.wfile.write(reply_bytes)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def load(self, clients: int, requests: int, seconds: float = 30) -> Run:
        url = f"http://127.0.0.1:{self.server.server_address[1]}/predict"
        return load(url, CASES, clients, requests, seconds)


@pytest.fixture
def stub() -> Iterator[Callable[[Callable[[bytes], bytes | None]], Stub]]:
    stubs: list[Stub] = []

    def start(reply: Callable[[bytes], bytes | None]) -> Stub:
        stubs.append(Stub(reply))
        return stubs[-1]

    yield start
    for one in stubs:
        one.server.shutdown()
        one.server.server_close()


def test_the_models_answers_are_counted_and_connections_kept(stub):
    server = stub(lambda body: http(200, answer_to(body)))
    run = server.load(clients=3, requests=20)
    assert (len(run.answered), run.refused, run.kinds) == (20, [], {})
    assert sorted(server.bodies) == sorted(CASES[number % 3].body for number in range(20))
    assert server.connections == 3
    assert 0 < max(run.answered) <= run.seconds


def test_an_answer_is_compared_in_full_each_time(stub):
    replies = iter([b'{"review": "a"}', b'{"review": "b"}', b'{"review": "c"}'] * 2 + [b'{"review": "b"}'])
    server = stub(lambda body: http(200, answer_to(next(replies))))
    run = server.load(clients=1, requests=7)
    assert len(run.answered) == 6
    assert run.kinds == {"another answer than the model's": 1}


def test_an_answer_may_be_spelled_differently(stub):
    """JSON has no order of members, and any white space between them."""
    spaces = iter(range(6))
    server = stub(
        lambda body: http(200, json.dumps(json.loads(answer_to(body)), indent=next(spaces)).encode())
    )
    assert len(server.load(clients=1, requests=6).answered) == 6


def test_an_answer_may_come_in_pieces_and_end_the_connection(stub):
    body = answer_to(CASES[0].body)
    large = json.dumps(ANSWER | {"text": "x" * 500_000}).encode()
    server = stub(lambda _: http(200, body, b"Connection: close"))
    assert len(server.load(clients=1, requests=1).answered) == 1
    server = stub(lambda _: http(200, large))
    assert server.load(clients=1, requests=2).kinds == {"another answer than the model's": 2}


def test_a_refused_client_waits_as_long_as_the_answer_says(stub):
    server = stub(lambda _: http(503, b"{}", b"Retry-After: 3600"))
    run = server.load(clients=4, requests=1000, seconds=0.3)
    assert (len(run.refused), run.answered, run.kinds) == (4, [], {})
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (http(429, b"{}"), "status 429 without Retry-After"),
        (http(500, b"{}"), "status 500"),
        (http(200, b'{"label": "positive"}'), "another answer than the model's"),
    ],
)
def test_whatever_else_comes_is_counted_by_kind(stub, reply, kind):
    run = stub(lambda _: reply).load(clients=2, requests=5)
    assert (run.answered, run.refused, run.kinds) == ([], [], {kind: 5})


@pytest.mark.parametrize("reply", [None, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
def test_a_request_without_an_answer_is_counted_and_the_next_has_a_new_connection(stub, reply):
    server = stub(lambda _: reply)
    run = server.load(clients=1, requests=3)
    assert run.wrong == 3
    assert all(kind.startswith("broken off (") for kind in run.kinds)
    assert server.connections == 3


def test_a_request_that_is_never_answered_is_given_up(stub, monkeypatch):
    monkeypatch.setattr(load_client, "PATIENCE_SECONDS", 0.1)
    run = stub(lambda _: b"HTTP/1.1 200 OK\r\n").load(clients=2, requests=2)
    assert run.kinds == {"no answer": 2}
