"""`make retrain WHERE=selfhost`: from a folder of votes to a version in MLflow that a person may promote."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys

import pytest
from mlflow import MlflowClient

from tests.conftest import PROJECT
from tests.contract.selfhost_fixtures import registered, tracking, version_of
from tests.contract.tracking_fixtures import environment
from tests.contract.tracking_fixtures import tracking as command
from tests.unit.sentiment_fixtures import BAD, GOOD, NEUTRAL, TINY, made_up_reviews, model_folder

__all__ = ["registered", "tracking"]  # fixtures
pytestmark = pytest.mark.slow


def give_votes(folder, count):
    made = random.Random(3)
    day = folder / "date=2026-11-28"
    day.mkdir(parents=True)
    for number in range(count):
        words = made.choices(NEUTRAL, k=45) + made.choices(GOOD if number % 2 else BAD, k=2) + [f"v{number}"]
        made.shuffle(words)
        vote = {"id": str(number), "time": f"2026-11-28T{number % 24:02}:00:00Z", "review": " ".join(words)}
        vote |= {"sentiment": "positive" if number % 2 else "negative", "vote": "up", "model": "m"}
        (day / f"{number}.json").write_text(json.dumps(vote))


def test_votes_become_a_version_that_its_comparison_and_a_person_decide_on(tracking, registered, tmp_path):
    champion = tracking.register(model_folder(), registered)
    give_votes(tmp_path / "feedback", 40)
    file = tmp_path / "reviews.csv"
    reviews = made_up_reviews(300, 60)
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["review", "sentiment"])
        named = [("negative", "positive")[label] for label in reviews.labels]
        rows.writerows(zip(reviews.texts, named, strict=True))
    tiny = TINY | {"snippets": 0, "counterfactuals": 0, "threads": 1}
    names = {"MLFLOW_REGISTERED_MODEL": registered, "SENTIMENT_FEEDBACK": str(tmp_path / "feedback")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "selfhost.retrain", "--data", "kaggle", "--data-path", str(file)),
            *("--set", " ".join(f"{name}={value}" for name, value in tiny.items())),
            *("--build", str(tmp_path / "build"), "--var", str(tmp_path / "var"), "--auto"),
        ],
        cwd=PROJECT,
        env=environment(tracking.url, **names),
        text=True,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 votes, 40 of them new" in done.stdout
    assert "so its comparison decides" in done.stdout, "better on validation or not"
    [page] = (tmp_path / "build" / "retraining").glob("*/comparison.html")
    assert "It does not take over" in page.read_text(encoding="utf-8")

    client = MlflowClient(tracking.url, tracking.url)
    assert client.get_model_version_by_alias(registered, "champion").version == champion
    newest = client.get_model_version(registered, str(int(champion) + 1))
    assert newest.tags["model"] == version_of(tmp_path / "var" / "trained" / "model")
    assert int(newest.tags["votes"]) > 0 and "votes were held back" in newest.tags["reasons_against"]
    found = [each.path for each in client.list_artifacts(newest.run_id, "comparison")]
    assert sorted(found) == ["comparison/comparison.html", "comparison/comparison.json"]

    refused = command(tracking.url, "promote", **names)
    assert refused.status == 1 and f"make promote WHERE=selfhost VERSION={newest.version}" in refused.err
    assert command(tracking.url, "promote", newest.version, **names).status == 0
    assert client.get_model_version_by_alias(registered, "champion").version == newest.version
