"""One artefact, every host: SageMaker's model in MLflow and Flask, that of `mlflow run` in an API."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import requests
from mlflow import MlflowClient

from sentiment.serving.artifact import read_model
from tests.conftest import BAD, BUILD, GOOD, PROJECT
from tests.contract.selfhost_fixtures import Tracking, Web
from tests.contract.tracking_fixtures import environment
from tests.unit.sentiment_fixtures import BAD as BAD_WORDS
from tests.unit.sentiment_fixtures import GOOD as GOOD_WORDS
from tests.unit.sentiment_fixtures import made_up_reviews
from tracking.run_record import read_record

pytestmark = pytest.mark.slow
NAME = "movie-sentiment"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Tracking(tmp_path_factory.mktemp("tracking")).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", started.url)
        yield started
    started.stop()


def test_a_model_trained_by_sagemaker_is_registered_and_served_by_flask(deployment, server, tmp_path):
    said = deployment.cloud.make("register").stdout
    assert "logged the run:" in said and "is the champion" in said
    client = MlflowClient(server.url, server.url)
    champion = client.get_model_version_by_alias(NAME, "champion")
    run = client.get_run(champion.run_id)
    jobs = deployment.cloud.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    trained_here = {job["TrainingJobName"]: job["TrainingJobArn"] for job in jobs}
    job = run.data.tags["job"]
    assert job.startswith("movie-sentiment-fast-") and run.info.run_name == job
    assert run.data.tags["job_arn"] == trained_here.get(job, run.data.tags["job_arn"])
    assert run.data.tags["job_link"].endswith(f"#/jobs/{job}")
    assert len(run.data.tags["mlflow.source.git.commit"]) == 40
    losses = client.get_metric_history(run.info.run_id, "train_loss")
    assert [m.step for m in losses] == list(range(1, int(run.data.params["max_epochs"]) + 1))
    assert all(run.info.start_time < m.timestamp <= run.info.end_time for m in losses)
    report = BUILD / "evaluation" / deployment.model_key / "evaluation.json"
    assert run.data.metrics["test_accuracy"] == json.loads(report.read_text())["accuracy"]

    web = Web(tmp_path, server.url, NAME)
    try:
        web.start()
        web.wait_for_model(champion.tags["model"])
        for review in (GOOD, BAD):
            here = web.post("/predict", {"review": review}).json
            there = requests.post(f"{deployment.api}/predict", json={"review": review}, timeout=60).json()
            assert here["model"] == there["model"] == champion.tags["model"]
            assert here["sentiment"] == there["sentiment"]
            assert here["probability"] == pytest.approx(there["probability"], abs=1e-4)
    finally:
        web.stop()


def test_a_model_trained_by_mlflow_run_is_deployed(cloud, server, tmp_path):
    """`mlflow run` with the classic parameters, on one's own reviews; `make deploy` in a stack of its own."""
    reviews = made_up_reviews()
    rows = zip(reviews.texts, reviews.labels, strict=True)
    lines = [f'"{text}",{"positive" if label else "negative"}\n' for text, label in rows]
    (tmp_path / "reviews.csv").write_text("review,sentiment\n" + "".join(lines))
    parameters = {"max_epochs": 4, "batch_size": 16, "embedding_dim": 8, "hidden_dim": 8, "vocab_size": 100}
    parameters |= {"learning_rate": "4e-3", "data": "kaggle", "data_path": tmp_path / "reviews.csv"}
    parameters |= {"model_dir": tmp_path / "model", "prepared": tmp_path / "prepared"}
    parameters |= {"seed": 7, "ngram-min-reviews": 2, "snippets": 0, "counterfactuals": 0}
    command = [sys.executable, "-m", "mlflow", "run", ".", "--env-manager", "local"]
    command += [part for name, value in parameters.items() for part in ("-P", f"{name}={value}")]
    uses = {"env": environment(server.url), "cwd": PROJECT, "text": True, "capture_output": True}
    done = subprocess.run(command, **uses, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record, version = read_record(tmp_path / "model" / "run.json"), read_model(tmp_path / "model").version
    assert record.parameters["learning_rate"] == 4e-3 and record.parameters["seed"] == 7
    client = MlflowClient(server.url, server.url)
    run = client.get_run(record.tags["mlflow_run_id"])
    assert run.info.status == "FINISHED" and run.data.tags["mlflow.project.entryPoint"] == "main"
    assert run.data.params["learning_rate"] == "4e-3" and run.data.params["dropout"] == "0.5"

    model = f"MODEL=runs:/{run.info.run_id}/model"
    said = cloud.make("deploy", "summary", "STACK=given-model", model).stdout
    assert f"model version {version}" in said and "== Train" not in said and "== Get the reviews" not in said
    stack = cloud.client("cloudformation").describe_stacks(StackName="given-model")["Stacks"][0]
    api = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}["ApiUrl"]
    for words, sentiment in ((GOOD_WORDS, "positive"), (BAD_WORDS, "negative")):
        answer = requests.post(f"{api}/predict", json={"review": " ".join(words)}, timeout=60).json()
        assert (answer["model"], answer["sentiment"]) == (version, sentiment)
    cloud.make("destroy", "STACK=given-model")


def test_an_invalid_given_model_is_refused_before_anything_is_deployed(cloud, tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(b"no archive")
    for given, message in (
        (tmp_path / "model.tar.gz", "not a readable model.tar.gz"),
        ("nowhere", "no such file"),
    ):
        done = cloud.make("package", "STACK=given-model", f"MODEL={given}", check=False)
        assert done.returncode != 0
        assert message in done.stderr and "Traceback" not in done.stderr
