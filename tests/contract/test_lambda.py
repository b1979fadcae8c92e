"""The Lambda behind the API: events and answers, and what it makes of everything that AWS may answer.

What every host of the API does alike is tested in tests/contract/api.
"""

from __future__ import annotations

import base64
import json

import boto3
import pytest
from botocore.config import Config
from lambda_fixtures import (
    DESCRIPTION,
    REQUEST_ID,
    VERDICT,
    Answer,
    event,
    imported,
    lines,
    relay,
)

__all__ = ["imported", "relay"]  # fixtures

REVIEW = "A wonderful film — très bon 🎬"


def encoded(raw: bytes) -> dict:
    return {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}


def short_reads(url: str):
    config = Config(read_timeout=0.3, retries={"total_max_attempts": 1})
    return boto3.client("sagemaker-runtime", endpoint_url=url, config=config)


# -- Events --------------------------------------------------------------------------------------------------


def test_a_review_gets_the_verdict_of_the_endpoint(relay):
    answer = relay.ask({"review": REVIEW})
    assert (answer.status, answer.body) == (200, VERDICT)
    assert answer.headers == {"content-type": "application/json", "cache-control": "no-store"}
    [(path, headers, body)] = relay.aws.asked
    assert path == "/endpoints/movie-sentiment/invocations"
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert json.loads(body) == {"review": REVIEW, "explain": True}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("text/plain", {"body": REVIEW}),
        ("text/plain; charset=UTF-8", {"body": REVIEW}),
        # API Gateway has made UTF-8 of it.
        ("text/plain; charset=iso-8859-1", {"body": REVIEW}),
        ("Text/Plain", encoded(REVIEW.encode())),
        ("application/json;charset=utf-8", encoded(json.dumps({"review": REVIEW}).encode())),
        ("application/json", {"body": json.dumps({"review": REVIEW, "other": 1})}),
        ("application/json", encoded(b"\xef\xbb\xbf" + json.dumps({"review": REVIEW}).encode())),
        (None, {"headers": {"Content-TYPE": "text/plain"}, "body": REVIEW}),
        ("text/plain", {"stage": "prod", "body": REVIEW}),
    ],
)
def test_every_way_to_write_the_same_review(relay, kind, more):
    assert relay.ask("", kind, **more).status == 200
    assert json.loads(relay.aws.asked[0][2])["review"] == REVIEW


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", '"ISO-8859-1"'])
def test_a_body_that_comes_as_bytes_is_read_in_its_charset(relay, charset):
    relay.aws.answers = [Answer(body=VERDICT | {"words": [], "spans": []})]
    assert relay.ask("", f"text/plain; charset={charset}", **encoded(b"tr\xe8s bon")).status == 200
    assert json.loads(relay.aws.asked[0][2])["review"] == "très bon"


@pytest.mark.parametrize(
    ("status", "kind", "more"),
    [
        (400, "application/json", {"body": None}),
        (400, "application/json", {"body": '{"review": "half \\ud83c"}'}),
        (400, "text/plain", {"body": "half \ud83c"}),
        (400, "text/plain", encoded(b"caf\xe9")),
        (413, "text/plain", {"body": "x" * 20_001}),
        (413, "text/plain", encoded(b"x" * 2_500_001)),
        (415, None, {"body": "a film"}),
        (415, "application/jsonx", {"body": "{}"}),
        (415, "text/plain; charset=rot13", encoded(b"n svyz")),
        (415, "application/json; charset=iso-8859-1", encoded(b"{}")),
        (404, "text/plain", {"path": "/elsewhere", "body": "A film"}),
        (405, "text/plain", {"method": "PUT", "body": "A film"}),
    ],
)
def test_bad_requests_never_reach_the_endpoint(relay, status, kind, more):
    answer = relay.ask("", kind, **more)
    assert answer.status == status
    assert answer.body["error"]["requestId"] == REQUEST_ID
    assert relay.aws.asked == []


def test_without_api_gateway_the_id_is_that_of_lambda(relay):
    answer = relay(event("", "text/plain", requestContext=None))
    assert answer["statusCode"] == 500
    assert json.loads(answer["body"])["error"]["requestId"] == relay.context().aws_request_id


