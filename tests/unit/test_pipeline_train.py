"""`make train` after an earlier run that lost its job: that job is found and followed."""

from __future__ import annotations

import dataclasses
import datetime
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import pipeline
from pipeline import aws, inputs, jobs, stack, train
from pipeline.settings import Settings
from sentiment.data.prepared import Prepared

BUCKET, DATA_KEY = "reviews", "data-key"


class FakeSageMaker:
    """The training jobs of an account: each goes through its statuses, one a look. S3 is moto's."""

    def __init__(self):
        self.jobs: dict[str, list[str]] = {}
        self.folder = ""
        self.events: list[str] = []

    def add(self, name: str, *statuses: str) -> None:
        """A job as the SDK starts one: its program is in S3 first. All write their model at once."""
        self.jobs[name] = list(statuses)
        for file in ("source/sourcedir.tar.gz", "output/model.tar.gz"):
            aws.client("s3").put_object(Bucket=BUCKET, Key=f"{self.folder}/{name}/{file}", Body=name.encode())

    def start(self, name: str, **_: object) -> str:
        self.events.append(f"start {len(self.jobs)}")
        job = f"{name}-{len(self.jobs)}"
        self.add(job, "InProgress", "Completed")
        return job

    def describe_training_job(self, TrainingJobName):
        if TrainingJobName not in self.jobs:
            error = {"Code": "ValidationException", "Message": "Requested resource not found."}
            raise ClientError({"Error": error}, "DescribeTrainingJob")
        statuses = self.jobs[TrainingJobName]
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if status == "Stopped":
            self.events.append(f"{TrainingJobName} stopped")
        day = datetime.datetime(2026, 1, 1 + list(self.jobs).index(TrainingJobName), tzinfo=datetime.UTC)
        return {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": status,
            "CreationTime": day,
            "TrainingTimeInSeconds": 7,
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
            "ModelArtifacts": {
                "S3ModelArtifacts": f"s3://{BUCKET}/{self.folder}/{TrainingJobName}/output/model.tar.gz"
            },
        }

    def stop_training_job(self, TrainingJobName):
        self.events.append(f"stop {TrainingJobName}")

    def describe_log_streams(self, logGroupName, logStreamNamePrefix):
        return {"logStreams": []}


@pytest.fixture
def sagemaker(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(Settings, "prepared", lambda self: Prepared(tmp_path / "prepared", DATA_KEY, True))
    monkeypatch.setattr(stack, "output", lambda settings, name: BUCKET)
    for name in ("POLL_SECONDS", "RETRY_SECONDS", "LAST_LINES_SECONDS"):
        monkeypatch.setattr(jobs, name, 0.0)
    with mock_aws():
        s3, fake = boto3.client("s3"), FakeSageMaker()
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=f"data/{DATA_KEY}/manifest.json", Body=b"{}")
        monkeypatch.setattr(aws, "client", lambda service: s3 if service == "s3" else fake)
        monkeypatch.setattr(
            pipeline, "sagemaker_sdk", SimpleNamespace(start_training=fake.start), raising=False
        )
        settings = Settings(build=tmp_path / "build")
        _, fake.folder = aws.split_uri(inputs.training_uri(BUCKET, inputs.model_key(settings, DATA_KEY)))
        fake.settings = settings
        yield fake


def trained(sagemaker: FakeSageMaker) -> str:
    """What `make train` leaves on this machine: here, the name of the job whose model it is."""
    train.run(sagemaker.settings)
    key = inputs.model_key(sagemaker.settings, DATA_KEY)
    return inputs.model_file(sagemaker.settings, key).read_text()


def test_a_job_that_is_running_is_followed(sagemaker, capsys):
    sagemaker.add("earlier", "InProgress", "InProgress", "Completed")
    assert trained(sagemaker) == "earlier"
    assert sagemaker.events == []
    assert "earlier of an earlier run is running on 2 x ml.m5.xlarge\n" in capsys.readouterr().out


def test_another_number_of_machines_makes_another_model_and_spot_instances_the_same(sagemaker):
    one = inputs.model_key(sagemaker.settings, DATA_KEY)
    spot, four = (
        dataclasses.replace(sagemaker.settings, **each) for each in ({"spot": True}, {"instances": 4})
    )
    assert inputs.model_key(spot, DATA_KEY) == one
    assert inputs.model_key(four, DATA_KEY) != one


def test_the_model_of_a_job_that_has_completed_meanwhile_is_fetched(sagemaker):
    sagemaker.add("older", "Completed")
    sagemaker.add("newest", "Failed")
    assert trained(sagemaker) == "older"
    assert sagemaker.events == []


def test_a_job_that_is_being_stopped_ends_before_another_takes_its_checkpoints(sagemaker):
    sagemaker.add("earlier", "Stopping", "Stopping", "Stopped")
    assert trained(sagemaker).startswith("movie-sentiment-fast-")
    assert sagemaker.events == ["earlier stopped", "start 1"]


def test_jobs_that_failed_and_those_of_other_models_are_not_followed(sagemaker):
    sagemaker.add("failed", "Failed")
    ours, sagemaker.folder = sagemaker.folder, "training/another-key"
    sagemaker.add("another", "InProgress", "Completed")
    sagemaker.folder = ours
    # The checkpoints that every job of the model shares lie beside the folders of the jobs.
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"{ours}/checkpoints/epoch-1", Body=b"")
    assert trained(sagemaker).startswith("movie-sentiment-fast-")
    assert sagemaker.events == ["start 2"]


@pytest.mark.slow
def test_a_completed_job_whose_model_is_gone_is_trained_again(sagemaker):
    sagemaker.add("earlier", "Completed")
    aws.client("s3").delete_object(Bucket=BUCKET, Key=f"{sagemaker.folder}/earlier/output/model.tar.gz")
    assert trained(sagemaker).startswith("movie-sentiment-fast-")
    assert sagemaker.events == ["start 1"]


def test_the_end_of_the_containers_support_is_announced_with_what_to_do(sagemaker, monkeypatch, capsys):
    past = dataclasses.replace(train.TRAINING, support_ends=datetime.date(2026, 1, 29))
    monkeypatch.setattr(train, "TRAINING", past)
    sagemaker.add("earlier", "Completed")
    trained(sagemaker)
    [warning] = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert "had its last security updates on 2026-01-29" in warning
    assert warning.endswith("; a newer one is set in pipeline/containers.py")
