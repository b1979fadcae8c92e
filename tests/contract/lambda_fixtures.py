"""The Lambda as its runtime would call it, with an endpoint that answers what a test wants."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

LAMBDA = Path(__file__).resolve().parents[2] / "lambda"
REQUEST_ID = "JKJaXmPLvHcESHA="
VERDICT = {
    "sentiment": "positive",
    "probability": 0.93,
    "words": [["wonderful", 1.25], ["film", -0.5]],
    "model": "0123abcd",
}


@dataclass(frozen=True)
class Answer:
    """What the endpoint says to one invocation; `seconds` is how long it takes, `drop` hangs up instead."""

    status: int = 200
    body: Any = field(default_factory=lambda: VERDICT)
    error: str | None = None
    seconds: float = 0
    drop: bool = False


class FakeEndpoint:
    """The wire of InvokeEndpoint. Gives `answers` one after another, the last one again and again."""

    def __init__(self) -> None:
        self.answers = [Answer()]
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                endpoint.asked.append((self.path, dict(self.headers), body))
                answers = endpoint.answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                time.sleep(answer.seconds)
                if answer.drop:
                    self.close_connection = True
                    return
                raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                head = [f"HTTP/1.1 {answer.status} x", f"content-length: {len(raw)}"]
                if answer.error:
                    head.append(f"x-amzn-errortype: {answer.error}")
                self.wfile.write("\r\n".join([*head, "", ""]).encode() + raw)

            def log_message(self, *_: object) -> None:
                """The tests read standard output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fails(self, status: int, error: str, message: str = "no", **more: Any) -> None:
        self.answers = [Answer(status, {"Message": message, **more}, error)]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Relay:
    """The imported function and its endpoint."""

    app: Any
    endpoint: FakeEndpoint
    modules: SimpleNamespace
    seconds_left: float = 29

    def __call__(self, event: Any) -> dict[str, Any]:
        return self.app.handler(event, self.context())

    def ask(self, content: Any, kind: str | None = "application/json", /, **more: Any) -> SimpleNamespace:
        """Sends a body; status, headers and parsed body of the answer."""
        answer = self(event(content, kind, **more))
        return SimpleNamespace(
            status=answer["statusCode"], headers=answer["headers"], body=json.loads(answer["body"])
        )

    def context(self) -> SimpleNamespace:
        deadline = time.monotonic() + self.seconds_left
        return SimpleNamespace(
            aws_request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            get_remaining_time_in_millis=lambda: round((deadline - time.monotonic()) * 1000),
        )


def event(content: Any, kind: str | None = "application/json", /, **more: Any) -> dict[str, Any]:
    """An event of payload format 2.0; content that is no string is sent as JSON."""
    return {
        "version": "2.0",
        "routeKey": "POST /predict",
        "headers": {} if kind is None else {"content-type": kind},
        "requestContext": {"requestId": REQUEST_ID},
        "body": content if isinstance(content, str) else json.dumps(content),
        "isBase64Encoded": False,
    } | more


@pytest.fixture(scope="module")
def imported() -> Iterator[Relay]:
    """Imports the function with an endpoint of the module's own."""
    endpoint = FakeEndpoint()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENDPOINT_NAME", "movie-sentiment")
        patch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", endpoint.url)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.syspath_prepend(str(LAMBDA))
        # Whatever lies in the folder is deployed: no bytecode of the tests.
        patch.setattr(sys, "dont_write_bytecode", True)
        names = ("app", "endpoint", "errors", "review")
        modules = {name: importlib.import_module(f"predict.{name}") for name in names}
        yield Relay(modules["app"], endpoint, SimpleNamespace(**modules))
        for name in [name for name in sys.modules if name.partition(".")[0] == "predict"]:
            del sys.modules[name]
    endpoint.close()


@pytest.fixture
def relay(imported: Relay, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """The function with an endpoint that answers well, and 20 times shorter pauses between its calls."""
    imported.endpoint.answers, imported.endpoint.asked, imported.seconds_left = [Answer()], [], 29
    pauses = imported.modules.endpoint.PAUSES_SECONDS
    monkeypatch.setattr(imported.modules.endpoint, "PAUSES_SECONDS", tuple(pause / 20 for pause in pauses))
    return imported