def test_a_batch_is_one_call_and_may_be_as_large_as_it_gets(relay):
    rows = [{"sentiment": "negative", "probability": 0.1, "unsure": False, "reason": None}] * 100
    relay.aws.answers = [Answer(body={"model": "0123abcd", "predictions": rows})]
    # As many bytes as a request may have, in the characters that JSON makes most of.
    for text in ("x" * 20_000, "\\" * 12_000, "\U0001f3ac" * 6_200):
        batch = {"reviews": [text] * 100}
        body = json.dumps(batch, ensure_ascii=False)
        assert 1_900_000 < len(body.encode()) <= 2_500_000
        whole = event(body, path="/predict/batch")
        assert len(json.dumps(whole, ensure_ascii=False).encode()) < 6_000_000
        answer = relay(whole)
        assert answer["statusCode"] == 200
        assert json.loads(answer["body"])["predictions"] == rows
        assert len(relay.aws.asked[-1][2]) < 4 * 1024 * 1024
    assert len(relay.aws.asked) == 3


# -- The endpoint --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aws", "status", "code", "retry_after"),
    [
        ((429, "ThrottlingException"), 429, "throttled", True),
        ((400, "ThrottlingException"), 429, "throttled", True),
        ((400, "ValidationError", "Endpoint x of account 1 not found."), 503, "not_ready", True),
        ((429, "ModelNotReadyException"), 503, "waking", True),
        ((503, "ServiceUnavailable"), 503, "not_ready", True),
        ((500, "InternalFailure"), 503, "not_ready", True),
        ((424, "ModelError", "Received server error (500) from primary"), 502, "model_error", False),
        ((424, "ModelError", "Your invocation timed out while waiting"), 503, "waking", True),
        ((400, "AccessDeniedException", "not authorized to perform"), 500, "internal_error", False),
    ],
)
def test_every_error_of_aws_has_its_status(relay, aws, status, code, retry_after):
    relay.aws.fails(*aws)
    answer = relay.ask({"review": REVIEW})
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == retry_after
    assert "sentiment" not in answer.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        [],
        {"sentiment": "positive"},
        VERDICT | {"sentiment": "POSITIVE"},
        VERDICT | {"probability": 1.5},
        VERDICT | {"probability": "0.9"},
        VERDICT | {"probability": True},
        VERDICT | {"probability": float("nan")},
        VERDICT | {"unsure": None},
        VERDICT | {"words": None},
        VERDICT | {"words": [["film"]]},
        VERDICT | {"words": [["film", float("inf")]]},
        VERDICT | {"words": [["film", 10**400]]},
        VERDICT | {"spans": [[0, 1]]},
        VERDICT | {"spans": [[0, 1], [5, 1000]]},
        VERDICT | {"spans": [[0, 1], [5, 4]]},
        VERDICT | {"cut": 5},
        VERDICT | {"cut": {"start": 0, "end": 1}},
        VERDICT | {"model": None},
        {name: value for name, value in VERDICT.items() if name != "cut"},
    ],
    ids=lambda body: repr(body)[:60],
)
def test_an_answer_that_is_not_a_verdict_is_never_passed_on(relay, body):
    relay.aws.answers = [Answer(body=body)]
    answer = relay.ask({"review": REVIEW})
    assert (answer.status, answer.body["error"]["code"]) == (502, "model_error")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"model": "a"},
        {"model": "a", "predictions": []},
        {"model": "a", "predictions": [5]},
        {"model": 5, "predictions": [{"sentiment": "positive", "probability": 1, "unsure": False}]},
        {"model": "a", "predictions": [{"sentiment": "positive", "probability": 2, "unsure": False}]},
    ],
)
def test_a_batch_without_a_verdict_for_each_review_is_never_passed_on(relay, body):
    relay.aws.answers = [Answer(body=body)]
    assert relay.ask({"reviews": [REVIEW]}, path="/predict/batch").status == 502


def test_nothing_but_the_contract_is_passed_on(relay):
    relay.aws.answers = [Answer(body=VERDICT | {"host": "10.0.0.1"})]
    assert relay.ask({"review": REVIEW}).body == VERDICT


def test_a_dropped_connection_and_an_unreachable_endpoint(relay, monkeypatch):
    relay.aws.answers = [Answer(drop=True)]
    assert relay.ask({"review": REVIEW}).status == 502
    monkeypatch.setattr(relay.modules.endpoint, "client", short_reads("http://127.0.0.1:1"))
    assert relay.ask({"review": REVIEW}).status == 503


