"""What the tests of localcloud's SageMaker share: a cloud with that service and small scripts for it."""

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import Cloud
from localcloud.iam import IamEnforcement
from localcloud.sagemaker import SageMakerService
from localcloud.server import Server

BUCKET = "test-bucket"
TRAINING_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312"
INFERENCE_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
ON_INSTANCE = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}

TRAIN = """
import argparse, json, os, signal, sys, time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--learning-rate", type=float)
parser.add_argument("--say", default="")
parser.add_argument("--fail", default="")
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--sleep", type=float, default=0)
arguments = parser.parse_args()
base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
model = Path(os.environ["SM_MODEL_DIR"])

def save(epochs):
    (model / "weights.json").write_text(json.dumps({"epochs": epochs}))

def stop(*_):
    print("asked to stop", flush=True)
    save(-1)
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
checkpoints = base / "checkpoints"
start = int((checkpoints / "epoch").read_text()) if (checkpoints / "epoch").exists() else 0
print("hyperparameters", os.environ["SM_HPS"])
print("train", sorted(p.relative_to(os.environ["SM_CHANNEL_TRAIN"]).as_posix()
      for p in Path(os.environ["SM_CHANNEL_TRAIN"]).rglob("*") if p.is_file()))
for epoch in range(start, arguments.epochs):
    print(f"epoch={epoch} val_loss={1 / (epoch + 1):.4f};", flush=True)
    if checkpoints.is_dir():
        (checkpoints / "epoch").write_text(str(epoch + 1))
if arguments.say:
    print(arguments.say, flush=True)
time.sleep(arguments.sleep)
if arguments.fail:
    raise ValueError(arguments.fail)
if arguments.exit:
    sys.exit(arguments.exit)
save(arguments.epochs)
Path(os.environ["SM_OUTPUT_DATA_DIR"], "report.txt").write_text("done")
"""

