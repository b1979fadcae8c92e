"""What every host of the API does alike, in the words of infra/openapi.yaml."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from contract import answer_conforms

from tests.conftest import BAD, GOOD

JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
VOTE = {"review": GOOD, "sentiment": "positive", "probability": 0.9, "model": "words-1", "vote": "up"}


class Client:
    """Sends requests and checks that each answer is one of the contract.

    Each on a connection of its own: a refusal may come before the whole request is read, and then ends it.
    """

    def __init__(self, url: str):
        self.url = url

    def __call__(self, method: str, path: str, /, **options: Any) -> tuple[requests.Response, Any]:
        answer = requests.request(method, self.url + path, timeout=60, **options)
        while answer.status_code == 429:  # the gateway's limit: these tests are faster than people
            time.sleep(0.3)
            answer = requests.request(method, self.url + path, timeout=60, **options)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        route = path.partition("?")[0]
        return answer, answer_conforms(route, method, answer.status_code, headers, answer.content)

    def post(self, path: str, content: Any, **headers: str) -> tuple[int, Any]:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        answer, body = self("POST", path, data=raw, headers=JSON | headers)
        return answer.status_code, body


@pytest.fixture(scope="session")
def client(api_url: str) -> Client:
    return Client(api_url)


def test_a_good_and_a_bad_review_are_distinguished_and_explained(client):
    for review, sentiment in ((GOOD, "positive"), (BAD, "negative")):
        status, verdict = client.post("/predict", {"review": review})
        assert (status, verdict["sentiment"]) == (200, sentiment)
        assert (verdict["probability"] >= 0.5) == (sentiment == "positive")
        assert any(weight for _, weight in verdict["words"])
        for (word, _), (start, end) in zip(verdict["words"], verdict["spans"], strict=True):
            assert review[start:end] == word


def test_without_an_explanation_the_verdict_is_the_same(client):
    _, explained = client.post("/predict", {"review": GOOD})
    status, short = client.post("/predict?explain=false", {"review": GOOD})
    assert status == 200
    assert set(short) == {"sentiment", "probability", "unsure", "reason", "model"}
    assert short["probability"] == pytest.approx(explained["probability"], abs=1e-5)
    assert client.post("/predict?explain=true", {"review": GOOD})[1] == explained
    for value in ("maybe", "", "1", "true&explain=no"):
        assert client.post(f"/predict?explain={value}", {"review": GOOD})[0] == 400


def test_a_model_can_be_asked_by_its_version(client):
    _, verdict = client.post("/predict", {"review": GOOD})
    assert client.post(f"/predict?model={verdict['model']}", {"review": GOOD}) == (200, verdict)
    for unknown in ("", "made-up", f"{verdict['model']}0"):
        status, body = client.post(f"/predict?model={unknown}", {"review": GOOD})
        assert (status, body["error"]["code"]) == (404, "not_found")


def test_text_is_the_same_as_json(client):
    _, verdict = client.post("/predict", {"review": GOOD})
    answer, as_text = client("POST", "/predict", data=GOOD.encode(), headers=TEXT)
    assert (answer.status_code, as_text) == (200, verdict)


@pytest.mark.parametrize(
    "review",
    [
        "Great",
        "🎬🍿👎",
        "A wonderful 👨‍👩‍👧‍👦 film — très bon, 素晴らしい映画",
        "<p>A <b>dull</b> film</p><script>alert('x')</script>",
        "فيلم رائع ومؤثر جدا",
        "\u202eevitcnufed\u202c and dull",
        "e\u0301 \u0000 \u001f \u2028 \ufffd",
        '"quoted" \\ and {"review": "nested"}',
        "?!",
    ],
    ids=["one word", "emoji", "scripts", "HTML", "right to left", "bidi", "controls", "quotes", "no word"],
)
def test_any_text_is_read_as_it_is(client, review):
    status, verdict = client.post("/predict", {"review": review})
    assert status == 200
    for (word, _), (start, end) in zip(verdict["words"], verdict["spans"], strict=True):
        assert review[start:end] == word
    answer, as_text = client("POST", "/predict", data=review.encode(), headers=TEXT)
    assert (answer.status_code, as_text) == (200, verdict)


def test_the_longest_review_is_read_and_a_longer_one_is_not(client):
    assert client.post("/predict", {"review": "🎬" * 20_000})[0] == 200
    status, body = client.post("/predict", {"review": "x" * 20_001})
    assert (status, body["error"]["code"]) == (413, "review_too_long")
    assert "20,001 characters" in body["error"]["message"]
    assert client.post("/predict", b'{"review": "a"}' + b" " * 2_500_000)[0] == 413


def test_what_the_lstm_skips_is_named(client):
    status, verdict = client.post("/predict", {"review": "A dull film. " * 1500})
    assert status == 200
    _, model = client("GET", "/model")
    if model["recipe"] != "words":  # the stand-in reads every word
        head, tail = model["words"]["head"], model["words"]["tail"]
        spans, cut = verdict["spans"], verdict["cut"]
        assert cut["words"] == len(spans) - head - tail
        assert (cut["start"], cut["end"]) == (spans[head][0], spans[-tail - 1][1])


@pytest.mark.parametrize(
    ("status", "code", "headers", "body"),
    [
        (400, "bad_request", JSON, b""),
        (400, "bad_request", JSON, b'{"review": '),
        (400, "bad_request", JSON, b"null"),
        (400, "bad_request", JSON, b'["a film"]'),
        (400, "bad_request", JSON, b"[" * 100_000),
        (400, "bad_request", JSON, b'{"text": "a film"}'),
        (400, "bad_request", JSON, b'{"review": 5}'),
        (400, "bad_request", JSON, b'{"review": ""}'),
        (400, "bad_request", JSON, b'{"review": " \\n\\u2003"}'),
        (400, "bad_request", JSON, b'{"review": "half \\ud83c"}'),
        (400, "bad_request", JSON, b'{"review": "caf\xe9"}'),
        (400, "bad_request", JSON, b'{"review": NaN}'),
        (400, "bad_request", TEXT, b"caf\xe9"),
        (400, "bad_request", TEXT, b" \n"),
        (415, "unsupported_media_type", {}, b"a film"),
        (415, "unsupported_media_type", {"content-type": "application/xml"}, b"<review/>"),
        (415, "unsupported_media_type", {"content-type": "application/x-www-form-urlencoded"}, b"review=x"),
        (415, "unsupported_media_type", JSON | {"content-encoding": "gzip"}, b"\x1f\x8b"),
    ],
    ids=lambda value: None if isinstance(value, str | dict) else repr(value)[:30],
)
def test_every_bad_request_gets_an_error_that_says_what_is_wrong(client, status, code, headers, body):
    answer, content = client("POST", "/predict", data=body, headers=headers)
    assert (answer.status_code, content["error"]["code"]) == (status, code)
    assert re.fullmatch(r"[A-Z].*\.", content["error"]["message"])


def test_unknown_addresses_and_methods(client):
    for path in ("/predictions", "/predict/one", "/predict/batch/2"):
        answer, body = client("GET", path)
        assert (answer.status_code, body["error"]["code"]) == (404, "not_found")
    for method, path, allowed in (
        ("GET", "/predict", "POST"),
        ("DELETE", "/feedback", "GET, POST, HEAD"),
        ("GET", "/feedback/2026-11-28-0c7b9b0ae9b64a0fa5b4c6f2a1f6e2d3", "DELETE"),
        ("POST", "/model", "GET, HEAD"),
        ("PUT", "/health", "GET, HEAD"),
    ):
        answer, body = client(method, path)
        assert (answer.status_code, body["error"]["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


def test_a_bad_row_does_not_affect_the_rest_of_a_batch(client):
    rows = [GOOD, "", BAD, 5, "x" * 20_001, None, "half \ud83c", ["a"], "🎬 fine"]
    status, body = client.post("/predict/batch", {"reviews": rows})
    assert status == 200
    codes = [each.get("error", {}).get("code") for each in body["predictions"]]
    bad = "bad_request"
    assert codes == [None, bad, None, bad, "review_too_long", bad, bad, bad, None]
    for review, row in ((GOOD, 0), (BAD, 2)):
        _, alone = client.post("/predict?explain=false", {"review": review})
        assert alone.pop("model") == body["model"]
        # Batches are padded, which moves the last digits.
        assert body["predictions"][row]["probability"] == pytest.approx(alone["probability"], abs=1e-4)
        assert body["predictions"][row]["sentiment"] == alone["sentiment"]


def test_the_sizes_of_a_batch(client):
    status, body = client.post("/predict/batch", {"reviews": ["Fine.", *[BAD] * 99]})
    assert (status, len(body["predictions"])) == (200, 100)
    assert client.post("/predict/batch", {"reviews": [GOOD] * 101})[0] == 413
    assert client.post("/predict/batch", {"reviews": []})[0] == 400
    assert client.post("/predict/batch", {"reviews": "one"})[0] == 400
    assert client.post("/predict/batch", {})[0] == 400
    status, body = client.post("/predict/batch", {"reviews": [" ", 1]})
    assert (status, body["model"]) == (200, None)
    answer, _ = client("POST", "/predict/batch", data=GOOD.encode(), headers=TEXT)
    assert answer.status_code == 415


def test_a_vote_is_kept_with_its_review(client, back_end):
    vote = VOTE | {"review": "Très bon 🎬 <b>film</b>", "vote": "down"}
    status, body = client.post("/feedback", vote | {"other": "is left out"})
    assert status == 201
    if back_end.vote is None:
        pytest.skip("what this API has kept cannot be seen from here")
    kept = back_end.vote(body["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", kept.pop("time")), "the hour, and no more"
    assert kept == vote | {"id": body["id"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"vote": "sideways"},
        {"vote": ["up"]},
        {"sentiment": "neutral"},
        {"probability": 1.1},
        {"probability": True},
        {"probability": "0.9"},
        {"model": ""},
        {"model": "m" * 101},
        {"model": "half \ud83c"},
        {"review": " "},
        {"review": None},
    ],
    ids=str,
)
def test_an_invalid_vote_is_not_stored(client, wrong):
    assert client.post("/feedback", VOTE | wrong)[0] == 400


def test_a_vote_can_be_taken_back(client, back_end):
    first, second = (client.post("/feedback", VOTE)[1]["id"] for _ in range(2))
    for _ in range(2):  # again, since an answer may get lost
        answer, body = client("DELETE", f"/feedback/{first}")
        assert (answer.status_code, body) == (200, {"id": first})
    if back_end.vote is None:
        pytest.skip("what this API has kept cannot be seen from here")
    assert back_end.vote(first) is None
    assert back_end.vote(second)["id"] == second


def test_votes_are_counted_by_model_until_they_are_taken_back(client):
    _, model = client("GET", "/model")

    def counts() -> tuple[int, int]:
        answer, body = client("GET", "/feedback")
        assert answer.status_code == 200 and body["complete"] is True
        [counted] = body["models"]
        assert counted["model"] == model["model"]
        return counted["up"], counted["down"]

    def soon(expected: tuple[int, int]) -> None:
        """Another process of the host may remember for a while what it has counted."""
        deadline = time.monotonic() + 90
        while (found := counts()) != expected:
            assert time.monotonic() < deadline, (found, expected)
            time.sleep(0.5)

    up, down = counts()
    vote = VOTE | {"model": model["model"]}
    given = [client.post("/feedback", vote | {"vote": each})[1]["id"] for each in ("up", "down", "up")]
    client.post("/feedback", vote | {"model": "made-up"})
    soon((up + 2, down + 1))
    client("DELETE", f"/feedback/{given[0]}")
    soon((up + 1, down + 1))


def test_a_vote_is_taken_back_within_30_days_and_by_its_id_only(client):
    random = "0c7b9b0ae9b64a0fa5b4c6f2a1f6e2d3"
    now = datetime.now(UTC)
    for days, status in ((30, 200), (32, 410), (4000, 410)):
        answer, _ = client("DELETE", f"/feedback/{(now - timedelta(days=days)).date()}-{random}")
        assert answer.status_code == status
    for wrong in (random, f"2026-02-30-{random}", f"{now.date()}-{random}.json", "%2e%2e%2fmodels", "*"):
        answer, body = client("DELETE", f"/feedback/{wrong}")
        assert (answer.status_code, body["error"]["code"]) == (404, "not_found")


def test_the_model_is_described_and_its_description_cached(client):
    answer, model = client("GET", "/model")
    assert answer.status_code == 200
    assert model["limits"] == {"characters": 20_000, "bytes": 2_500_000, "reviews": 100}
    assert model["model"] == client.post("/predict", {"review": GOOD})[1]["model"]
    tag = answer.headers["etag"]
    for condition in (tag, f'"other", W/{tag}', "*"):
        again, _ = client("GET", "/model", headers={"if-none-match": condition})
        assert (again.status_code, again.headers["etag"]) == (304, tag)
    changed, _ = client("GET", "/model", headers={"if-none-match": '"other"'})
    assert changed.status_code == 200
    head = requests.head(f"{client.url}/model", timeout=10)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


def test_the_model_is_healthy(client):
    answer, body = client("GET", "/health")
    assert (answer.status_code, body) == (200, {"status": "ready"})


def test_from_a_browser_only_the_page_may_call(client, back_end):
    if back_end.origin is None:
        pytest.skip("the page is served by the API's own origin")
    for path, method in (("/predict", "POST"), ("/feedback/id", "DELETE"), ("/model", "GET")):
        asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type"}
        for origin, allowed in ((back_end.origin, back_end.origin), ("https://example.com", None)):
            answer = requests.options(client.url + path, headers=asked | {"Origin": origin}, timeout=10)
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    answer = requests.get(f"{client.url}/model", headers={"Origin": back_end.origin}, timeout=10)
    assert answer.headers["Access-Control-Allow-Origin"] == back_end.origin
    exposed = answer.headers["Access-Control-Expose-Headers"].replace(" ", "").split(",")
    assert {"apigw-requestid", "etag", "retry-after"} <= set(exposed)
