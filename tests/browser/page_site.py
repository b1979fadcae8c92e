"""The page's files on one origin, and on another an API that answers as a test tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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


def verdict(probability: float = 0.9, words: list | None = None, model: str = "lstm-7f3a") -> Reply:
    sentiment = "positive" if probability >= 0.5 else "negative"
    body = {"sentiment": sentiment, "probability": probability, "words": words or [], "model": model}
    return Reply(200, body)


def contract_error(status: int, message: str, retry_after: str | None = None, request_id: str = "x") -> Reply:
    body = {"error": {"code": "some_code", "message": message, "requestId": request_id}}
    return Reply(status, body, {} if retry_after is None else {"retry-after": retry_after})


class Site:
    """Both servers, on free ports. `answer` is the API's reply to a review, `reviews` are those it got."""

    def __init__(self) -> None:
        self.reset()
        self._page = _QuietServer(("127.0.0.1", 0), partial(_PageHandler, site=self, directory=str(WEBSITE)))
        self._api = _QuietServer(("127.0.0.1", 0), partial(_ApiHandler, site=self))
        self._servers = (self._page, self._api)

    def reset(self) -> None:
        self.reviews: list[str] = []
        self.answer: Callable[[str], Reply] = lambda review: verdict()
        # The text of config.json where it is not the deployment's; "" leaves the file out.
        self.config: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._page.server_port}/"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._api.server_port}/_aws/execute-api/abc123/prod"

    def __enter__(self) -> Site:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


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
        self._send(204, b"", {"access-control-allow-methods": "POST"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path != "/_aws/execute-api/abc123/prod/predict":
            return self._send(404, b'{"message":"Not Found"}', {})
        review = json.loads(body)["review"]
        self.site.reviews.append(review)
        reply = self.site.answer(review)
        if reply.after:
            reply.after.wait(10)
        if reply.hang_up:
            self.close_connection = True
            return None
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        return self._send(reply.status, text.encode(), reply.headers)

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
