"""The pipeline's jobs by both versions of the SageMaker SDK: the same models and the same answers."""

from __future__ import annotations

import io
import json
import sys
import tarfile

import pytest
from localcloud_sagemaker_fixtures import BUCKET, INFERENCE_IMAGE, sandbox, untar, wait

from localcloud.environment import settings as cloud_settings
from localcloud.sagemaker.container import has_own_file_system
from pipeline import aws as pipeline_aws
from pipeline import jobs, sdk
from pipeline import settings as pipeline_settings
from pipeline.settings import SDKS, PipelineError, Settings
from tests.conftest import PROJECT
from tests.environments import interpreter

sys.path.append(str(PROJECT / "tests" / "unit"))
from sentiment_fixtures import TINY, model_folder, prepared

HYPERPARAMETERS = {**TINY, "recipe": "fast", "precision": "float32", "threads": 1, "seed": 1}


@pytest.fixture(scope="module")
def aws():
    interpreter("sdk3")
    with sandbox() as it, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud_settings(it.cloud.host, it.cloud.port).items():
            patch.setenv(name, value)
        pipeline_aws.client.cache_clear()
        yield it
        pipeline_aws.client.cache_clear()


@pytest.mark.slow
@pytest.mark.skipif(not has_own_file_system(), reason="ModelTrainer's scripts need a real /opt/ml")
def test_both_train_the_same_model_and_find_the_job_again(aws):
    data = prepared()
    channels = {}
    for name, folder in (("train", data.train), ("validation", data.validation)):
        for file in folder.iterdir():
            aws.put(f"prepared/{name}/{file.name}", file.read_bytes())
        channels[name] = f"s3://{BUCKET}/prepared/{name}"
    weights = {}
    for version in SDKS:
        output = f"s3://{BUCKET}/training/version-{version}"
        name = sdk.of(Settings(sdk=version)).start_training(
            "stack-fast",
            bucket=BUCKET,
            role=aws.role,
            instance_type="ml.m5.large",
            channels=channels,
            hyperparameters={key.replace("_", "-"): str(value) for key, value in HYPERPARAMETERS.items()},
            metric_definitions=[{"Name": "validation:loss", "Regex": r"validation_loss=([0-9.]+)"}],
            output=output,
        )
        job = wait(
            lambda name=name: aws.sagemaker.describe_training_job(TrainingJobName=name),
            lambda it: it["TrainingJobStatus"] != "InProgress",
            seconds=600,
        )
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert name.startswith("stack-fast-2")
        assert [each["TrainingJobName"] for each in jobs.training_jobs(output)] == [name]
        assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"{output}/{name}/output/model.tar.gz"
        assert job["CheckpointConfig"]["S3Uri"] == f"{output}/checkpoints"
        assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == 86400
        assert [each["MetricName"] for each in job["FinalMetricDataList"]] == ["validation:loss"]
        files = untar(aws.get(job["ModelArtifacts"]["S3ModelArtifacts"]))
        record = json.loads(files.pop("run.json"))
        assert record["tags"]["git_commit"] or not (PROJECT / ".git").exists()
        weights[version] = files
    assert weights["2"] == weights["3"]


@pytest.mark.slow
def test_both_transform_to_the_same_answers(aws):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(model_folder(), ".")
    model = aws.put("models/tiny/model.tar.gz", archive.getvalue())
    reviews = aws.put("test/reviews.jsonl", b'{"review": "a dull mess"}\n{"review": "superb"}\n' * 20)
    answers = []
    for version in SDKS:
        job = f"transform-{version}"
        sdk.of(Settings(sdk=version)).start_transform(
            job,
            bucket=BUCKET,
            role=aws.role,
            instance_type="ml.m5.large",
            image=INFERENCE_IMAGE,
            model_data=model,
            reviews=reviews,
            output=f"s3://{BUCKET}/answers/{job}",
        )
        described = wait(
            lambda job=job: aws.sagemaker.describe_transform_job(TransformJobName=job),
            lambda it: it["TransformJobStatus"] != "InProgress",
            seconds=600,
        )
        assert described["TransformJobStatus"] == "Completed", described.get("FailureReason")
        aws.sagemaker.delete_model(ModelName=job)
        answers.append(aws.get(f"answers/{job}/reviews.jsonl.out"))
    assert answers[0] == answers[1] and answers[0].count(b"\n") == 40


@pytest.mark.slow
def test_what_version_3_raises_is_one_line(aws):
    with pytest.raises(PipelineError, match=r"could not start transform: .*validation"):
        sdk.of(Settings(sdk="3")).start_transform(
            "no/name",
            bucket=BUCKET,
            role=aws.role,
            instance_type="ml.m5.large",
            image=INFERENCE_IMAGE,
            model_data=f"s3://{BUCKET}/none",
            reviews=f"s3://{BUCKET}/none",
            output=f"s3://{BUCKET}/none",
        )


def test_an_unknown_version_is_refused():
    with pytest.raises(PipelineError, match="SDK=4: choose one of 2, 3"):
        Settings(sdk="4")


def test_a_missing_environment_is_refused_with_the_command_that_makes_it(monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline_settings, "PROJECT", tmp_path)
    with pytest.raises(PipelineError, match=r"which is missing: run `make base SDK=3`$"):
        Settings(sdk="3")
    assert Settings().sdk == "2"
