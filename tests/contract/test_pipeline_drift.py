"""`make drift` on a deployed stack: what the Lambda counted, beside held-out texts; and the alarm."""

from __future__ import annotations

import json
import re

import pytest
import requests

from pipeline import drift, rollout, stack
from pipeline.settings import PipelineError
from project import drift as commands
from sentiment.evaluation.drift import alarm_formula
from tests.contract.test_rollout import NAME, Deployed, deployed
from tests.unit.sentiment_fixtures import made_up_reviews, model_folder

__all__ = ["deployed"]  # fixture
pytestmark = pytest.mark.slow

GERMAN = "Wirklich sehr schlecht gemacht, leider ganz und gar ohne jede Idee."


def send(deployed: Deployed, texts: list[str]) -> None:
    answer = requests.post(f"{deployed.api}/predict/batch", json={"reviews": texts}, timeout=60)
    assert answer.status_code == 200, answer.text


def test_what_people_send_is_counted_compared_and_watched(deployed, capsys):
    settings = deployed.settings(model_folder(), window="2h")
    with pytest.raises(PipelineError, match="the stack 'movies' serves no model: run `make deploy`"):
        drift.run(settings)

    rollout.run(settings)
    [baseline] = (deployed.build / "drift").glob(f"*/{commands.BASELINE}")
    formula = alarm_formula(json.loads(baseline.read_text()))
    cloudwatch = deployed.stacks.cloud.client("cloudwatch")
    [alarm] = cloudwatch.describe_alarms(AlarmNamePrefix=f"{NAME}-DriftAlarm")["MetricAlarms"]
    assert alarm["Metrics"][-1]["Expression"] == formula == stack.parameters(settings)["DriftFormula"]

    requests.post(f"{deployed.api}/predict", json={"review": "a film"}, timeout=60).raise_for_status()
    drift.run(settings)
    assert re.search(r"UTC: 1 texts\n.*no verdict", capsys.readouterr().out, re.S)
    send(deployed, list(made_up_reviews(0, 50, seed=6).texts[:99]))
    drift.run(settings)
    assert "everything lies within its band" in capsys.readouterr().out
    send(deployed, [GERMAN] * 100)
    with pytest.raises(commands.Drifted, match="words that the model does not know"):
        drift.run(settings)
    report = json.loads((baseline.parent / "drift.json").read_text())
    assert report["counts"]["Characters150"] >= 100
    assert "Outside the band" in (baseline.parent / "drift.html").read_text(encoding="utf-8")
