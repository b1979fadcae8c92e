"""The Lambda as its runtime would call it, with an AWS that answers what a test wants."""

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
from urllib.parse import parse_qsl, unquote

import pytest

LAMBDA = Path(__file__).resolve().parents[2] / "lambda"
REQUEST_ID = "JKJaXmPLvHcESHA="
VERDICT = {
    "sentiment": "positive",
    "probability": 0.93,
    "unsure": False,
    "reason": None,
    "words": [["wonderful", 1.25], ["film", -0.5]],
    "spans": [[2, 11], [12, 16]],
    "cut": None,
    "model": "0123abcd",
}
# What the model tells besides, for the metrics.
WORD_COUNTS = {"word_count": 8, "unknown_words": 2}
DESCRIPTION = {
    "model": "0123abcd",
    "recipe": "fast",
    "labels": ["negative", "positive"],
    "metrics": {"validation": {"accuracy": 0.9, "reviews": 100}},
    "calibration": {"expected_calibration_error": 0.01},
    "unsure": [0.4, 0.6],
    "words": {"head": 10, "tail": 5},
    "runtime": "torch",
    "weights": "float32",
    "arithmetic": "float32",
}
ENVIRONMENT = {
    "ENDPOINT_NAME": "movie-sentiment",
    "STACK_NAME": "movie-sentiment",
    "MODEL_VERSION": "0123abcd",
    "CANARY_ENDPOINT_NAME": "",
    "CANARY_VERSION": "",
    "CANARY_PERCENT": "0",
    "SLOW_SECONDS": "5",
    "ANSWER_SECONDS": "22",
    "MODEL_DATA_URL": "s3://data/models/0123/model.tar.gz",
    "DATA_BUCKET": "data",
    "LOG_REVIEWS": "false",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


@dataclass(frozen=True)
class Answer:
    """What AWS says to one call; `seconds` is how long it takes, `drop` hangs up instead."""

    status: int = 200
    body: Any = field(default_factory=lambda: VERDICT)
    error: str | None = None
    seconds: float = 0
    drop: bool = False


class FakeAws:
    """The wire of InvokeEndpoint, DescribeEndpoint and S3.

    Gives `answers` to invocations one after another, the last one again and again. `objects` are what S3
    holds, by path, listed `page` keys at a time; `refusal` is the answer to all calls but invocations, where
    there is one.
    """

    def __init__(self) -> None:
        self.reset()
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self._body()
                if self.path.startswith("/endpoints/"):
                    aws.asked.append((self.path, dict(self.headers), body))
                    answers = aws.answers
                    return self._send(answers.pop(0) if len(answers) > 1 else answers[0])
                aws.looked += 1
                described = {"EndpointName": "movie-sentiment", "EndpointStatus": aws.status}
                return self._send(aws.refusal or Answer(body=described))

            def do_GET(self) -> None:
                aws.read += 1
                path, _, query = self.path.partition("?")
                if "list-type=2" in query:
                    return self._send(aws.refusal or Answer(body=aws.listed(query)))
                missing = Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
                found = Answer(body=aws.objects[path]) if path in aws.objects else missing
                self._send(aws.refusal or found)

            def do_PUT(self) -> None:
                aws.objects[unquote(self.path.partition("?")[0])] = self._body()
                self._send(aws.refusal or Answer(body=b""))

            def do_DELETE(self) -> None:
                if aws.refusal is None:
                    aws.objects.pop(unquote(self.path.partition("?")[0]), None)
                self._send(aws.refusal or Answer(204, b""))

            def _body(self) -> bytes:
                if "100-continue" in self.headers.get("expect", ""):
                    self.send_response_only(100)
                    self.end_headers()
                if self.headers.get("transfer-encoding") == "chunked":
                    return self._chunks()
                return self.rfile.read(int(self.headers.get("content-length", 0)))

            def _chunks(self) -> bytes:
                """AWS's own way to send a body with a checksum behind it."""
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return body

            def _send(self, answer: Answer) -> None:
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
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self) -> None:
        self.answers = [Answer()]
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.objects = {"/data/models/0123/model.json": json.dumps(DESCRIPTION).encode()}
        self.status = "InService"
        self.refusal: Answer | None = None
        self.looked = self.read = 0
        self.page = 1000

    def listed(self, query: str) -> bytes:
        """The answer to ListObjectsV2, `page` keys at a time."""
        asked = dict(parse_qsl(query))
        keys = sorted(path.removeprefix("/data/") for path in self.objects)
        keys = [
            key
            for key in keys
            if key.startswith(asked["prefix"]) and key > asked.get("continuation-token", "")
        ]
        more = len(keys) > self.page
        content = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys[: self.page])
        token = f"<NextContinuationToken>{keys[self.page - 1]}</NextContinuationToken>" if more else ""
        flag = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return f"<ListBucketResult>{flag}{token}{content}</ListBucketResult>".encode()

    def fails(self, status: int, error: str, message: str = "no", **more: Any) -> None:
        self.answers = [Answer(status, {"Message": message, **more}, error)]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Relay:
    """The imported function and the AWS it speaks to. `now` is the clock that its memory goes by."""

    app: Any
    aws: FakeAws
    modules: SimpleNamespace
    seconds_left: float = 29
    now: float = 1000

    def __call__(self, event: Any) -> dict[str, Any]:
        return self.app.handler(event, self.context())

    def ask(self, content: Any, kind: str | None = "application/json", /, **more: Any) -> SimpleNamespace:
        """Sends a body to POST /predict; status, headers and parsed body of the answer."""
        return self._parsed(self(event(content, kind, **more)))

    def get(self, path: str, **headers: str) -> SimpleNamespace:
        return self._parsed(self(event("", None, method="GET", path=path, headers=headers)))

    def context(self) -> SimpleNamespace:
        deadline = time.monotonic() + self.seconds_left
        return SimpleNamespace(
            aws_request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            get_remaining_time_in_millis=lambda: round((deadline - time.monotonic()) * 1000),
        )

    def _parsed(self, answer: dict[str, Any]) -> SimpleNamespace:
        body = json.loads(answer["body"]) if answer["body"] else None
        return SimpleNamespace(status=answer["statusCode"], headers=answer["headers"], body=body)


