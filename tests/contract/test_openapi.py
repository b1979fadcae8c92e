"""infra/openapi.yaml: valid, and kept by the Lambda whatever it receives and whatever AWS answers."""

from __future__ import annotations

import base64
import importlib
import json
import re
import string
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lambda_fixtures import VERDICT, Answer, event, imported, relay
from openapi_spec_validator import validate

sys.path.append(str(Path(__file__).with_name("api")))
from contract import CONTRACT, PROJECT, answer_conforms, conforms, resolved

__all__ = ["imported", "relay"]  # fixtures

ROUTES = [(path, method) for path, methods in CONTRACT["paths"].items() for method in methods]
# Every example is a request to the endpoint: quick, but not free.
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def checked(answer: dict[str, Any], path: str = "/predict", method: str = "POST") -> Any:
    """The parsed body of an answer of the Lambda, which conforms."""
    return answer_conforms(path, method, answer["statusCode"], answer["headers"], answer["body"].encode())


def test_it_is_openapi():
    validate(CONTRACT)


def test_its_examples_conform():
    seen = 0
    for path, method in ROUTES:
        operation = CONTRACT["paths"][path][method]
        bodies = [operation.get("requestBody", {}), *map(resolved, operation["responses"].values())]
        for media in (media for body in bodies for media in body.get("content", {}).values()):
            examples = [media["example"]] if "example" in media else []
            examples += [each["value"] for each in media.get("examples", {}).values()]
            for example in examples:
                conforms(example, media["schema"])
                seen += 1
    assert seen >= 10


