"""Our own inference image, built by CodeBuild: it answers as AWS's PyTorch container does."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from localcloud_codebuild_fixtures import Builder, running
from localcloud_sagemaker_fixtures import BUCKET, wait

from localcloud.environment import settings as cloud_settings
from pipeline import aws, image, sagemaker_sdk, stack
from pipeline.containers import TRAINING
from pipeline.settings import PipelineError, Settings
from tests.conftest import PROJECT
from tests.contract.test_template import WRITTEN

sys.path.append(str(PROJECT / "tests" / "unit"))
from sentiment_fixtures import model_folder

AWS_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
JSON = "application/json"
REQUESTS = [
    (b"a wonderful film, brilliant to the end", "text/plain", JSON),
    (b'{"reviews": ["a dull mess", "superb"]}', JSON, JSON),
    (b'{"review": "dull"}\n{"review": "superb"}\n', "application/jsonlines", "application/jsonlines"),
    (b"review\ndull mess\n", "text/csv", "text/csv"),
    (b"{", JSON, JSON),
    (b"x" * 20_001, "text/plain", JSON),
    (b"x", "text/html", JSON),
    (b"x", "text/plain", "image/png"),
]


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with running() as made:
        yield made


@pytest.fixture
def settings(builder, monkeypatch) -> Settings:
    """Of a stack that has the repository, and the project that infra/template.yaml describes."""
    if "own" not in builder.codebuild.list_projects()["projects"]:
        source = WRITTEN["Resources"]["ImageBuild"]["Properties"]["Source"]
        builder.make_project(
            "own", source={"type": "S3", "location": "none/none", "buildspec": source["BuildSpec"]}
        )
    outputs = {"ImageRepositoryUri": builder.uri, "ImageBuildName": "own", "DataBucketName": BUCKET}
    monkeypatch.setattr(stack, "output", lambda settings, name: outputs[name])
    monkeypatch.setattr(aws, "client", builder.sandbox.cloud.client)
    monkeypatch.setattr(aws, "region", lambda: "us-east-1")
    monkeypatch.setattr(image, "POLL_SECONDS", 0.1)
    return Settings()


def test_codebuild_makes_the_image_once_and_it_answers_as_awss_container_does(
    builder, settings, tmp_path, capsys
):
    uri = image.hosting_image(settings, "serverless")
    assert "CodeBuild builds it from s3://" in (said := capsys.readouterr().out)
    assert "serve/server.py" in said
    assert image.hosting_image(settings, "serverless") == uri
    assert capsys.readouterr().out == ""
    sandbox = builder.sandbox
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(model_folder(), ".")
    data = sandbox.put("models/real/model.tar.gz", (tmp_path / "model.tar.gz").read_bytes())
    answers = []
    for name, used in (("slim", uri), ("pytorch", AWS_IMAGE)):
        container = {
            "Image": used,
            "ModelDataUrl": data,
            "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
        }
        sandbox.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=sandbox.role, PrimaryContainer=container
        )
        endpoint = sandbox.endpoint(sandbox.config(name))
        assert sandbox.settled(endpoint)["EndpointStatus"] == "InService"
        answers.append([answered(sandbox, endpoint, *request) for request in REQUESTS])
    assert answers[0] == answers[1]
    assert [answer[0] for answer in answers[0]] == [200] * 4 + [400, 413, 415, 406]
    assert transformed(sandbox, "slim") == transformed(sandbox, "pytorch")


def transformed(sandbox, model: str) -> bytes:
    """A batch of reviews, answered by batch transform on an instance."""
    source = sandbox.put("batch/reviews.jsonl", b'{"review": "dull"}\n{"review": "superb"}\n' * 20)
    sandbox.sagemaker.create_transform_job(
        TransformJobName=model,
        ModelName=model,
        BatchStrategy="MultiRecord",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{BUCKET}/batch-{model}",
            "Accept": "application/jsonlines",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    job = wait(
        lambda: sandbox.sagemaker.describe_transform_job(TransformJobName=model),
        lambda job: job["TransformJobStatus"] != "InProgress",
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    answers = sandbox.get(f"s3://{BUCKET}/batch-{model}/reviews.jsonl.out")
    assert answers.count(b"\n") == 40
    return answers


def answered(sandbox, endpoint: str, body: bytes, content_type: str, accept: str) -> tuple[int, str, str]:
    """Status, content type and body; of errors the message, which a traceback follows."""
    call = {"EndpointName": endpoint, "Body": body, "ContentType": content_type, "Accept": accept}
    try:
        answer = sandbox.runtime.invoke_endpoint(**call)
    except ClientError as error:
        return error.response["OriginalStatusCode"], "", error.response["OriginalMessage"].split("\nTrace")[0]
    return 200, answer["ContentType"], answer["Body"].read().decode()


def test_a_build_that_fails_is_one_line_that_says_why(settings, monkeypatch):
    monkeypatch.setattr(image, "CONTEXT", ("serve/server.py", "requirements/serve.lock"))
    with pytest.raises(PipelineError, match=r"failed: failed to read dockerfile: .*: Dockerfile"):
        image.own_image(settings)


def test_there_is_nothing_to_build_of_awss_own_image(settings):
    with pytest.raises(PipelineError, match="CONTAINER=pytorch is an image of AWS's"):
        image.run(Settings(container="pytorch"))
    uri = image.hosting_image(Settings(container="pytorch"), "ml.m5.large")
    assert uri == AWS_IMAGE


@pytest.mark.slow
def test_training_runs_in_the_container_of_the_table(builder, settings, monkeypatch):
    sandbox = builder.sandbox
    for name, value in cloud_settings(sandbox.cloud.host, sandbox.cloud.port).items():
        monkeypatch.setenv(name, value)
    name = sagemaker_sdk.start_training(
        "trained",
        bucket=BUCKET,
        role=sandbox.role,
        instance_type="ml.g5.xlarge",
        channels={"train": f"s3://{BUCKET}/data/train"},
        hyperparameters={"recipe": "fast"},
        metric_definitions=[],
        output=f"s3://{BUCKET}/training/key",
    )
    job = sandbox.sagemaker.describe_training_job(TrainingJobName=name)
    sandbox.sagemaker.stop_training_job(TrainingJobName=name)
    registry = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
    assert (
        job["AlgorithmSpecification"]["TrainingImage"]
        == f"{registry}/{TRAINING.repository}:{TRAINING.gpu_tag}"
    )


DOCKER = """#!/bin/sh
echo "$*" >> "$RECORD"
case $1 in
info) exit "$DAEMON" ;;
login) cat >> "$RECORD" ;;
build) for last; do :; done; (cd "$last" && find . -type f | sort) >> "$RECORD" ;;
esac
"""


@pytest.fixture
def docker(monkeypatch, tmp_path):
    """A docker on the PATH that records its calls; no other builder is there. Returns the record."""
    program, record = tmp_path / "bin" / "docker", tmp_path / "record"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(image, "BUILDERS", {"docker": ("--option",)})
    monkeypatch.setenv("RECORD", str(record))
    monkeypatch.setenv("DAEMON", "0")
    return record


class Registry:
    """ECR's token, which localcloud has none of."""

    def get_authorization_token(self):
        return {"authorizationData": [{"authorizationToken": "QVdTOnNlY3JldA=="}]}


def test_a_builder_that_is_there_builds_and_pushes(docker, monkeypatch):
    monkeypatch.setattr(aws, "client", lambda service: Registry())
    uri = "1.dkr.ecr.us-east-1.amazonaws.com/images:tag"
    assert image._build_here(uri)
    info, login, rest, *files, push = docker.read_text().splitlines()
    assert (info, push) == ("info", f"push {uri}")
    assert login == "login --username AWS --password-stdin 1.dkr.ecr.us-east-1.amazonaws.com"
    assert rest.startswith("secretbuild --option --platform linux/amd64 --file ")
    assert sorted(files) == sorted(f"./{name}" for name in image.CONTEXT)


def test_codebuild_builds_where_docker_has_no_daemon_or_the_registry_gives_no_token(
    docker, monkeypatch, settings, capsys
):
    assert not image._build_here("registry/images:tag")
    assert "docker may not push to the registry" in capsys.readouterr().out
    monkeypatch.setenv("DAEMON", "1")
    assert not image._build_here("registry/images:tag")
    assert capsys.readouterr().out == ""
