"""gunicorn as it is configured, which Flask's own tests do not see; and the same bytes as from the Lambda."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import io
import json
import signal
import socket
import uuid
from collections import Counter
from collections.abc import Iterator
from types import ModuleType

import pytest
from lambda_fixtures import imported

from project.ports import free_port
from tests.conftest import BAD, GOOD, PROJECT
from tests.contract.selfhost_fixtures import Web, talking_model, wait_until

__all__ = ["imported", "talking_model"]  # fixtures
pytestmark = pytest.mark.slow

LIMIT = 2_500_000


@pytest.fixture(scope="module")
def web(tmp_path_factory, talking_model) -> Iterator[Web]:
    """A server with a model in its cache and nobody at the address of its registry."""
    server = Web(tmp_path_factory.mktemp("web"), f"http://127.0.0.1:{free_port()}", "movie-sentiment")
    server.hold(talking_model)
    try:
        yield server.start()
    finally:
        server.stop()


def raw(web: Web, *parts: bytes) -> bytes:
    """What comes back for these bytes, until the server has nothing more to say."""
    port = int(web.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.partition(b"\r\n\r\n")[2]:
            answer += connection.recv(65536)
        return answer


HEAD = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n"


def test_too_long_a_body_is_refused_when_it_is_announced(web):
    answer = raw(web, HEAD + f"content-length: {LIMIT + 1}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"review_too_long"' in answer


def test_a_body_without_an_announced_length_is_read_up_to_the_limit(web):
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    answer = raw(web, head, chunk * (LIMIT // 0x10000 + 1), b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"review_too_long"' in answer
    short = raw(web, head, b"6\r\nsuperb\r\n0\r\n\r\n")
    assert short.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01",
        b"GET / HTTP/9.9",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1",
        b"GET a://" + b"1" * 32_000 + b"  HTTP/1.1",
        b"GET / HTTP/1.1\r\nhost: x\r\na:" + b" " * 32_000 + b"\x01",
        b"GET http://[ HTTP/1.1\r\nhost: x",
        HEAD + b"content-length: " + b"1" * 5000,
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked",
    ],
    ids=lambda head: repr(head[:40]),
)
def test_a_malformed_request_does_no_harm_and_reveals_nothing(web, head):
    """At two of these, waitress's own parser would stop a process for minutes."""
    answer = raw(web, head + b"\r\n\r\n")
    assert answer.split()[1].startswith(b"4")
    assert b"Traceback" not in answer
    assert web.get("/health").status == 200


def test_clients_that_keep_their_connections_are_spread_evenly_over_the_processes(web):
    """One that is killed is replaced by one that the new clients go to."""
    wait_until(lambda: all_answer(web))
    [killed, other] = web.workers()
    assert connected(web, 8) == {killed.pid: 4, other.pid: 4}
    killed.kill()
    wait_until(lambda: killed not in web.workers() and all_answer(web))
    [new] = {each.pid for each in web.workers()} - {other.pid}
    assert connected(web, 8) == {new: 4, other.pid: 4}


def all_answer(web: Web) -> bool:
    """Whether both processes have started: the server answers as soon as one of them has."""
    return len(connected(web, 2)) == 2


def connected(web: Web, number: int) -> dict[int, int]:
    """How many of so many connections, opened one after another, each process got."""
    ids = [uuid.uuid4().hex for _ in range(number)]
    with contextlib.ExitStack() as clients:
        for each in ids:
            address = web.url.removeprefix("http://")
            client = clients.enter_context(
                contextlib.closing(http.client.HTTPConnection(address, timeout=30))
            )
            client.request("GET", "/health", headers={"x-request-id": each})
            assert client.getresponse().read()
    return Counter(line["process"] for line in web.lines() if line.get("requestId") in ids)


# gunicorn's configuration, with workers that start only when a file is gone.
HELD = """
import runpy, time
from pathlib import Path
globals().update(runpy.run_path("selfhost/gunicorn.conf.py"))
enter = post_fork

def post_fork(server, worker):
    enter(server, worker)
    while Path({hold!r}).exists():
        time.sleep(0.02)
"""


