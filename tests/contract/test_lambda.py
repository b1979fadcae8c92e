"""The relay behind the API: which requests reach the endpoint, and what becomes of its answers."""

from __future__ import annotations

import ast
import base64
import io
import json
import subprocess
import sys

import boto3
import pytest
from botocore.config import Config
from lambda_fixtures import LAMBDA, REQUEST_ID, VERDICT, Answer, event, imported, relay

__all__ = ["imported", "relay"]  # fixtures

REVIEW = "A wonderful film — très bon 🎬"


def encoded(raw: bytes) -> dict:
    return {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}


def test_a_review_gets_the_verdict_of_the_endpoint(relay):
    answer = relay.ask({"review": REVIEW})
    assert (answer.status, answer.body) == (200, VERDICT)
    assert answer.headers == {"content-type": "application/json", "cache-control": "no-store"}
    [(path, headers, body)] = relay.endpoint.asked
    assert path == "/endpoints/movie-sentiment/invocations"
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert json.loads(body) == {"review": REVIEW}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("text/plain", {"body": REVIEW}),
        ("text/plain; charset=UTF-8", {"body": REVIEW}),
        ("Text/Plain", encoded(REVIEW.encode())),
        ("application/json;charset=utf-8", encoded(json.dumps({"review": REVIEW}).encode())),
        ("application/json", {"body": json.dumps({"review": REVIEW, "other": 1})}),
        ("application/json", encoded(b"\xef\xbb\xbf" + json.dumps({"review": REVIEW}).encode())),
        (None, {"headers": {"Content-TYPE": "text/plain"}, "body": REVIEW}),
    ],
)
def test_every_way_to_write_the_same_review(relay, kind, more):
    assert relay.ask("", kind, **more).status == 200
    assert json.loads(relay.endpoint.asked[0][2]) == {"review": REVIEW}


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", '"ISO-8859-1"'])
def test_a_body_that_comes_as_bytes_is_read_in_its_charset(relay, charset):
    assert relay.ask("", f"text/plain; charset={charset}", **encoded(b"tr\xe8s bon")).status == 200
    assert json.loads(relay.endpoint.asked[0][2]) == {"review": "très bon"}


@pytest.mark.parametrize(
    ("status", "code", "kind", "more"),
    [
        (400, "bad_request", "application/json", {"body": ""}),
        (400, "bad_request", "application/json", {"body": None}),
        (400, "bad_request", "application/json", {"body": '{"review": '}),
        (400, "bad_request", "application/json", {"body": "[" * 100_000}),
        (400, "bad_request", "application/json", {"body": "1" * 5_000}),
        (400, "bad_request", "application/json", {"body": '["a film"]'}),
        (400, "bad_request", "application/json", {"body": '{"text": "a film"}'}),
        (400, "bad_request", "application/json", {"body": '{"review": 5}'}),
        (400, "bad_request", "application/json", {"body": '{"review": " \\n "}'}),
        (400, "bad_request", "application/json", {"body": '{"review": "half \\ud83c"}'}),
        (400, "bad_request", "text/plain", {"body": "\u2003\n"}),
        (400, "bad_request", "text/plain", encoded(b"caf\xe9")),
        (413, "review_too_long", "text/plain", {"body": "x" * 20_001}),
        (413, "review_too_long", "application/json", {"body": '{"review": "a"}' + " " * 300_000}),
        (413, "review_too_long", "text/plain", encoded(b"x" * 7_000_000)),
        (415, "unsupported_media_type", None, {"body": "a film"}),
        (415, "unsupported_media_type", "application/xml", {"body": "<review/>"}),
        (415, "unsupported_media_type", "application/jsonx", {"body": "{}"}),
        (415, "unsupported_media_type", "text/plain; charset=rot13", {"body": "n svyz"}),
    ],
)
def test_bad_requests_are_told_apart_and_never_reach_the_endpoint(relay, status, code, kind, more):
    answer = relay.ask("", kind, **more)
    error = answer.body["error"]
    assert (answer.status, error["code"], error["requestId"]) == (status, code, REQUEST_ID)
    assert error["message"].endswith(".")
    assert relay.endpoint.asked == []


def test_the_longest_review_is_read_however_it_is_written(relay):
    longest = "🎬" * 20_000
    assert relay.ask({"review": longest}).status == 200
    assert relay.ask(longest, "text/plain").status == 200
    assert [json.loads(body)["review"] for _, _, body in relay.endpoint.asked] == [longest, longest]


@pytest.mark.parametrize(
    ("aws", "status", "code", "retry_after"),
    [
        ((429, "ThrottlingException"), 429, "throttled", True),
        ((400, "ThrottlingException"), 429, "throttled", True),
        (
            (400, "ValidationError", "Endpoint x of account 1 not found."),
            503,
            "not_ready",
            True,
        ),
        ((429, "ModelNotReadyException"), 503, "not_ready", True),
        ((503, "ServiceUnavailable"), 503, "not_ready", True),
        ((500, "InternalFailure"), 503, "not_ready", True),
        ((424, "ModelError", "Received server error (500) from primary"), 502, "model_error", False),
        ((424, "ModelError", "Your invocation timed out while waiting"), 504, "timed_out", False),
        ((400, "AccessDeniedException", "not authorized to perform"), 500, "internal_error", False),
    ],
)
def test_every_error_of_aws_has_its_status(relay, aws, status, code, retry_after):
    relay.endpoint.fails(*aws)
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
        VERDICT | {"words": None},
        VERDICT | {"words": [["film"]]},
        VERDICT | {"words": [["film", float("inf")]]},
        VERDICT | {"words": [["film", 10**400]]},
        VERDICT | {"model": None},
    ],
    ids=lambda body: repr(body)[:60],
)
def test_an_answer_that_is_no_verdict_is_never_passed_on(relay, body):
    relay.endpoint.answers = [Answer(body=body)]
    answer = relay.ask({"review": REVIEW})
    assert (answer.status, answer.body["error"]["code"]) == (502, "model_error")


