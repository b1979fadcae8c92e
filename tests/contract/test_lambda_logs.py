"""What the Lambda logs: a line for each request, with its metrics and without what people write."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from lambda_fixtures import (
    REQUEST_ID,
    VERDICT,
    WORD_COUNTS,
    Answer,
    imported,
    lines,
    relay,
)

__all__ = ["imported", "relay"]  # fixtures

REVIEW = "A wonderful film — très bon 🎬"

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
EMBEDDED_METRIC_FORMAT = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {"type": "string", "pattern": r"^[0-9A-Za-z.\-_/#]{1,1024}$"},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 30, "items": {"type": "string"}},
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"enum": ["Count", "Milliseconds"]},
                                        "StorageResolution": {"enum": [1, 60]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


def metrics(line: dict) -> dict[tuple, float]:
    """What CloudWatch takes from a line: values by name and dimensions."""
    Draft202012Validator(EMBEDDED_METRIC_FORMAT).validate(line)
    found = {}
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            assert all(isinstance(line[name], str) and len(line[name]) <= 1024 for name in names)
            for metric in directive["Metrics"]:
                value = line[metric["Name"]]
                assert isinstance(value, int | float) and not isinstance(value, bool)
                found[metric["Name"], *(line[name] for name in names)] = value
    return found


def test_each_request_is_one_line_of_log_with_its_metrics_and_without_the_review(relay, capsys):
    relay.ask({"review": "SECRET plot of a film"})
    relay.ask({"review": "SECRET plot of a film", "x": 1}, "application/xml")
    relay.aws.fails(424, "ModelError", 'Received server error (500) from primary with message "SECRET".')
    relay.ask({"review": "SECRET plot of a film"})
    relay.get("/health")
    out = capsys.readouterr().out
    assert "SECRET" not in out
    good, bad, failed, health = lines(out)
    assert (good["level"], good["status"], good["requestId"]) == ("INFO", 200, REQUEST_ID)
    assert (good["method"], good["path"]) == ("POST", "/predict")
    assert (bad["level"], bad["status"], bad["Code"]) == ("WARNING", 415, "unsupported_media_type")
    assert (failed["level"], failed["status"], failed["Code"]) == ("ERROR", 502, "model_error")
    assert "Received server error (500)" in failed["reason"]
    assert health["path"] == "/health"

    stack = "movie-sentiment"
    counted = metrics(good)
    assert 0 < counted.pop(("Latency", stack)) < 5_000
    by_model = {key: counted.pop(key) for key in [*counted] if key[2:] == (VERDICT["model"],)}
    assert {name for name, *_ in by_model} == {
        *("Calls", "Failures", "Slow", "Answers", "Unsure"),
        *("NoEvidence", "NotEnglish", "Mixed", "Probability"),
        *("Characters50", "Characters150", "Characters500", "CharactersMore"),
    }
    assert counted == {("Requests", stack): 1, ("Errors", stack): 0}
    assert metrics(failed)["Errors", stack] == metrics(failed)["Errors", stack, "model_error"] == 1
    assert metrics(bad)["Errors", stack, "unsupported_media_type"] == 1


def test_counts_of_what_people_send_are_logged_and_not_answered(relay, capsys):
    row = WORD_COUNTS | {"sentiment": "positive", "probability": 0.6, "unsure": True, "reason": "not_english"}
    rows = [row, row | {"reason": None, "word_count": 0, "unknown_words": 0}]
    relay.aws.answers = [
        Answer(body=VERDICT | WORD_COUNTS | {"unsure": True, "reason": "mixed"}),
        Answer(body={"model": VERDICT["model"], "predictions": rows}),
    ]
    explained = relay.ask({"review": "x" * 50})
    assert explained.body == VERDICT | {"unsure": True, "reason": "mixed"}
    many = relay.ask({"reviews": ["x" * 51, "x" * 501]}, path="/predict/batch")
    assert "word_count" not in json.dumps(many.body)

    def counted(line: dict) -> dict[str, float]:
        """What is counted of the model, but what is zero."""
        stack, model = "movie-sentiment", VERDICT["model"]
        found = metrics(line)
        return {name: value for (name, *of), value in found.items() if of == [stack, model] and value}

    one, two = map(counted, lines(capsys.readouterr().out))
    assert one.pop("Calls") == two.pop("Calls") == one.pop("Answers") == two.pop("Answers") - 1
    assert one == {"Unsure": 1, "Characters50": 1, "Mixed": 1, "Probability": 0.93, "UnknownShare": 0.25}
    of_lengths = {"Characters150": 1, "CharactersMore": 1}
    assert two == of_lengths | {"Unsure": 2, "NotEnglish": 1, "Probability": 1.2, "UnknownShare": 0.25}


def test_answers_of_an_older_model_are_counted_without_unknown_words(relay, capsys):
    relay.ask({"review": REVIEW})
    [line] = lines(capsys.readouterr().out)
    assert line["Characters50"] == 1 and line["Probability"] == VERDICT["probability"]
    assert "UnknownShare" not in line


@pytest.mark.parametrize("counts", [{"word_count": 3}, {"word_count": -1, "unknown_words": 0}])
def test_an_answer_with_invalid_word_counts_is_refused(relay, counts):
    relay.aws.answers = [Answer(body=VERDICT | counts)]
    assert relay.ask({"review": REVIEW}).status == 502


def test_texts_are_logged_where_that_is_wanted(relay, capsys, monkeypatch):
    monkeypatch.setattr(relay.app, "LOG_REVIEWS", True)
    relay.ask({"review": "SECRET plot"})
    relay.ask("\x00" * 19_000 + "🎬" * 1000, "text/plain")
    short, long = capsys.readouterr().out.splitlines()
    assert "SECRET plot" in json.loads(short)["body"]
    assert len(long) < 256 * 1024
    metrics(json.loads(long))


def test_a_defect_is_logged_with_its_traceback_and_not_shown(relay, monkeypatch, capsys):
    def defect(*_):
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(relay.modules.api, "review_of", defect)
    answer = relay.ask({"review": REVIEW})
    assert answer.status == 500
    assert "secret" not in json.dumps(answer.body)
    [line] = lines(capsys.readouterr().out)
    assert (line["level"], line["requestId"], line["Code"]) == ("ERROR", REQUEST_ID, "internal_error")
    assert "ZeroDivisionError: secret of the house" in line["traceback"]
