"""The Lambda in front of an endpoint that is really slow: one that wakes up, then one that takes too long."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lambda_fixtures import LAMBDA, event
from localcloud_lambda_fixtures import allow, running
from localcloud_sagemaker_fixtures import INFERENCE_IMAGE

from localcloud.functions import FunctionsService
from localcloud.iam import IamEnforcement
from localcloud.sagemaker import SageMakerService

# Says nothing for some seconds from the first request on, as a serverless container that starts does.
INFERENCE = """
import json, time

awake = None

def model_fn(folder):
    return None

def input_fn(body, kind):
    return json.loads(body)

def predict_fn(content, model):
    global awake
    awake = awake or time.monotonic() + 3
    time.sleep(max(0, awake - time.monotonic()))
    if content["review"] == "slow":
        time.sleep(2)
    return {"sentiment": "positive", "probability": 0.9, "unsure": False, "words": [], "spans": [],
            "cut": None, "model": "slow-1"}

def output_fn(answer, accept):
    return json.dumps(answer)
"""
ANSWER_SECONDS = 1
# As in infra/template.yaml a whole call fits, and a second one would not.
TIMEOUT_SECONDS = 10

Ask = Callable[[str], dict[str, Any]]


def files(archive: tarfile.TarFile) -> None:
    source = INFERENCE.encode()
    entry = tarfile.TarInfo("code/inference.py")
    entry.size = len(source)
    archive.addfile(entry, io.BytesIO(source))


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with running(IamEnforcement, SageMakerService, FunctionsService) as account:
        model = io.BytesIO()
        with tarfile.open(fileobj=model, mode="w:gz") as archive:
            files(archive)
        s3, sagemaker = account.client("s3"), account.client("sagemaker")
        s3.create_bucket(Bucket="data")
        s3.put_object(Bucket="data", Key="models/1/model.tar.gz", Body=model.getvalue())
        role = account.role("model", allow("s3:GetObject"), trusts={"Service": "sagemaker.amazonaws.com"})
        container = {
            "Image": INFERENCE_IMAGE,
            "ModelDataUrl": "s3://data/models/1/model.tar.gz",
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
        }
        sagemaker.create_model(ModelName="slow", PrimaryContainer=container, ExecutionRoleArn=role)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": "slow",
            "ServerlessConfig": {"MaxConcurrency": 5, "MemorySizeInMB": 1024},
        }
        sagemaker.create_endpoint_config(EndpointConfigName="slow", ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName="slow", EndpointConfigName="slow")
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName="slow", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            for file in LAMBDA.rglob("*.py"):
                archive.write(file, file.relative_to(LAMBDA))
        account.client("lambda").create_function(
            FunctionName="api",
            Role=account.role("api", allow("sagemaker:InvokeEndpoint")),
            Code={"ZipFile": package.getvalue()},
            Runtime="python3.12",
            Handler="sentiment_api.app.handler",
            Timeout=TIMEOUT_SECONDS,
            MemorySize=256,
            Environment={
                "Variables": {
                    "STACK_NAME": "slow",
                    "ENDPOINT_NAME": "slow",
                    "MODEL_VERSION": "slow-1",
                    "CANARY_ENDPOINT_NAME": "",
                    "CANARY_VERSION": "",
                    "CANARY_PERCENT": "0",
                    "SLOW_SECONDS": "5",
                    "ANSWER_SECONDS": str(ANSWER_SECONDS),
                    "MODEL_DATA_URL": "s3://data/models/1/model.tar.gz",
                    "DATA_BUCKET": "data",
                    "LOG_REVIEWS": "false",
                }
            },
        )

        def ask(review: str) -> dict[str, Any]:
            payload = json.dumps(event({"review": review}))
            answer = account.client("lambda").invoke(FunctionName="api", Payload=payload)
            assert "FunctionError" not in answer, "it answers within its time-out"
            return json.loads(answer["Payload"].read())

        yield ask


@pytest.mark.slow
def test_a_waking_endpoint_is_distinguished_from_a_slow_one(ask):
    statuses: list[int] = []
    while not statuses or statuses[-1] != 200:
        answer = ask("A film")
        statuses.append(answer["statusCode"])
        if answer["statusCode"] != 200:
            assert json.loads(answer["body"])["error"]["code"] == "waking"
            assert int(answer["headers"]["retry-after"]) > 0
    assert set(statuses[:-1]) == {503}
    assert json.loads(answer["body"])["model"] == "slow-1"

    slow = ask("slow")
    assert slow["statusCode"] == 504
    assert json.loads(slow["body"])["error"]["code"] == "timed_out"