def test_a_silent_endpoint_is_waking_up_unless_it_has_just_answered(relay, monkeypatch):
    endpoint, patient = relay.modules.endpoint, relay.modules.endpoint.client
    impatient = short_reads(relay.aws.url)
    monkeypatch.setattr(endpoint, "PAUSES_SECONDS", ())
    silent = Answer(seconds=60)

    relay.aws.answers = [silent]
    monkeypatch.setattr(endpoint, "client", impatient)
    waking = relay.ask({"review": REVIEW})
    assert (waking.status, waking.body["error"]["code"]) == (503, "waking")
    assert "waking up" in waking.body["error"]["message"]
    assert 0 < int(waking.headers["retry-after"]) <= 10
    assert len(relay.aws.asked) == 1

    relay.aws.answers = [Answer(), silent]
    monkeypatch.setattr(endpoint, "client", patient)
    assert relay.ask({"review": REVIEW}).status == 200
    relay.now += endpoint.AWAKE_SECONDS - 1
    monkeypatch.setattr(endpoint, "client", impatient)
    slow = relay.ask({"review": REVIEW})
    assert (slow.status, slow.body["error"]["code"]) == (504, "timed_out")
    assert "retry-after" not in slow.headers

    relay.now += 2
    assert relay.ask({"review": REVIEW}).status == 503


def test_a_throttled_endpoint_and_one_that_is_not_ready_are_asked_again(relay):
    relay.seconds_left = 600  # on a busy machine the attempts, not the time, are to run out
    for refusal in (
        Answer(429, {"Message": "Rate exceeded"}, "ThrottlingException"),
        Answer(429, {"Message": "not ready"}, "ModelNotReadyException"),
    ):
        relay.aws.answers, relay.aws.asked = [refusal, refusal, Answer()], []
        assert relay.ask({"review": REVIEW}).status == 200
        assert len(relay.aws.asked) == 3

        relay.aws.answers, relay.aws.asked = [refusal], []
        assert relay.ask({"review": REVIEW}).status in (429, 503)
        assert len(relay.aws.asked) == 1 + len(relay.modules.endpoint.PAUSES_SECONDS)


def test_a_worker_that_dies_loses_no_request_unless_the_review_kills_another_one(relay):
    died = Answer(
        424, {"Message": 'Received server error (500) from primary with message "Worker died."'}, "ModelError"
    )
    starting = Answer(429, {"Message": "not ready"}, "ModelNotReadyException")
    relay.aws.answers = [died, starting, Answer()]
    assert relay.ask({"review": REVIEW}).status == 200

    relay.aws.answers, relay.aws.asked = [died, starting, died, Answer()], []
    answer = relay.ask({"review": REVIEW})
    assert (answer.status, answer.body["error"]["code"]) == (502, "model_error")
    assert len(relay.aws.asked) == 3


ABSENT = Answer(400, {"__type": "ValidationException", "message": "Could not find endpoint"})


@pytest.mark.parametrize(
    ("state", "refusal", "code", "said"),
    [
        ("", ABSENT, "no_model", "There is no model yet"),
        ("Creating", None, "waking", "is being started"),
        ("Failed", None, "broken", "is broken"),
        ("OutOfService", None, "broken", "is broken"),
    ],
)
def test_no_model_a_starting_one_and_a_broken_one_are_distinguished(relay, state, refusal, code, said):
    # InvokeEndpoint says the same of all three.
    relay.aws.fails(400, "ValidationError", "Endpoint movie-sentiment of account 1 not found.")
    relay.aws.status, relay.aws.refusal = state, refusal
    for answer in (relay.ask({"review": REVIEW}), relay.get("/health")):
        assert (answer.status, answer.body["error"]["code"]) == (503, code)
        assert said in answer.body["error"]["message"]
        assert "retry-after" in answer.headers


def test_an_endpoint_that_failed_is_not_asked_again(relay):
    relay.aws.fails(424, "ModelError")
    assert relay.ask({"review": REVIEW}).status == 502
    assert len(relay.aws.asked) == 1


def test_the_endpoint_is_not_asked_when_its_answer_would_come_too_late(relay, monkeypatch):
    relay.aws.fails(429, "ThrottlingException")
    # Time for one call, and for no second one after such a pause.
    monkeypatch.setattr(relay.modules.endpoint, "PAUSES_SECONDS", (600,))
    relay.seconds_left = relay.modules.endpoint.CALL_SECONDS + 200
    assert relay.ask({"review": REVIEW}).status == 429
    assert len(relay.aws.asked) == 1

    relay.aws.asked = []
    relay.seconds_left = relay.modules.endpoint.CALL_SECONDS - 1
    assert relay.ask({"review": REVIEW}).status == 503
    assert relay.aws.asked == []