INFERENCE = """
import json, os, time
from pathlib import Path

from sagemaker_inference.errors import BaseInferenceToolkitError

def model_fn(model_dir):
    return json.loads(Path(model_dir, "weights.json").read_text())

def input_fn(body, content_type):
    if content_type == "application/json":
        return json.loads(body)
    if content_type == "application/jsonlines":
        return [json.loads(line) for line in bytes(body).decode().splitlines()]
    if content_type == "application/octet-stream":
        return bytes(body)
    raise BaseInferenceToolkitError(415, f"no {content_type}", "Unsupported Media Type")

def predict_fn(data, model):
    if isinstance(data, bytes):
        return data
    if isinstance(data, list):
        return [{"characters": len(each["review"]), **model} for each in data]
    if "sleep" in data:
        time.sleep(data["sleep"])
    if "raise" in data:
        raise KeyError(data["raise"])
    if "die" in data:
        os._exit(3)
    return {"characters": len(data["review"]), "batch": os.environ.get("SAGEMAKER_BATCH"), **model}

def output_fn(prediction, accept):
    if isinstance(prediction, bytes):
        return prediction, "application/octet-stream"
    if isinstance(prediction, list):
        return "".join(json.dumps(each) + "\\n" for each in prediction), accept
    return json.dumps(prediction)
"""

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class Sandbox:
    """A running cloud with a bucket and a role that may do everything."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.sagemaker = cloud.client("sagemaker")
        self.runtime = cloud.client("sagemaker-runtime")
        self.s3 = cloud.client("s3")
        self.logs = cloud.client("logs")
        self.s3.create_bucket(Bucket=BUCKET)
        self.role = self.make_role("everything", ["*"])
        self.put("data/train/reviews.txt", b"good\n")
        self.put("data/train/more/reviews.txt", b"bad\n")
        self._count = 0

    def make_role(self, name: str, actions: list[str]) -> str:
        """A role that SageMaker may assume and that may do `actions` on anything."""
        iam = self.cloud.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        }
        iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=json.dumps(policy))
        return role["Arn"]

    def put(self, key: str, body: bytes) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def get(self, uri: str) -> bytes:
        return self.s3.get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read()

    def keys(self, prefix: str) -> list[str]:
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())]

    def name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count}"

    def put_source(self, script: str = TRAIN, **files: str) -> str:
        return self.put(
            f"source/{self.name('source')}/sourcedir.tar.gz", tar_gz({"train.py": script, **files})
        )

    def train(
        self, hyperparameters: dict[str, Any] | None = None, script: str = TRAIN, **changes: Any
    ) -> str:
        """Starts a training job as the SDK would; returns its name."""
        name = self.name("job")
        encoded = {"sagemaker_program": "train.py", "sagemaker_submit_directory": self.put_source(script)}
        encoded |= hyperparameters or {}
        request = {
            "TrainingJobName": name,
            "HyperParameters": {key: json.dumps(value) for key, value in encoded.items()},
            "AlgorithmSpecification": {"TrainingImage": TRAINING_IMAGE, "TrainingInputMode": "File"},
            "RoleArn": self.role,
            "InputDataConfig": [channel("train", f"s3://{BUCKET}/data/train")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        self.sagemaker.create_training_job(**request | changes)
        return name

    def trained(self, name: str) -> dict:
        """A job's description once it has ended."""
        return wait(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=name),
            lambda job: job["TrainingJobStatus"] not in ("InProgress", "Stopping"),
        )

    def log_lines(self, group: str) -> list[str]:
        streams = self.logs.describe_log_streams(logGroupName=group)["logStreams"]
        return [
            event["message"]
            for stream in streams
            for event in self.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]

    def job_log(self, name: str) -> list[str]:
        group = "/aws/sagemaker/TrainingJobs"
        streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")
        stream = streams["logStreams"][0]["logStreamName"]
        events = self.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
        return [event["message"] for event in events["events"]]

    def model(self, epochs: int = 1, inference: str = INFERENCE, environment: dict | None = None) -> str:
        """A model made of a small archive; returns its name."""
        name = self.name("model")
        files = {"weights.json": json.dumps({"epochs": epochs}), "code/inference.py": inference}
        uri = self.put(f"models/{name}/model.tar.gz", tar_gz(files))
        variables = {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        }
        container = {
            "Image": INFERENCE_IMAGE,
            "ModelDataUrl": uri,
            "Environment": variables | (environment or {}),
        }
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.role, PrimaryContainer=container)
        return name

    def config(self, model: str, **variant: Any) -> str:
        name = self.name("config")
        size = variant or {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 2}}
        variants = [{"VariantName": "AllTraffic", "ModelName": model, **size}]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    def endpoint(self, config: str) -> str:
        name = self.name("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return name

    def settled(self, endpoint: str) -> dict:
        """An endpoint's description once it is neither being created nor updated."""
        return wait(
            lambda: self.sagemaker.describe_endpoint(EndpointName=endpoint),
            lambda it: it["EndpointStatus"] not in ("Creating", "Updating"),
        )

    def invoke(self, endpoint: str, body: bytes | dict, content_type: str = "application/json") -> bytes:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.runtime.invoke_endpoint(EndpointName=endpoint, ContentType=content_type, Body=data)
        return answer["Body"].read()


def channel(name: str, uri: str, **source: Any) -> dict:
    s3 = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated", **source}
    return {"ChannelName": name, "DataSource": {"S3DataSource": s3}}


def tar_gz(files: dict[str, str]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return archive.getvalue()


def make_wheel(folder: Path, name: str, text: str) -> Path:
    """A package with one module of this name, to be installed without a network."""
    file = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{name}.py", text)
        information = f"{name}-1.dist-info"
        wheel.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{information}/WHEEL", tags)
        wheel.writestr(f"{information}/RECORD", "")
    return file


def untar(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def wait(look: Any, done: Any, seconds: float = 60) -> Any:
    """What `look` returns as soon as `done` says so; looks less often the longer it takes."""
    started = time.monotonic()
    while not done(seen := look()):
        waited = time.monotonic() - started
        assert waited < seconds, f"not done after {seconds} s: {seen}"
        time.sleep(min(max(0.05, waited / 10), 0.4))
    return seen


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    with Server(port=0, services=[IamEnforcement, SageMakerService]) as server:
        yield Sandbox(server.cloud)


@pytest.fixture(scope="module")
def aws():
    with sandbox() as it:
        yield it


def refused(error) -> tuple[str, int, str]:
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]
