"""The page's files on one origin, and on another an API that answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

WEBSITE = Path(__file__).resolve().parents[2] / "website"


@dataclass
class Reply:
    """What the API sends: JSON unless the body is text already. Its gateway's request id is `gateway-<n>`."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    # Wait for this event before answering.
    after: threading.Event | None = None
    # Say nothing and close the connection.
    hang_up: bool = False


def verdict(
    probability: float = 0.9,
    words: list | None = None,
    model: str = "lstm-7f3a",
    *,
    review: str = "",
    unsure: bool = False,
    reason: str | None = None,
    cut: dict | None = None,
) -> Reply:
    """A verdict of the contract. Words that stand in `review` get their places there, others none."""
    sentiment = "positive" if probability >= 0.5 else "negative"
    body = {"sentiment": sentiment, "probability": probability, "unsure": unsure, "model": model}
    body["reason"] = reason or ("mixed" if unsure else None)
    return Reply(200, body | {"words": words or [], "spans": places(review, words or []), "cut": cut})


def places(review: str, words: list) -> list[tuple[int, int]]:
    """Where the words stand in the review, in code points as the API counts; (0, 0) for those that do not."""
    spans, at = [], 0
    for word, _ in words:
        start = review.find(word, at)
        spans.append((start, start + len(word)) if start >= 0 else (0, 0))
        at = max(at, spans[-1][1])
    return spans


MODEL = {
    "model": "lstm-7f3a",
    "recipe": "fast",
    "labels": ["negative", "positive"],
    "metrics": {
        "validation": {"accuracy": 0.9206, "reviews": 2505},
        "test": {
            "accuracy": 0.9014,
            "interval": [0.8892, 0.9125],
            "reviews": 2516,
            "slices": [
                {"name": "negative", "reviews": 1265, "accuracy": 0.8933, "interval": [0.875, 0.909]},
                {"name": "up to 150 words", "reviews": 700, "accuracy": 0.921, "interval": [0.899, 0.939]},
            ],
        },
    },
    "calibration": {
        "expected_calibration_error": 0.01,
        "chance": 0.008,
        "bins": [
            {"reviews": 1252, "probability": 0.05, "positive": 0.06},
            {"reviews": 1253, "probability": 0.95, "positive": 0.93},
        ],
        "short_texts": {
            "texts": 900,
            "accuracy": 0.8,
            "expected_calibration_error": 0.02,
            "chance": 0.01,
        },
    },
    "training": {"reviews": 19979, "short_texts": 8530},
    "unsure": [0.4, 0.6],
    "words": {"head": 256, "tail": 256},
    "limits": {"characters": 20_000, "bytes": 2_500_000, "reviews": 100},
}


def judged(reviews: list[str]) -> Reply:
    """The batch's answer: "good" is good, "so-so" unsure, "refused" an error, all else bad."""
    rows = []
    for review in reviews:
        if "refused" in review:
            rows.append({"error": {"code": "bad_request", "message": "This row was refused."}})
        else:
            known = {"good": 0.9, "so-so": 0.45, "dreadful": 0.001}
            probability = next((known[word] for word in known if word in review), 0.125)
            sentiment = "positive" if probability >= 0.5 else "negative"
            rows.append(
                {
                    "sentiment": sentiment,
                    "probability": probability,
                    "unsure": "so-so" in review,
                    "reason": None,
                }
            )
    return Reply(200, {"model": "lstm-7f3a", "predictions": rows})


def contract_error(
    status: int,
    message: str,
    retry_after: str | None = None,
    request_id: str = "x",
    code: str = "some_code",
) -> Reply:
    body = {"error": {"code": code, "message": message, "requestId": request_id}}
    return Reply(status, body, {} if retry_after is None else {"retry-after": retry_after})