def test_nothing_but_the_contract_is_passed_on(relay):
    relay.endpoint.answers = [Answer(body=VERDICT | {"host": "10.0.0.1"})]
    assert relay.ask({"review": REVIEW}).body == VERDICT


def test_an_endpoint_that_hangs_up_one_that_is_silent_and_one_out_of_reach(relay, monkeypatch):
    relay.endpoint.answers = [Answer(drop=True)]
    assert relay.ask({"review": REVIEW}).status == 502

    def client(url: str):
        config = Config(read_timeout=0.3, retries={"total_max_attempts": 1})
        return boto3.client("sagemaker-runtime", endpoint_url=url, config=config)

    monkeypatch.setattr(relay.modules.endpoint, "client", client(relay.endpoint.url))
    relay.endpoint.answers, relay.endpoint.asked = [Answer(seconds=1)], []
    assert relay.ask({"review": REVIEW}).status == 504
    assert len(relay.endpoint.asked) == 1, "a call that timed out is not made again"

    monkeypatch.setattr(relay.modules.endpoint, "client", client("http://127.0.0.1:1"))
    assert relay.ask({"review": REVIEW}).status == 503


def test_a_throttled_endpoint_is_asked_again(relay):
    throttled = Answer(429, {"Message": "Rate exceeded"}, "ThrottlingException")
    relay.endpoint.answers = [throttled, throttled, Answer()]
    assert relay.ask({"review": REVIEW}).status == 200
    assert len(relay.endpoint.asked) == 3

    relay.endpoint.answers, relay.endpoint.asked = [throttled], []
    assert relay.ask({"review": REVIEW}).status == 429
    assert len(relay.endpoint.asked) == 3


def test_the_endpoint_is_not_asked_when_its_answer_would_come_too_late(relay):
    relay.endpoint.fails(429, "ThrottlingException")
    relay.seconds_left = relay.modules.endpoint.CALL_SECONDS + 0.005
    assert relay.ask({"review": REVIEW}).status == 429
    assert len(relay.endpoint.asked) == 1

    relay.endpoint.asked = []
    relay.seconds_left = relay.modules.endpoint.CALL_SECONDS - 1
    assert relay.ask({"review": REVIEW}).status == 504
    assert relay.endpoint.asked == []


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_request_is_one_line_of_log_without_the_review(relay, log):
    relay.ask({"review": "SECRET plot"})
    relay.ask({"review": "SECRET plot", "x": 1}, "application/xml")
    relay.endpoint.fails(424, "ModelError", "Received server error (500)")
    relay.ask({"review": "SECRET plot"})
    good, bad, failed = lines(log())
    assert (good["level"], good["status"], good["requestId"]) == ("INFO", 200, REQUEST_ID)
    assert 0 < good["latencyMs"] < 5_000
    assert (bad["level"], bad["status"], bad["code"]) == ("WARNING", 415, "unsupported_media_type")
    assert (failed["level"], failed["status"]) == ("ERROR", 502)
    assert "Received server error (500)" in failed["reason"]
    assert "SECRET" not in log()


def test_a_defect_is_logged_with_its_traceback_and_not_shown(relay, monkeypatch, log):
    def defect(event):
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(relay.app, "review_of", defect)
    answer = relay.ask({"review": REVIEW})
    assert answer.status == 500
    assert "secret" not in json.dumps(answer.body)
    [line] = lines(log())
    assert (line["level"], line["requestId"]) == ("ERROR", REQUEST_ID)
    assert "ZeroDivisionError: secret of the house" in line["traceback"]


def test_without_api_gateway_the_id_is_that_of_lambda(relay):
    answer = relay(event("", "text/plain", requestContext=None))
    assert json.loads(answer["body"])["error"]["requestId"] == relay.context().aws_request_id


def test_it_needs_nothing_but_the_standard_library_and_boto3():
    allowed = {*sys.stdlib_module_names, "boto3", "botocore", "predict"}
    for file in LAMBDA.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, file


def test_importing_it_costs_little_beyond_boto3():
    program = (
        "import sys, time, boto3, botocore.config; boto3.client('sagemaker-runtime');"
        f"sys.dont_write_bytecode = True; sys.path.insert(0, {str(LAMBDA)!r});"
        "began = time.process_time(); import predict.app; print(time.process_time() - began)"
    )
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "PATH": ""}
    runs = [
        float(subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True).stdout)
        for _ in range(3)
    ]
    assert min(runs) < 0.035


@pytest.fixture
def log(relay):
    """What the function has logged in this test."""
    stream = io.StringIO()
    handlers = relay.app.log.handlers  # pytest adds its own
    handler = next(handler for handler in handlers if type(handler.formatter).__name__ == "JsonFormatter")
    previous = handler.setStream(stream)
    yield stream.getvalue
    handler.setStream(previous)