def event(
    content: Any,
    kind: str | None = "application/json",
    /,
    method: str = "POST",
    path: str = "/predict",
    query: dict[str, str] | None = None,
    stage: str = "$default",
    **more: Any,
) -> dict[str, Any]:
    """An event of payload format 2.0; content that is no string is sent as JSON."""
    made = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path if stage == "$default" else f"/{stage}{path}",
        "headers": {} if kind is None else {"content-type": kind},
        "requestContext": {
            "requestId": REQUEST_ID,
            "stage": stage,
            "http": {"method": method, "path": path},
        },
        "isBase64Encoded": False,
    }
    if query:
        made["queryStringParameters"] = query
    if content != "":
        made["body"] = content if isinstance(content, str) else json.dumps(content)
    return made | more


def lines(text: str) -> list[dict]:
    """The lines of a log, each a JSON object."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def imported() -> Iterator[Relay]:
    """Imports the function with an AWS of the module's own."""
    aws = FakeAws()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", aws.url)
        patch.syspath_prepend(str(LAMBDA))
        # Whatever lies in the folder is deployed: no bytecode of the tests.
        patch.setattr(sys, "dont_write_bytecode", True)
        _forget()
        names = ("api", "app", "body", "endpoint", "errors", "logs", "rollout", "storage", "verdict")
        modules = {name: importlib.import_module(f"sentiment_api.{name}") for name in names}
        yield Relay(modules["app"], aws, SimpleNamespace(**modules))
        _forget()
    aws.close()


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sentiment_api"]:
        del sys.modules[name]


@pytest.fixture
def relay(imported: Relay, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """The function as just started, with an AWS that answers well and 20 times shorter pauses."""
    imported.aws.reset()
    imported.seconds_left, imported.now = 29, 1000
    modules = imported.modules
    pauses = modules.endpoint.PAUSES_SECONDS
    monkeypatch.setattr(modules.endpoint, "PAUSES_SECONDS", tuple(pause / 20 for pause in pauses))
    description = modules.storage.Description(lambda: imported.now)
    endpoint = modules.endpoint.Endpoint(
        "movie-sentiment", VERDICT["model"], description, lambda: imported.now
    )
    monkeypatch.setattr(imported.app, "endpoint", endpoint)
    monkeypatch.setattr(imported.app, "votes", modules.storage.BucketOfVotes(lambda: imported.now))
    return imported
