"""`make retrain`, `make promote`, `make deploy MODEL=approved`: all but the training job, on moto's AWS."""

from __future__ import annotations

import csv
import json
import random
import re

import boto3
import pytest
from moto import mock_aws
from sentiment_fixtures import BAD, GOOD, NEUTRAL, TINY, made_up_reviews, model_folder

from pipeline import aws, given_model, image, inputs, model_packages, promote, retrain, stack
from pipeline.settings import PipelineError, Settings
from project import retraining

BUCKET = "reviews"
BEFORE = f"s3://{BUCKET}/models/before/model.tar.gz"


def voted(count: int) -> dict[str, dict[str, str]]:
    """Votes as the API keeps them, by their keys."""
    made = random.Random(3)
    found = {}
    for number in range(count):
        text = made.choices(NEUTRAL, k=45) + made.choices(GOOD if number % 2 else BAD, k=2) + [f"v{number}"]
        made.shuffle(text)
        said = {"sentiment": "positive" if number % 2 else "negative", "vote": "up", "model": "m"}
        vote = {"id": f"2026-11-28-{number:032x}", "time": f"2026-11-28T{number % 24:02}:00:00Z"}
        found[f"feedback/date=2026-11-28/{vote['id']}.json"] = vote | said | {"review": " ".join(text)}
    return found


@pytest.fixture
def s3(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ENDPOINT_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    outputs = {"DataBucketName": BUCKET, "ModelName": "answering"}
    monkeypatch.setattr(stack, "output", lambda settings, name: outputs[name])
    monkeypatch.setattr(image, "hosting_image", lambda settings, instance_type: "registry/image:tag")
    with mock_aws():
        aws.client.cache_clear()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
    aws.client.cache_clear()


def put(s3, votes):
    for key, vote in votes.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(vote).encode())


def test_new_votes_are_fetched_and_those_taken_back_are_forgotten(s3, tmp_path):
    put(s3, voted(3))
    folder = tmp_path / "votes"
    assert retrain.collect(BUCKET, folder) == 3
    first = next(iter(voted(3)))
    s3.delete_object(Bucket=BUCKET, Key=first)
    put(s3, {"feedback/date=2026-11-29/x.json": {"id": "x"}})
    assert retrain.collect(BUCKET, folder) == 1
    names = {f"feedback/{file.relative_to(folder)}" for file in folder.glob("date=*/*.json")}
    assert names == {*voted(3), "feedback/date=2026-11-29/x.json"} - {first}
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.glob("date=*/*.json"))


@pytest.fixture
def settings(s3, tmp_path) -> Settings:
    """Tiny reviews in a file, and a tiny model that answers."""
    file = tmp_path / "reviews.csv"
    reviews = made_up_reviews(300, 60)
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["review", "sentiment"])
        rows.writerows(
            (text, ("negative", "positive")[label])
            for text, label in zip(reviews.texts, reviews.labels, strict=True)
        )
    given_model._pack(model_folder(), tmp_path / "model.tar.gz")
    aws.upload(tmp_path / "model.tar.gz", BEFORE)
    boto3.client("sagemaker").create_model(
        ModelName="answering",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/model",
        PrimaryContainer={"Image": "image", "ModelDataUrl": BEFORE},
    )
    tiny = {name: str(value) for name, value in TINY.items()} | {"snippets": "0", "counterfactuals": "0"}
    return Settings("kaggle", file, hyperparameters=tiny, build=tmp_path / "build")


@pytest.mark.slow
def test_a_model_is_registered_with_its_comparison_and_a_person_has_the_last_word(
    settings, s3, tmp_path, monkeypatch, capsys
):
    put(s3, voted(40))

    def trained(with_votes: Settings) -> None:
        """In the place of the training job: the model that answers once more, which is no better."""
        assert with_votes.prepared().folder.exists() and with_votes.voted is not None
        file = inputs.model_file(with_votes, inputs.model_key(with_votes, with_votes.prepared().key))
        file.parent.mkdir(parents=True)
        (tmp_path / "model.tar.gz").rename(file)

    monkeypatch.setattr(retrain.train, "run", trained)
    retrain.run(settings)
    said = capsys.readouterr().out
    assert "40 votes, 40 of them new" in said and "version 2 of movie-sentiment: Rejected" in said
    left = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert {each["Key"].partition("/")[0] for each in left} == {"feedback", "models"}, "no copy of the votes"
    [page] = (settings.build / "retraining").glob("*/comparison.html")
    assert "It does not take over" in page.read_text(encoding="utf-8")

    packages = {n: model_packages.named(settings, n) for n in ("1", "2")}
    assert model_packages.model_uri(packages["1"]) == BEFORE == model_packages.approved(settings)
    rejected = model_packages.model_uri(packages["2"])
    comparison = packages["2"]["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert "votes were held back" in aws.read_json(comparison)["reasons"][0]
    with pytest.raises(PipelineError, match=re.escape("nevertheless, run `make promote VERSION=2`")):
        promote.run(settings)
    promote.run(Settings(version="2"))
    assert model_packages.approved(settings) == rejected
    with pytest.raises(PipelineError, match="has no version 7; it has 1, 2"):
        promote.run(Settings(version="7"))

    approved = Settings(model="approved", build=tmp_path / "elsewhere")
    key = given_model.model_key(approved)
    assert inputs.model_file(approved, key).is_file() and key in page.parent.name


def test_a_model_that_meets_the_rules_is_approved_by_a_person_or_automatically(settings, s3, tmp_path):
    comparison = tmp_path / "comparison.json"
    comparison.write_text("{}")
    for auto, status in ((False, "PendingManualApproval"), (True, "Approved")):
        chosen = Settings(auto=auto)
        uri = f"s3://{BUCKET}/models/{auto}/model.tar.gz"
        retrain.register(chosen, BEFORE, uri, comparison, [])
        newest = model_packages.newest(chosen, "Approved", "PendingManualApproval")
        assert (newest["ModelApprovalStatus"], model_packages.model_uri(newest)) == (status, uri)


@pytest.mark.slow
def test_without_votes_or_a_model_that_people_could_vote_on_it_says_what_to_do(settings, s3):
    with pytest.raises(retraining.RetrainingError, match="there are no votes to learn from"):
        retrain.run(settings)
    with pytest.raises(PipelineError, match="leave MODEL out"):
        retrain.run(Settings(model="approved"))
