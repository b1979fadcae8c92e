"""infra/openapi.yaml: the Lambda answers as it promises, whatever comes in and whatever the endpoint says."""

from __future__ import annotations

import base64
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from lambda_fixtures import VERDICT, Answer, event, imported, relay
from openapi_spec_validator import validate

__all__ = ["imported", "relay"]  # fixtures

PROJECT = Path(__file__).resolve().parents[2]
CONTRACT = yaml.safe_load((PROJECT / "infra" / "openapi.yaml").read_text(encoding="utf-8"))
PREDICT = CONTRACT["paths"]["/predict"]["post"]
# Every example is a request to the endpoint: quick, but not free.
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def conforms(value: Any, schema: dict[str, Any]) -> None:
    """Checks against a schema of the contract, whose references point into the whole document."""
    Draft202012Validator({**schema, "components": CONTRACT["components"]}).validate(value)


def answer_conforms(answer: dict[str, Any]) -> dict[str, Any]:
    """Checks a response of the Lambda; its parsed body."""
    body = json.loads(answer["body"], parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    promised = PREDICT["responses"][str(answer["statusCode"])]
    assert answer["headers"]["content-type"] == "application/json"
    conforms(body, promised["content"]["application/json"]["schema"])
    if answer["statusCode"] == 200:
        conforms(answer["headers"]["cache-control"], promised["headers"]["Cache-Control"]["schema"])
    else:
        conforms(body, {"$ref": "#/components/schemas/Error"})
        assert ("retry-after" in answer["headers"]) == ("Retry-After" in promised.get("headers", {}))
    if seconds := answer["headers"].get("retry-after"):
        conforms(seconds, CONTRACT["components"]["headers"]["RetryAfter"]["schema"])
    return body


def test_it_is_openapi():
    validate(CONTRACT)


def test_its_examples_conform():
    for media in PREDICT["requestBody"]["content"].values():
        conforms(media["example"], media["schema"])
    verdict = PREDICT["responses"]["200"]["content"]["application/json"]
    conforms(verdict["example"], verdict["schema"])


def test_its_limits_and_codes_are_those_of_the_lambda(relay):
    modules = relay.modules
    schemas = CONTRACT["components"]["schemas"]
    assert schemas["Review"]["maxLength"] == modules.review.MAX_REVIEW_CHARACTERS
    assert f"{modules.review.MAX_BODY_BYTES:,} bytes" in PREDICT["requestBody"]["description"]
    assert set(PREDICT["requestBody"]["content"]) == {modules.review.JSON, modules.review.TEXT}

    errors = [modules.errors.HttpError, *modules.errors.HttpError.__subclasses__()]
    codes = schemas["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    assert sorted(error.code for error in errors) == sorted(codes)
    assert {str(error.status) for error in errors} | {"200"} == set(PREDICT["responses"])


def test_the_page_counts_characters_up_to_the_same_limit():
    scripts = "".join(file.read_text(encoding="utf-8") for file in (PROJECT / "website").glob("*.js"))
    limit = re.search(r"MAX_REVIEW_CHARACTERS = ([\d_]+)", scripts)[1]
    assert int(limit) == CONTRACT["components"]["schemas"]["Review"]["maxLength"]


@pytest.mark.parametrize(
    ("status", "aws"),
    [
        (429, (429, "ThrottlingException")),
        (500, (400, "AccessDeniedException")),
        (502, (424, "ModelError")),
        (503, (400, "ValidationError")),
        (504, (424, "ModelError", "Your invocation timed out")),
    ],
)
def test_every_failure_of_the_endpoint_is_answered_as_promised(relay, status, aws):
    relay.endpoint.fails(*aws)
    answer = relay(event({"review": "A film"}))
    assert answer["statusCode"] == status
    answer_conforms(answer)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
media_types = st.sampled_from(["application/json", "text/plain", "text/plain; charset=us-ascii"]) | st.text(
    string.printable
)
# Now and then a valid request, so that the search does not end at the first check.
bodies = st.one_of(
    st.binary().map(lambda raw: {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}),
    st.text().map(lambda text: {"body": text}),
    anything.map(lambda value: {"body": json.dumps(value)}),
    anything.map(lambda value: {"body": json.dumps({"review": value})}),
    st.text(min_size=1).map(lambda text: {"body": json.dumps({"review": text})}),
)


@QUICK
@given(body=bodies, kind=media_types)
def test_any_request_gets_an_answer_of_the_contract(relay, body, kind):
    relay.endpoint.asked = []
    answer = relay(event("", kind, **body))
    content = answer_conforms(answer)
    assert answer["statusCode"] in (200, 400, 413, 415)
    assert len(relay.endpoint.asked) == (answer["statusCode"] == 200)
    assert (content == VERDICT) == (answer["statusCode"] == 200)


@QUICK
@given(
    anything
    | st.fixed_dictionaries(
        {"headers": anything, "body": anything, "isBase64Encoded": anything, "requestContext": anything}
    )
)
def test_it_never_raises_whatever_the_event(relay, event):
    answer = answer_conforms(relay(event))
    assert "sentiment" not in answer


@QUICK
@given(
    status=st.sampled_from([200, 400, 413, 424, 429, 500, 503]),
    error=st.sampled_from([None, "ModelError", "ValidationError", "ThrottlingException"])
    | st.text("ab", max_size=3),
    body=anything
    | st.fixed_dictionaries(
        {
            "sentiment": st.sampled_from(["positive", "negative", "neutral", 1]),
            "probability": st.floats() | st.integers(-1, 2),
            "words": st.lists(st.tuples(st.text(), st.floats()), max_size=3) | anything,
            "model": st.text() | anything,
        }
    ),
)
def test_a_verdict_is_always_the_one_that_the_endpoint_gave(relay, status, error, body):
    relay.endpoint.answers = [Answer(status, body, error)]
    relay.modules.endpoint.PAUSES_SECONDS = ()
    answer = relay(event({"review": "A film"}))
    content = answer_conforms(answer)
    if answer["statusCode"] == 200:
        assert status == 200
        assert content == json.loads(json.dumps(body))
