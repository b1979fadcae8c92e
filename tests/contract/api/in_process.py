"""The API without a cloud: its routes over a small model of words, behind a plain HTTP server."""

from __future__ import annotations

import re
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

LAMBDA = Path(__file__).resolve().parents[3] / "lambda"
GOOD_WORDS, BAD_WORDS = {"wonderful", "best", "moving", "funny"}, {"dull", "waste", "awful", "predictable"}


class WordModel:
    """Counts good and bad words: a sentiment_api.api.Model that needs no training."""

    def predict(self, reviews: list[str], explain: bool) -> list[dict[str, Any]]:
        return [self._verdict(review, explain) for review in reviews]

    def named(self, version: str) -> WordModel:
        from sentiment_api.errors import NotFound

        if version != "words-1":
            raise NotFound("No model of this version answers here.")
        return self

    def describe(self) -> dict[str, Any]:
        return {
            "model": "words-1",
            "recipe": "words",
            "labels": ["negative", "positive"],
            "metrics": {"validation": {"accuracy": 0.5, "reviews": 2}},
            "calibration": {"expected_calibration_error": 0.1},
            "unsure": None,
            "words": {"head": 100, "tail": 0},
            "runtime": "torch",
            "weights": "float32",
            "arithmetic": "float32",
        }

    def check(self) -> None:
        """Always ready."""

    def _verdict(self, review: str, explain: bool) -> dict[str, Any]:
        found = list(re.finditer(r"\w+", review))
        weights = [(word[0].lower() in GOOD_WORDS) - (word[0].lower() in BAD_WORDS) for word in found]
        balance = sum(weights)
        verdict = {
            "sentiment": "positive" if balance >= 0 else "negative",
            "probability": 0.5 + balance / (2 * (len(found) + 1)),
            "unsure": False,
            "reason": None,
            "model": "words-1",
        }
        if explain:
            verdict |= {
                "words": [[word[0], weight] for word, weight in zip(found, weights, strict=True)],
                "spans": [list(word.span()) for word in found],
                "cut": None,
            }
        return verdict


class ListOfVotes:
    """Keeps votes in memory: a sentiment_api.feedback.Votes."""

    def __init__(self, votes: list[dict[str, Any]]):
        self.votes = votes

    def keep(self, vote: dict[str, Any]) -> str:
        self.votes.append(vote)
        return vote["id"]

    def withdraw(self, vote_id: str) -> None:
        self.votes[:] = [vote for vote in self.votes if vote["id"] != vote_id]

    def tally(self) -> Any:
        from sentiment_api.feedback import Tally, kinds

        return Tally(kinds(vote["id"] for vote in self.votes))


@contextmanager
def served() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a running API, and the votes that it has kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(LAMBDA))
        patch.setattr(sys, "dont_write_bytecode", True)
        from sentiment_api.api import Api, Request

    votes: list[dict[str, Any]] = []
    api = Api(WordModel(), ListOfVotes(votes))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            response = api.answer(Request(self.command, url.path, query, headers, body, uuid.uuid4().hex))
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if response.status != 304:
                self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_QUERY = answer

        def log_message(self, *_: object) -> None:
            """Nothing: pytest shows what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", votes
    finally:
        server.shutdown()
        server.server_close()