class Site:
    """Both servers, on free ports. `answer` is the API's reply to a review, `reviews` are those it got.

    `answer_batch`, `batches`, `answer_vote`, `votes`, `answer_withdrawal`, `withdrawn`, `model` and
    `counts` are the same for the other routes.
    """

    def __init__(self) -> None:
        self.reviews: list[str] = []
        # The model that the last of them was for, where one was named.
        self.asked_model = ""
        self.answer: Callable[[str], Reply] = lambda review: verdict()
        self.batches: list[list[str]] = []
        self.answer_batch: Callable[[list[str]], Reply] = judged
        self.votes: list[dict[str, Any]] = []
        self.answer_vote: Callable[[dict[str, Any]], Reply] = lambda vote: Reply(201, {"id": "vote-1"})
        self.withdrawn: list[str] = []
        self.answer_withdrawal: Callable[[str], Reply] = lambda vote_id: Reply(200, {"id": vote_id})
        self.model = Reply(200, MODEL)
        counted = {"model": MODEL["model"], "up": 9, "down": 3}
        self.counts = Reply(200, {"models": [counted], "complete": True})
        # The text of config.json where it is not the deployment's; "" leaves the file out.
        self.config: str | None = None
        self._page = _QuietServer(("127.0.0.1", 0), partial(_PageHandler, site=self, directory=str(WEBSITE)))
        self._api = _QuietServer(("127.0.0.1", 0), partial(_ApiHandler, site=self))
        self._servers = (self._page, self._api)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._page.server_port}/"

    def reply(self, route: str, message: Any) -> Reply:
        """The API's answer to a request; what it got is noted."""
        if route is not None and route.partition("?")[0] == "/predict":
            self.asked_model = route.partition("?model=")[2]
            self.reviews.append(message["review"])
            return self.answer(message["review"])
        if route == "/predict/batch":
            self.batches.append(message["reviews"])
            return self.answer_batch(message["reviews"])
        if route == "/feedback" and message is not None:
            self.votes.append(message)
            return self.answer_vote(message)
        if route is not None and route.startswith("/feedback/"):
            self.withdrawn.append(route.removeprefix("/feedback/"))
            return self.answer_withdrawal(self.withdrawn[-1])
        return Reply(404, {"message": "Not Found"})

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._api.server_port}/_aws/execute-api/abc123/prod"

    def __enter__(self) -> Site:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def judge(page: Page, review: str) -> None:
    """Type a review, and wait for its verdict."""
    page.get_by_label("Your review").fill(review)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#details")).to_be_visible()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that cancels a request closes the connection while we write: that is expected."""


class _PageHandler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        self.site = site
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        if self.path != "/config.json":
            return super().do_GET()
        config = self.site.config
        if config == "":
            return self.send_error(404)
        body = (config or json.dumps({"apiUrl": self.site.api_url})).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what matters."""


class _ApiHandler(BaseHTTPRequestHandler):
    def __init__(self, *args: Any, site: Site) -> None:
        self.site = site
        super().__init__(*args)

    def do_OPTIONS(self) -> None:
        self._send(204, b"", {"access-control-allow-methods": "GET, POST, DELETE"})

    def do_GET(self) -> None:
        routes = {"/model": self.site.model, "/feedback": self.site.counts}
        self._answer(routes.get(self._route() or "", Reply(404, {"message": "Not Found"})))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self._answer(self.site.reply(self._route(), json.loads(body)))

    def do_DELETE(self) -> None:
        self._answer(self.site.reply(self._route(), None))

    def _route(self) -> str | None:
        stage = "/_aws/execute-api/abc123/prod"
        return self.path.removeprefix(stage) if self.path.startswith(stage) else None

    def _answer(self, reply: Reply) -> None:
        if reply.after:
            reply.after.wait(60)
        if reply.hang_up:
            self.close_connection = True
            return
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        self._send(reply.status, text.encode(), reply.headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """With the CORS headers of infra/template.yaml: the page's origin only."""
        always = {
            "access-control-allow-origin": self.site.url.rstrip("/"),
            "access-control-allow-headers": "content-type",
            "access-control-expose-headers": "apigw-requestid, retry-after",
            "apigw-requestid": f"gateway-{len(self.site.reviews)}",
        }
        self.send_response(status)
        for name, value in {**always, "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what matters."""
