"""A small client of the API. Standard library only.

    from client import Sentiment
    Sentiment("https://api.example.com").predict("What a wonderful film!")

or: python client.py https://api.example.com < reviews.txt      # one review per line, one verdict per line
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

# The API's limits for a request, as in infra/openapi.yaml and GET /model.
BATCH_REVIEWS, BATCH_BYTES = 100, 2_000_000


class SentimentError(Exception):
    """The API gave no verdict. `code` is the kind of error; `request_id` identifies it in the log."""

    def __init__(self, status: int, code: str, message: str, request_id: str | None):
        super().__init__(f"{message} ({status} {code}, request {request_id})")
        self.status, self.code, self.request_id = status, code, request_id


class Sentiment:
    """The API at `url`. Throttled requests, or a waking model, are retried for up to `patience` seconds."""

    def __init__(self, url: str, patience: float = 120):
        self.url, self.patience = url.rstrip("/"), patience

    def predict(self, review: str, explain: bool = True) -> dict[str, Any]:
        """The verdict on a review: sentiment, probability of positive, and the weights of its words."""
        return self._call(f"/predict?explain={str(explain).lower()}", {"review": review})

    def predict_all(self, reviews: Iterable[str]) -> Iterator[dict[str, Any]]:
        """A verdict on each of any number of reviews, or {"error": ...} for an invalid one."""
        for batch in _batches(reviews):
            yield from self._call("/predict/batch", {"reviews": batch})["predictions"]

    def vote(self, review: str, verdict: dict[str, Any], right: bool) -> str:
        """Tell the API whether its verdict was right; return the id of the vote."""
        said = {name: verdict[name] for name in ("sentiment", "probability", "model")}
        vote = {"review": review, **said, "vote": "up" if right else "down"}
        return str(self._call("/feedback", vote)["id"])

    def take_back(self, vote_id: str) -> None:
        """Delete a vote, which is possible for 30 days."""
        self._call(f"/feedback/{vote_id}", method="DELETE")

    def model(self) -> dict[str, Any]:
        """Version, accuracy and limits of the model."""
        return self._call("/model")

    def _call(
        self, path: str, content: dict[str, Any] | None = None, method: str | None = None
    ) -> dict[str, Any]:
        body = None if content is None else _json(content)
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        give_up = time.monotonic() + self.patience
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    answered: dict[str, Any] = json.load(answer)
                    return answered
            except urllib.error.HTTPError as error:
                wait = _pause(error.headers.get("retry-after", ""))
                if error.code not in (429, 503) or time.monotonic() + wait > give_up:
                    raise _explained(error) from None
                time.sleep(wait)


def _batches(reviews: Iterable[str]) -> Iterator[list[str]]:
    """The reviews in order, cut so that each batch is small enough for the API."""
    batch: list[str] = []
    size = 0
    for review in reviews:
        weight = len(_json(review)) + 2
        if batch and (len(batch) == BATCH_REVIEWS or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(review)
        size += weight
    if batch:
        yield batch


def _json(content: Any) -> bytes:
    """In UTF-8, which is shorter than escapes; half a surrogate pair, which it cannot hold, becomes "?"."""
    return json.dumps(content, ensure_ascii=False).encode(errors="replace")


def _pause(retry_after: str) -> float:
    """Seconds until the next try. The API gives them; what stands before it may give a date."""
    return max(1.0, float(retry_after)) if retry_after.isdecimal() else 1.0


def _explained(error: urllib.error.HTTPError) -> SentimentError:
    try:
        said = json.load(error)["error"]
        return SentimentError(error.code, said["code"], said["message"], said["requestId"])
    except (ValueError, KeyError, TypeError):  # what stands before the API answered in its place
        return SentimentError(error.code, "unknown", error.reason, error.headers.get("apigw-requestid"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python client.py API-ADDRESS < reviews.txt")
    try:
        for verdict in Sentiment(sys.argv[1]).predict_all(line.rstrip("\n") for line in sys.stdin):
            if "error" in verdict:
                print(f"error\t{verdict['error']['message']}")
            else:
                print(f"{verdict['sentiment']}\t{verdict['probability']:.3f}")
    except (SentimentError, OSError, ValueError) as error:  # no verdict, no connection, no address
        sys.exit(f"error: {error}")
