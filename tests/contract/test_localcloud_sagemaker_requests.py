"""What SageMaker's model allows is carried out or refused in words: no request is answered by HTTP 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError
from botocore.model import Shape
from localcloud_sagemaker_fixtures import BUCKET, INFERENCE_IMAGE, TRAINING_IMAGE, Sandbox, sandbox

MAX_DEPTH = 6
NUMBERS = ("integer", "long", "float", "double")


@pytest.fixture(scope="module")
def aws() -> Iterator[Sandbox]:
    with sandbox() as aws:
        yield aws


class Samples:
    """Makes values of shapes: with the members that are required, or with all of them."""

    def __init__(self, aws: Sandbox, *, complete: bool):
        self._complete = complete
        self._texts = {
            "RoleArn": aws.role,
            "ExecutionRoleArn": aws.role,
            "TrainingImage": TRAINING_IMAGE,
            "ImageUri": TRAINING_IMAGE,
            "Image": INFERENCE_IMAGE,
            "S3Uri": f"s3://{BUCKET}/data/train",
            "S3OutputPath": f"s3://{BUCKET}/output",
        }

    def of(self, shape: Shape, name: str = "", depth: int = 0) -> Any:
        low = shape.metadata.get("min", 0)
        match shape.type_name:
            case "structure":
                return {
                    member: self.of(its_shape, member, depth + 1)
                    for member, its_shape in shape.members.items()
                    if member in shape.required_members or (self._complete and depth < MAX_DEPTH)
                }
            case "list":
                return [self.of(shape.member, name, depth + 1)] * max(1, low)
            case "map":
                return {self.of(shape.key): self.of(shape.value, depth=depth + 1)}
            case "string":
                return self._texts.get(name) or next(iter(shape.enum), "a" * max(1, low))
            case "boolean":
                return False
            case "timestamp":
                return 1_700_000_000
            case number if number in NUMBERS:
                return max(1, low)
        raise NotImplementedError(shape.type_name)


@pytest.mark.parametrize("complete", [False, True], ids=["required members", "all members"])
def test_no_request_that_fits_the_model_fails_the_service(aws: Sandbox, complete: bool) -> None:
    unchecked = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client = boto3.client(
        "sagemaker",
        region_name="us-east-1",
        endpoint_url=aws.cloud.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=unchecked,
    )
    samples = Samples(aws, complete=complete)
    failed = []
    for method, operation in client.meta.method_to_api_mapping.items():
        shape = client.meta.service_model.operation_model(operation).input_shape
        try:
            getattr(client, method)(**samples.of(shape) if shape else {})
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                failed.append(f"{operation}: {error}")
    assert failed == []