def test_its_limits_and_codes_are_those_of_the_api(relay):
    modules = relay.modules
    schemas = CONTRACT["components"]["schemas"]
    assert schemas["Review"]["maxLength"] == modules.body.MAX_REVIEW_CHARACTERS
    batch = CONTRACT["paths"]["/predict/batch"]["post"]["requestBody"]
    reviews = batch["content"]["application/json"]["schema"]["properties"]["reviews"]
    assert reviews["maxItems"] == modules.body.MAX_BATCH_REVIEWS
    assert schemas["Feedback"]["properties"]["model"]["maxLength"] == modules.body.MAX_MODEL_CHARACTERS
    limit = f"{modules.body.MAX_BODY_BYTES:,} bytes"
    assert limit in CONTRACT["info"]["description"]
    predict = CONTRACT["paths"]["/predict"]["post"]
    for body in (predict["requestBody"], batch):
        assert limit in body["description"]
    assert set(predict["requestBody"]["content"]) == {modules.body.JSON, modules.body.TEXT}

    errors = [each for each in vars(modules.errors).values() if isinstance(each, type)]
    codes = schemas["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    assert sorted(error.code for error in errors) == sorted(codes)
    everywhere = modules.errors.MethodNotAllowed.status
    statuses = {str(error.status) for error in errors if error.status != everywhere}
    of_votes = {str(error.status) for error in (modules.errors.StorageFull, modules.errors.TooLate)}
    assert statuses | {"200"} == set(predict["responses"]) | of_votes
    withdrawal = CONTRACT["paths"]["/feedback/{id}"]["delete"]
    assert of_votes <= {*CONTRACT["paths"]["/feedback"]["post"]["responses"], *withdrawal["responses"]}
    days = importlib.import_module("sentiment_api.feedback").WITHDRAWAL_DAYS
    assert f"for {days} days" in withdrawal["summary"]
    assert CONTRACT["components"]["headers"]["MaxAge"]["schema"]["const"] == (
        f"max-age={modules.api.MODEL_CACHE_SECONDS}"
    )


def test_the_page_asks_for_nothing_beyond_the_limits(relay):
    script = (PROJECT / "website" / "api.js").read_text(encoding="utf-8")
    written = re.search(r"LIMITS = {([^}]*)}", script)[1]
    page = {name: int(number) for name, number in re.findall(r"(\w+): ([\d_]+)", written)}
    limits = relay.modules.api.LIMITS
    assert set(page) == set(limits)
    assert page["characters"] == limits["characters"]
    assert all(page[name] <= limits[name] for name in limits)


@pytest.mark.parametrize(
    ("status", "aws"),
    [
        (429, (429, "ThrottlingException")),
        (500, (400, "AccessDeniedException")),
        (502, (424, "ModelError")),
        (503, (400, "ValidationError")),
        (503, (424, "ModelError", "Your invocation timed out")),
    ],
)
def test_every_failure_of_the_endpoint_is_answered_as_promised(relay, status, aws):
    relay.aws.fails(*aws)
    for path, content in (("/predict", {"review": "A film"}), ("/predict/batch", {"reviews": ["A film"]})):
        answer = relay(event(content, path=path))
        assert answer["statusCode"] == status
        checked(answer, path)


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
    found = VERDICT | {"words": [], "spans": []}
    relay.aws.answers, relay.aws.asked = [Answer(body=found)], []
    answer = relay(event("", kind, **body))
    content = checked(answer)
    assert answer["statusCode"] in (200, 400, 413, 415)
    assert len(relay.aws.asked) == (answer["statusCode"] == 200)
    assert (content == found) == (answer["statusCode"] == 200)


# JSON has no NaN.
values = anything.filter(lambda value: "NaN" not in json.dumps(value) and "Infinity" not in json.dumps(value))
rows = st.lists(st.text(min_size=1) | values, min_size=1, max_size=5)


@QUICK
@given(reviews=rows)
def test_any_batch_gets_a_prediction_or_an_error_for_each_of_its_rows(relay, reviews):
    short = {"sentiment": "negative", "probability": 0.25, "unsure": True, "reason": "mixed"}
    good = [isinstance(review, str) and bool(review.strip()) for review in reviews]
    relay.aws.answers = [Answer(body={"model": "m", "predictions": [short] * sum(good)})]
    body = checked(relay(event({"reviews": reviews}, path="/predict/batch")), "/predict/batch")
    assert [row == short for row in body["predictions"]] == good


@QUICK
@given(
    anything
    | st.fixed_dictionaries(
        {"headers": anything, "body": anything, "isBase64Encoded": anything, "requestContext": anything}
    )
    | st.builds(
        lambda method, path, more: event("", None, method=method, path=path) | more,
        st.sampled_from(["GET", "POST", "HEAD", "PUT"]) | st.text(),
        st.sampled_from([path for path, _ in ROUTES]) | st.text(),
        st.fixed_dictionaries(
            {}, optional={"headers": anything, "body": anything, "queryStringParameters": anything}
        ),
    )
)
def test_it_never_raises_whatever_the_event(relay, made):
    answer = relay(made)
    assert 200 <= answer["statusCode"] < 600
    if answer["body"]:
        content = json.loads(answer["body"])
        assert "sentiment" not in content
        if answer["statusCode"] >= 400:
            conforms(content, {"$ref": "#/components/schemas/Error"})


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
            "unsure": st.booleans() | anything,
            "reason": st.sampled_from([None, "no_evidence", "not_english", "mixed", "tired"]) | anything,
            "words": st.just([]) | st.lists(st.tuples(st.text(), st.floats()), max_size=3) | anything,
            "spans": st.just([]) | st.lists(st.tuples(st.integers(), st.integers()), max_size=3),
            "cut": st.none() | anything,
            "model": st.text() | anything,
        }
    ),
)
def test_a_verdict_is_always_the_one_that_the_endpoint_gave(relay, status, error, body):
    relay.aws.answers = [Answer(status, body, error)]
    relay.modules.endpoint.PAUSES_SECONDS = ()
    answer = relay(event({"review": "A film"}))
    content = checked(answer)
    if answer["statusCode"] == 200:
        assert status == 200
        assert content == json.loads(json.dumps(body))
