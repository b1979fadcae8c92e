"""KMS keys of jobs, packages and cards: those that cannot be used are refused before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import BUCKET, Sandbox

from localcloud.server import Server

ARN = "arn:aws:kms:us-east-1:123456789012:key/"


@pytest.fixture(scope="module")
def aws() -> Iterator[Sandbox]:
    with Server(port=0) as server:
        yield Sandbox(server.cloud)


def make_key(aws: Sandbox, alias: str) -> dict[str, Any]:
    kms = aws.cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    return key


def train(aws: Sandbox, key: str) -> None:
    aws.train(OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/output", "KmsKeyId": key})


def process(aws: Sandbox, key: str) -> None:
    aws.sagemaker.create_processing_job(
        ProcessingJobName=aws.name("processing"),
        ProcessingOutputConfig={"Outputs": [], "KmsKeyId": key},
        ProcessingResources={
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
        },
        AppSpecification={"ImageUri": "python:3.12", "ContainerEntrypoint": ["true"]},
        RoleArn=aws.role,
    )


def transform(aws: Sandbox, key: str) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data"}
    aws.sagemaker.create_transform_job(
        TransformJobName=aws.name("transform"),
        ModelName=aws.model(),
        TransformInput={"DataSource": {"S3DataSource": source}},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/answers", "KmsKeyId": key},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )


def package(aws: Sandbox, key: str) -> None:
    aws.sagemaker.create_model_package(ModelPackageName=aws.name("package"), SecurityConfig={"KmsKeyId": key})


def card(aws: Sandbox, key: str) -> None:
    aws.sagemaker.create_model_card(
        ModelCardName=aws.name("card"),
        Content="{}",
        ModelCardStatus="Draft",
        SecurityConfig={"KmsKeyId": key},
    )


@pytest.mark.parametrize(
    ("create", "path"),
    [
        (train, "OutputDataConfig.KmsKeyId"),
        (process, "ProcessingOutputConfig.KmsKeyId"),
        (transform, "TransformOutput.KmsKeyId"),
        (package, "SecurityConfig.KmsKeyId"),
        (card, "SecurityConfig.KmsKeyId"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused(aws: Sandbox, create: Any, path: str) -> None:
    usable = make_key(aws, f"alias/usable-{create.__name__}")
    disabled = make_key(aws, f"alias/disabled-{create.__name__}")
    aws.cloud.client("kms").disable_key(KeyId=disabled["KeyId"])
    for key, message in (
        (f"{ARN}none", f"Key '{ARN}none' does not exist"),
        ("alias/none", "Key 'alias/none' does not exist"),
        (usable["Arn"].replace("us-east-1", "eu-west-1"), "does not exist"),
        (usable["Arn"].replace("123456789012", "210987654321"), "does not exist"),
        (disabled["Arn"], f"{disabled['Arn']} is disabled."),
    ):
        with pytest.raises(ClientError) as error:
            create(aws, key)
        answer = error.value.response["Error"]
        assert answer["Code"] == "ValidationException", answer
        assert f": {path}: " in answer["Message"] and message in answer["Message"], answer
    for key in (usable["KeyId"], usable["Arn"], f"alias/usable-{create.__name__}"):
        create(aws, key)


def test_what_a_job_makes_has_its_key(aws: Sandbox) -> None:
    key = make_key(aws, "alias/of-models")
    output = {"S3OutputPath": f"s3://{BUCKET}/output", "KmsKeyId": "alias/of-models"}
    job = aws.trained(aws.train(OutputDataConfig=output))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["OutputDataConfig"]["KmsKeyId"] == "alias/of-models"
    model = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
    described = aws.s3.head_object(Bucket=BUCKET, Key=model)
    assert (described["ServerSideEncryption"], described["SSEKMSKeyId"]) == ("aws:kms", key["Arn"])
