"""The Lambda while a new model is tried: who answers what, and what is counted of whom."""

from __future__ import annotations

import json

import pytest
from lambda_fixtures import VERDICT, Answer, Relay, event, imported, lines, relay
from test_lambda_logs import metrics

__all__ = ["imported", "relay"]  # fixtures

CHAMPION, CHALLENGER = VERDICT["model"], "4567cdef"
ENDPOINTS = {
    "/endpoints/movie-sentiment/invocations": CHAMPION,
    "/endpoints/movie-sentiment-canary/invocations": CHALLENGER,
}
TEXTS = [f"Film number {number}" for number in range(400)]


@pytest.fixture
def canary(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """The function with a second endpoint that answers a quarter of the texts."""
    endpoint = relay.modules.endpoint.Endpoint("movie-sentiment-canary", CHALLENGER, dict)
    monkeypatch.setattr(relay.app, "canary", endpoint)
    monkeypatch.setattr(relay.app, "CANARY_VERSION", CHALLENGER)
    monkeypatch.setattr(relay.app, "CANARY_PERCENT", 25)
    return relay


def asked(relay: Relay, text: str) -> str:
    """The model whose endpoint is asked about the text."""
    relay.aws.asked.clear()
    relay.ask({"review": text})
    return ENDPOINTS[relay.aws.asked[0][0]]


def of(relay: Relay, model: str) -> str:
    """A text that falls to the model."""
    draw = relay.modules.rollout.percentile
    return next(text for text in TEXTS if (draw(CHALLENGER, [text]) < 25) == (model == CHALLENGER))


def test_the_same_text_always_gets_the_same_model_and_each_its_share(canary, capsys):
    draw = canary.modules.rollout.percentile
    drawn = [draw(CHALLENGER, [text]) < 25 for text in TEXTS]
    assert 70 <= sum(drawn) <= 130
    for text, challenged in [*zip(TEXTS, drawn, strict=True)][:12] * 2:
        assert asked(canary, text) == (CHALLENGER if challenged else CHAMPION)
    assert {asked(canary, text) for text in TEXTS[:12]} == {CHAMPION, CHALLENGER}
    # A batch is one model's, and one of a single text goes where that text goes.
    canary.aws.asked.clear()
    rows = [{name: VERDICT[name] for name in ("sentiment", "probability", "unsure", "reason")}]
    canary.aws.answers = [Answer(body={"model": CHALLENGER, "predictions": rows})]
    canary.ask({"reviews": [of(canary, CHALLENGER)]}, path="/predict/batch")
    assert [ENDPOINTS[path] for path, *_ in canary.aws.asked] == [CHALLENGER]
    # A larger share takes from the champion only; another challenger draws anew.
    assert all(
        draw(CHALLENGER, [text]) < 50 for text, challenged in zip(TEXTS, drawn, strict=True) if challenged
    )
    assert [draw("89ab", [text]) < 25 for text in TEXTS] != drawn


def test_answers_and_failures_count_for_the_model_that_was_asked(canary, capsys):
    stack = "movie-sentiment"
    canary.aws.answers = [
        Answer(body=VERDICT | {"model": CHALLENGER, "unsure": True, "words": [], "spans": []})
    ]
    canary.ask({"review": of(canary, CHALLENGER)})
    canary.aws.fails(424, "ModelError", "no")
    canary.ask({"review": of(canary, CHALLENGER)})
    canary.aws.fails(400, "ValidationError", "not found")
    canary.aws.status = "Creating"
    canary.ask({"review": of(canary, CHALLENGER)})
    canary.ask({"review": " "})
    answered, failed, waking, refused = map(metrics, lines(capsys.readouterr().out))

    def counts(found: dict) -> dict:
        return {name: value for (name, _, *model), value in found.items() if model == [CHALLENGER]}

    expected = {"Calls": 1, "Failures": 0, "Slow": 0, "Answers": 1, "Unsure": 1, "Probability": 0.93}
    assert counts(answered).items() > expected.items()
    assert counts(failed) == {"Calls": 1, "Failures": 1, "Slow": 0}
    assert counts(waking) == counts(refused) == {}
    assert waking["Errors", stack, "waking"] == refused["Errors", stack, "bad_request"] == 1


def test_votes_count_for_the_model_that_they_are_about_and_not_for_an_unknown_one(canary, capsys):
    vote = {"review": "A film", "sentiment": "positive", "probability": 0.9}
    for model, said in ((CHALLENGER, "down"), (CHAMPION, "up"), ("made-up", "down")):
        assert canary.ask(vote | {"model": model, "vote": said}, path="/feedback").status == 201
    down, up, made_up = map(metrics, lines(capsys.readouterr().out))
    stack = "movie-sentiment"
    assert (down["Votes", stack, CHALLENGER], down["NoVotes", stack, CHALLENGER]) == (1, 1)
    assert (up["Votes", stack, CHAMPION], up["NoVotes", stack, CHAMPION]) == (1, 0)
    assert {name for name, *_ in made_up} == {"Requests", "Latency", "Errors"}
    kept = [json.loads(body)["model"] for path, body in canary.aws.objects.items() if "feedback" in path]
    assert kept == [CHALLENGER, CHAMPION, "made-up"]


def test_a_slow_answer_is_counted_as_slow(canary, capsys, monkeypatch):
    monkeypatch.setattr(canary.app, "SLOW_SECONDS", 0)
    canary.ask({"review": of(canary, CHAMPION)})
    [line] = lines(capsys.readouterr().out)
    assert metrics(line)["Slow", "movie-sentiment", CHAMPION] == 1


def test_the_description_is_the_champions_and_names_the_challenger(canary, relay):
    described = canary.get("/model").body
    assert described["model"] == CHAMPION
    assert described["challenger"] == {"model": CHALLENGER, "percent": 25}


def test_the_votes_on_both_models_are_counted_by_their_keys_in_pages_and_remembered(canary, monkeypatch):
    vote = {"review": "A film", "sentiment": "positive", "probability": 0.9}
    for model, said in 3 * [(CHALLENGER, "down"), (CHAMPION, "up"), (CHAMPION, "down"), ("made-up", "up")]:
        canary.ask(vote | {"model": model, "vote": said}, path="/feedback")
    canary.aws.page = 5
    counted = {
        "models": [{"model": CHAMPION, "up": 3, "down": 3}, {"model": CHALLENGER, "up": 0, "down": 3}],
        "complete": True,
    }
    assert canary.get("/feedback").body == counted
    for path in [path for path in canary.aws.objects if path.startswith("/data/feedback/")]:
        del canary.aws.objects[path]
    assert canary.get("/feedback").body == counted, "no list for each request"
    canary.now += 60
    assert canary.get("/feedback").body["models"][0] == {"model": CHAMPION, "up": 0, "down": 0}

    monkeypatch.setattr(canary.modules.storage, "MAX_LISTS", 2)
    canary.aws.page = 1
    ids = [
        canary.ask(vote | {"model": CHAMPION, "vote": "up"}, path="/feedback").body["id"] for _ in range(3)
    ]
    many = canary.get("/feedback").body
    assert (many["models"][0]["up"], many["complete"]) == (2, False)
    canary(event("", None, method="DELETE", path=f"/feedback/{ids[0]}"))
    assert canary.get("/feedback").body["complete"] is True
    canary.aws.refusal = Answer(503, b"<Error><Code>SlowDown</Code></Error>")
    canary.now += 60
    assert canary.get("/feedback").status == 429


def test_either_model_can_be_asked_about_any_text_and_that_is_not_counted(canary, capsys):
    text = of(canary, CHAMPION)
    canary.aws.answers = [Answer(body=VERDICT | {"words": [], "spans": []})]
    for version in (CHALLENGER, CHAMPION):
        canary.aws.asked.clear()
        assert canary.ask({"review": text}, query={"model": version}).status == 200
        assert [ENDPOINTS[path] for path, *_ in canary.aws.asked] == [version]
    canary.aws.fails(424, "ModelError", "no")
    assert canary.ask({"review": text}, query={"model": CHALLENGER}).status == 502
    assert canary.ask({"review": text}, query={"model": "made-up"}).status == 404
    for line in lines(capsys.readouterr().out):
        assert {name for name, *_ in metrics(line)} <= {"Requests", "Latency", "Errors"}
