"""The project's own training program, as the pipeline starts it: on two hosts, and on spot instances."""

from __future__ import annotations

import io
import json
import os
import sys

import numpy as np
import psutil
import pytest
from localcloud_sagemaker_fixtures import BUCKET, sandbox, untar, wait

from localcloud.control import interrupt
from localcloud.environment import settings
from localcloud.sagemaker.container import has_own_file_system
from pipeline import aws as pipeline_aws
from pipeline import evaluate, image, remote, stack
from pipeline import prepare as prepare_step
from pipeline import train as train_step
from pipeline.settings import Settings
from sentiment.data.prepared import prepare
from sentiment.data.reviews import Reviews
from sentiment.training.recipes import METRIC_DEFINITIONS
from tests.conftest import PROJECT

sys.path.append(str(PROJECT / "tests" / "unit"))
from sentiment_fixtures import TINY, made_up_reviews, model_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_own_file_system(), reason="no namespaces here"),
]
VALIDATION = 200
# A tenth of the labels are wrong, so that no model is right of all reviews.
WRONG = 0.1
SETTINGS = {**TINY, "precision": "float32", "device": "cpu", "threads": 1}
# Far from its end after the first epoch.
LONG = {"epochs": 20, "patience": 20, "schedule": "constant"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    reviews = made_up_reviews(held_out=VALIDATION)
    wrong = np.random.default_rng(1).random(len(reviews)) < WRONG
    labels = np.where(wrong, 1 - reviews.labels, reviews.labels)
    noisy = Reviews(reviews.texts, labels, reviews.split, reviews.ids)
    return prepare(noisy, "words", tmp_path_factory.mktemp("prepared"), progress=False)


@pytest.fixture(scope="module")
def aws(data):
    with sandbox() as it, pytest.MonkeyPatch.context() as patch:
        for name, value in settings(it.cloud.host, it.cloud.port).items():
            patch.setenv(name, value)
        pipeline_aws.client.cache_clear()
        for file in data.folder.rglob("*"):
            if file.is_file():
                it.put(f"prepared/{file.relative_to(data.folder).as_posix()}", file.read_bytes())
        yield it
        pipeline_aws.client.cache_clear()


def start(aws, instances: int = 1, spot: bool = False, **hyperparameters: object) -> str:
    from pipeline import sagemaker_sdk

    folder = aws.name("hosts")
    return sagemaker_sdk.start_training(
        folder,
        bucket=BUCKET,
        role=aws.role,
        instance_type="ml.m5.large",
        instances=instances,
        spot=spot,
        channels={name: f"s3://{BUCKET}/prepared/{name}" for name in ("train", "validation")},
        hyperparameters={
            name.replace("_", "-"): str(value) for name, value in (SETTINGS | hyperparameters).items()
        },
        metric_definitions=METRIC_DEFINITIONS,
        output=f"s3://{BUCKET}/{folder}",
    )


def ended(aws, job: str) -> dict:
    return wait(
        lambda: aws.sagemaker.describe_training_job(TrainingJobName=job),
        lambda it: it["TrainingJobStatus"] not in ("InProgress", "Stopping"),
        300,
    )


def model_of(aws, job: str) -> dict[str, bytes]:
    description = ended(aws, job)
    assert description["TrainingJobStatus"] == "Completed", description.get("FailureReason")
    return untar(aws.get(description["ModelArtifacts"]["S3ModelArtifacts"]))


def accuracy(model: dict[str, bytes]) -> float:
    return json.loads(model["metrics.json"])["validation_accuracy"]


def lines_of(aws, job: str) -> list[str]:
    """The log of all hosts so far."""
    group = "/aws/sagemaker/TrainingJobs"
    if not aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    streams = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")
    return [
        event["message"]
        for stream in streams["logStreams"]
        for event in aws.logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]


def wait_for_first_epoch(aws, job: str) -> None:
    wait(lambda: lines_of(aws, job), lambda log: any(line.startswith("epoch=1/") for line in log), 120)


@pytest.fixture(scope="module")
def of_two_hosts(aws) -> dict[str, bytes]:
    """The model that two undisturbed hosts train."""
    return model_of(aws, start(aws, instances=2, **LONG))


def test_two_hosts_reach_the_accuracy_of_one_within_its_seeds_spread(of_two_hosts, data, tmp_path):
    from train import train

    ones = []
    for seed in range(3):
        options = [f"--{name.replace('_', '-')}={value}" for name, value in (SETTINGS | LONG).items()]
        channels = [f"--train={data.train}", f"--validation={data.validation}"]
        folder = tmp_path / str(seed)
        assert train.main([*channels, *options, f"--seed={seed}", f"--model-dir={folder}"]) == 0
        ones.append(accuracy({"metrics.json": (folder / "metrics.json").read_bytes()}))
    # The spread of so few seeds is hardly known; what chance does to so few reviews is.
    error = float(np.sqrt(np.mean(ones) * (1 - np.mean(ones)) / VALIDATION))
    spread = max(max(ones) - min(ones), error)
    assert abs(accuracy(of_two_hosts) - np.mean(ones)) <= 2 * spread


def test_the_reason_of_a_host_that_is_killed_is_that_of_the_job(aws):
    job = start(aws, instances=2, **LONG)
    wait_for_first_epoch(aws, job)

    def training_on_second_host() -> list[psutil.Process]:
        found = []
        for process in psutil.Process(os.getpid()).children(recursive=True):
            try:
                host = process.environ().get("SM_CURRENT_HOST")
                rank = process.environ().get("RANK")
            except psutil.Error:
                continue
            if host == "algo-2" and rank == "1":
                found.append(process)
        return found

    for process in training_on_second_host():
        process.kill()
    description = ended(aws, job)
    assert description["TrainingJobStatus"] == "Failed"
    # The reason is that of the host whose process was killed, and not that the other one lost it.
    assert "--node_rank 1" in description["FailureReason"], description["FailureReason"]
    assert "another process of this training has ended" not in description["FailureReason"]
    assert any("Signal 9 (SIGKILL)" in line for line in lines_of(aws, job))
    assert not training_on_second_host()


def test_a_spot_job_that_is_interrupted_makes_the_same_model_bit_for_bit(aws, of_two_hosts):
    spot = start(aws, instances=2, spot=True, **LONG)
    wait_for_first_epoch(aws, spot)
    assert interrupt(aws.cloud.host, aws.cloud.port, spot) is None
    interrupted = model_of(aws, spot)
    steps = [step["Status"] for step in ended(aws, spot)["SecondaryStatusTransitions"]]
    assert steps.count("Interrupted") == 1 and steps.count("Training") == 2
    weights = [np.load(io.BytesIO(model["weights.npz"])) for model in (of_two_hosts, interrupted)]
    assert weights[0].files == weights[1].files
    for name in weights[0].files:
        assert weights[0][name].tobytes() == weights[1][name].tobytes(), name


def test_several_machines_test_what_one_tests(aws, data, tmp_path, monkeypatch):
    """`make evaluate INSTANCES=3`: each machine gets reviews of its own, and the result is the same."""
    from pipeline import sagemaker_sdk

    outputs = {"DataBucketName": BUCKET, "TrainingRoleArn": aws.role}
    monkeypatch.setattr(stack, "output", lambda settings, name: outputs[name])
    # As CONTAINER=pytorch; the other one would be built first.
    monkeypatch.setattr(
        image,
        "hosting_image",
        lambda settings, kind: sagemaker_sdk.aws_image(settings.hosting_image, "us-east-1", kind),
    )
    monkeypatch.setattr(Settings, "prepared", lambda settings: data)
    for file in data.test.iterdir():
        aws.put(f"data/{data.key}/test/{file.name}", file.read_bytes())
    results = []
    for instances in (1, 3):
        settings = Settings(
            build=tmp_path / str(instances),
            model=str(model_folder()),
            container="pytorch",
            instances=instances,
        )
        evaluate.run(settings)
        [report] = (tmp_path / str(instances)).rglob("evaluation.json")
        results.append(json.loads(report.read_text()))
    assert results[0] == results[1] and results[0]["reviews"] == VALIDATION
    jobs = aws.sagemaker.list_transform_jobs()["TransformJobSummaries"]
    streams = aws.logs.describe_log_streams(logGroupName="/aws/sagemaker/TransformJobs")["logStreams"]
    assert (len(jobs), len(streams)) == (2, 4)


def test_a_processing_job_on_two_machines_prepares_what_one_machine_prepares_here(aws, tmp_path, monkeypatch):
    """`make prepare train ON=sagemaker INSTANCES=2`, and training reads its shards."""
    outputs = {"DataBucketName": BUCKET, "TrainingRoleArn": aws.role}
    monkeypatch.setattr(stack, "output", lambda settings, name: outputs[name])
    reviews = made_up_reviews(train=60, held_out=30)
    monkeypatch.setattr(Settings, "rows", lambda settings: reviews.rows())
    monkeypatch.setattr(remote, "FILES", 6)
    changes = {name: str(value) for name, value in (SETTINGS | {"snippets": 0, "counterfactuals": 0}).items()}
    settings = Settings(build=tmp_path, on="sagemaker", instances=2, hyperparameters=changes)
    prepare_step.run(settings)
    found = remote.find(settings, BUCKET)
    keys = aws.keys(f"data/{found.key}/")
    assert sum(key.endswith(".npz") and "/train/" in key for key in keys) == 6
    here = prepare(reviews, "words", tmp_path / "here", progress=False)
    word_dict = json.loads(aws.get(f"data/{found.key}/vocabulary/word_dict.json"))
    expected = json.loads((here.train / "word_dict.json").read_text())
    # The lines were shuffled first, and the ids of equally frequent words follow their order.
    assert word_dict.keys() == expected.keys()
    assert sorted(found.test_labels()) == sorted(json.loads((here.test / "labels.json").read_text()))
    groups = aws.sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
    prepare_step.run(settings)  # unchanged: no second job
    assert len(aws.sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) == len(groups) == 1
    train_step.run(settings)
    [file] = (tmp_path / "models").rglob("model.tar.gz")
    metrics = json.loads(untar(file.read_bytes())["metrics.json"])
    assert (metrics["train_reviews"], metrics["validation_reviews"]) == (60, 30)