def test_a_reload_leaves_no_gap(tmp_path, talking_model):
    """However long the new processes take to load the model, the old ones answer."""
    hold, configuration = tmp_path / "hold", tmp_path / "held.conf.py"
    configuration.write_text(HELD.format(hold=str(hold)))
    server = Web(tmp_path, f"http://127.0.0.1:{free_port()}", "movie-sentiment")
    server.command[server.command.index("--config") + 1] = str(configuration)
    server.hold(talking_model)
    try:
        server.start()
        wait_until(lambda: all_answer(server))
        old = {each.pid for each in server.workers()}
        hold.touch()
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(server.workers()) == 4)
        assert {pid for _ in range(20) for pid in connected(server, 2)} <= old
        assert server.post("/predict", {"review": GOOD}).json["sentiment"] == "positive"
        hold.unlink()
        wait_until(lambda: old.isdisjoint(each.pid for each in server.workers()))
        assert server.get("/health").status == 200
    finally:
        server.stop()


def test_clients_that_send_slowly_stop_nobody(web):
    """Twice as many as there are threads, each with a request that has begun."""
    port = int(web.url.rpartition(":")[2])
    slow = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(128)]
    try:
        for each in slow:
            each.sendall(HEAD + b"content-length: 1000\r\n\r\nx")
        assert {web.get("/health").status for _ in range(10)} == {200}
        assert web.post("/predict", {"review": GOOD}).json["sentiment"] == "positive"
        slow[0].sendall(b"x" * 999)
        assert slow[0].recv(65536).startswith(b"HTTP/1.1 200 ")
    finally:
        for each in slow:
            each.close()


def test_every_line_of_the_log_is_json(web):
    web.get("/nothing")
    messages = {line["message"] for line in web.lines()}
    assert {"request", "serving a model"} <= messages
    assert any(message.startswith("Listening at") for message in messages), "gunicorn's own"


@pytest.fixture
def inference(talking_model):
    """The endpoint's program with the same model."""
    spec = importlib.util.spec_from_file_location("inference", PROJECT / "serve" / "inference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, module.model_fn(str(talking_model))


@pytest.fixture
def handler(imported, inference, monkeypatch) -> ModuleType:
    """The Lambda, whose endpoint is that program: every byte between them as it is on AWS."""
    program, predictor = inference

    class Runtime:
        def invoke_endpoint(self, *, EndpointName, ContentType, Accept, Body):
            request = program.input_fn(Body, ContentType)
            body, _ = program.output_fn(program.predict_fn(request, predictor), Accept)
            return {"Body": io.BytesIO(body.encode())}

    monkeypatch.setattr(imported.modules.endpoint, "client", Runtime())
    return imported.app


REVIEWS = [
    GOOD,
    BAD,
    "So fint! 🎬 Ein “schöner” Film, naïve café\u0301 \u202etxet\u202c wonderful",
    "wonderful " * 300 + "dull plot. " * 300,
    "🎬🎬🎬",
    "<b>It's</b> &quot;superb&quot;<br /><br />Not\tgreat\n\n\nbut moving...",
]
BATCH = {"reviews": [*REVIEWS, "", 7, "x" * 20_001, "half \ud83c"]}


@pytest.mark.parametrize("explain", ["", "?explain=false"])
@pytest.mark.parametrize("review", REVIEWS, ids=range(len(REVIEWS)))
def test_lambda_and_flask_answer_a_review_with_the_same_bytes(web, handler, review, explain):
    same(web, handler, "/predict", explain, json.dumps({"review": review}))


def test_lambda_and_flask_answer_a_batch_with_the_same_bytes(web, handler):
    same(web, handler, "/predict/batch", "", json.dumps(BATCH))


@pytest.mark.parametrize("body", ["", "{}", '{"review": 1}', '{"review": ""}', "nonsense"])
def test_lambda_and_flask_refuse_with_the_same_bytes(web, handler, body):
    same(web, handler, "/predict", "", body)


def same(web: Web, handler: ModuleType, path: str, query: str, body: str) -> None:
    headers = {"content-type": "application/json", "x-request-id": "the-same"}
    flask = web.ask("POST", path + query, body.encode(), headers)
    event = {
        "rawPath": path,
        "headers": headers,
        "requestContext": {"requestId": "the-same", "stage": "$default", "http": {"method": "POST"}},
        "body": body,
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict([query[1:].split("=")])
    answer = handler.handler(event, Context())
    assert flask.status == answer["statusCode"]
    assert flask.body == answer["body"].encode()
    for name, value in answer["headers"].items():
        assert flask.headers[name] == value


class Context:
    aws_request_id = "unused"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000