# -- Health, description, feedback ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status"),
    [("InService", 200), ("Updating", 200), ("Creating", 503), ("Failed", 503), ("OutOfService", 503)],
)
def test_health_is_the_endpoints_state_and_does_not_wake_it(relay, state, status):
    relay.aws.status = state
    for _ in range(3):
        answer = relay.get("/health")
        assert answer.status == status
        assert ("retry-after" in answer.headers) == (status == 503)
    assert relay.aws.asked == []
    assert relay.aws.looked == 1, "the account's rate of DescribeEndpoint is not spent on repetitions"
    relay.aws.status = "InService"
    relay.now += relay.modules.endpoint.HEALTH_SECONDS
    assert relay.get("/health").status == 200


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Answer(400, {"__type": "ValidationException", "message": "Could not find endpoint"}), 503),
        (Answer(400, {"__type": "ThrottlingException", "message": "Rate exceeded"}), 429),
        (Answer(400, {"__type": "AccessDeniedException", "message": "not authorized"}), 500),
        (Answer(drop=True), 503),
    ],
)
def test_health_where_sagemaker_does_not_say(relay, refusal, status):
    relay.aws.refusal = refusal
    assert relay.get("/health").status == status


def test_the_description_is_read_from_beside_the_model_and_kept_some_minutes(relay):
    answer = relay.get("/model")
    assert answer.status == 200
    assert {name: answer.body[name] for name in DESCRIPTION} == DESCRIPTION
    assert answer.headers["cache-control"] == "max-age=300"
    same = relay.get("/model", **{"if-none-match": answer.headers["etag"]})
    assert (same.status, same.body, same.headers["etag"]) == (304, None, answer.headers["etag"])
    assert relay.aws.read == 1

    tested = DESCRIPTION["metrics"] | {"test": {"accuracy": 0.9, "interval": [0.8, 1], "reviews": 50}}
    changed = DESCRIPTION | {"metrics": tested}
    relay.aws.objects["/data/models/0123/model.json"] = json.dumps(changed).encode()
    assert "test" not in relay.get("/model").body["metrics"]
    relay.now += relay.modules.storage.DESCRIPTION_SECONDS
    newer = relay.get("/model", **{"if-none-match": answer.headers["etag"]})
    assert newer.body["metrics"] == tested
    assert newer.headers["etag"] != answer.headers["etag"]


@pytest.mark.parametrize(
    "refusal",
    [None, Answer(403, b"<Error><Code>AccessDenied</Code></Error>"), Answer(503, b""), Answer(drop=True)],
)
def test_a_missing_description_is_an_error_that_says_so(relay, capsys, refusal):
    relay.aws.objects.clear()
    relay.aws.refusal = refusal
    answer = relay.get("/model")
    assert (answer.status, answer.body["error"]["code"]) == (503, "not_ready")
    assert "retry-after" in answer.headers
    [line] = lines(capsys.readouterr().out)
    if refusal is None or refusal.status == 403:
        assert "s3://data/models/0123/model.json is missing" in line["reason"]
        assert "make package" in line["reason"]


def test_a_vote_becomes_an_object_of_its_day(relay):
    vote = {"review": REVIEW, "sentiment": "positive", "probability": 0.9, "model": "m", "vote": "up"}
    answer = relay.ask(vote, path="/feedback")
    assert answer.status == 201
    [(path, body)] = [each for each in relay.aws.objects.items() if "feedback" in each[0]]
    kept = json.loads(body)
    assert path == f"/data/feedback/date={kept['time'][:10]}/{answer.body['id']}.json"
    assert {name: kept[name] for name in vote} == vote


def test_a_vote_that_is_taken_back_is_deleted(relay):
    vote = {"review": REVIEW, "sentiment": "positive", "probability": 0.9, "model": "m", "vote": "up"}
    vote_id = relay.ask(vote, path="/feedback").body["id"]
    withdrawal = event("", None, method="DELETE", path=f"/feedback/{vote_id}")
    assert relay(withdrawal)["statusCode"] == 200
    assert [path for path in relay.aws.objects if "feedback" in path] == []
    relay.aws.refusal = Answer(503, b"<Error><Code>SlowDown</Code></Error>")
    assert relay(withdrawal)["statusCode"] == 429, "not answered as if it were done"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Answer(403, b"<Error><Code>AccessDenied</Code></Error>"), 500),
        (Answer(503, b"<Error><Code>SlowDown</Code></Error>"), 429),
    ],
)
def test_a_vote_that_cannot_be_stored_is_an_error(relay, refusal, status):
    relay.aws.refusal = refusal
    vote = {"review": REVIEW, "sentiment": "positive", "probability": 0.9, "model": "m", "vote": "up"}
    assert relay.ask(vote, path="/feedback").status == status
