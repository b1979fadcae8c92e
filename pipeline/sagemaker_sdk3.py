"""Start jobs by version 3 of the SageMaker Python SDK; docs/sdk-v3.md compares it with version 2.

Version 3 cannot be installed beside version 2, so this runs in a virtual environment of its own (sdk.py):

    .venv-sdk3/bin/python -m pipeline.sagemaker_sdk3 start_training < ARGUMENTS.json
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

import boto3
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.processing import FrameworkProcessor
from sagemaker.core.resources import Model, TransformJob
from sagemaker.core.shapes import (
    Channel,
    ContainerDefinition,
    DataSource,
    MetricDefinition,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    S3DataSource,
    TransformDataSource,
    TransformInput,
    TransformOutput,
    TransformResources,
    TransformS3DataSource,
)
from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    OutputDataConfig,
    SourceCode,
    StoppingCondition,
)
from sagemaker.train import ModelTrainer
from sagemaker.train.distributed import Torchrun

from pipeline.containers import GPU_INSTANCE, TRAINING, Image
from project.paths import PROJECT
from tracking.run_record import git_commit

# What an inference container needs to find the entry point inside the model folder.
INFERENCE_ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
DAY = 24 * 60 * 60


def aws_image(image: Image, region: str, instance_type: str) -> str:
    """The URI of one of AWS's containers in AWS's private registry of a region.

    The SDK knows the registries, but only the containers up to PyTorch 2.8. So it is asked for one of these,
    which is in the same registry.
    """
    known: str = image_uris.retrieve(
        "pytorch",
        region,
        version="2.6.0",
        py_version="py312",
        instance_type="ml.m5.large",
        image_scope="training",
    )
    return f"{known.partition('/')[0]}/{image.name(instance_type)}"


def start_training(
    name: str,
    *,
    bucket: str,
    role: str,
    instance_type: str,
    instances: int = 1,
    spot: bool = False,
    channels: dict[str, str],
    sharded: Collection[str] = (),
    hyperparameters: dict[str, str],
    metric_definitions: list[dict[str, str]],
    output: str,
) -> str:
    """Start a training job that runs `train/train.py`; return the job's name.

    The name begins with `name`. `channels` maps channel names to S3 URIs; those in `sharded` are divided
    among the instances. `output` is an S3 URI, below which the checkpoints are as well. A job on `spot`
    instances may wait for them for as long as it may run.
    """
    several = instances > 1 or GPU_INSTANCE.match(instance_type)
    # The trainer puts the program into the folder of the job's name, as version 2 does with code_location.
    folder, _, key = output.removeprefix(f"s3://{bucket}/").rpartition("/")
    session = Session(default_bucket=bucket, default_bucket_prefix=folder or None)
    with tempfile.TemporaryDirectory() as source:
        _collect_source(Path(source))
        trainer = ModelTrainer(
            base_job_name=name,
            training_image=aws_image(TRAINING, session.boto_region_name, instance_type),
            source_code=SourceCode(source_dir=source, entry_script="train.py"),
            role=role,
            # torchrun on every instance, with one process for each GPU, or a single one for all CPUs.
            distributed=Torchrun() if several else None,
            compute=Compute(
                instance_type=instance_type, instance_count=instances, enable_managed_spot_training=spot
            ),
            hyperparameters=dict(hyperparameters),
            environment={"GIT_COMMIT": git_commit() or ""},
            output_data_config=OutputDataConfig(s3_output_path=output),
            checkpoint_config=CheckpointConfig(s3_uri=f"{output}/checkpoints"),
            stopping_condition=StoppingCondition(
                max_runtime_in_seconds=DAY, max_wait_time_in_seconds=2 * DAY if spot else None
            ),
            input_s3_key_prefix=key,
            sagemaker_session=session,
        ).with_metric_definitions(
            [MetricDefinition(name=each["Name"], regex=each["Regex"]) for each in metric_definitions]
        )
        inputs = [_input(channel, uri, channel in sharded) for channel, uri in channels.items()]
        trainer.train(inputs, wait=False, logs=False)
    job: str = trainer._latest_training_job.training_job_name
    return job


def _input(channel: str, uri: str, is_sharded: bool) -> InputData | Channel:
    """An input channel; shards are streamed, and each instance gets its own."""
    if not is_sharded:
        return InputData(channel_name=channel, data_source=uri)
    shards = S3DataSource(s3_data_type="S3Prefix", s3_uri=uri, s3_data_distribution_type="ShardedByS3Key")
    return Channel(channel_name=channel, data_source=DataSource(s3_data_source=shards), input_mode="FastFile")


def _collect_source(folder: Path) -> None:
    """Copy the program and the packages that it imports into one folder: version 3 has no `dependencies`."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "train", folder, dirs_exist_ok=True, ignore=ignore)
    for package in ("sentiment", "tracking", "serve"):
        shutil.copytree(PROJECT / package, folder / package, ignore=ignore)


def start_preparing(
    job: str,
    *,
    bucket: str,
    role: str,
    instance_type: str,
    arguments: list[str],
    lines: str,
    output: str,
    instances: int = 1,
) -> None:
    """Start a processing job with the name `job` that runs `train/prepare.py` in the training container.

    The files below the S3 URI `lines` are divided among the instances, and all results go to the S3 URI
    `output`.
    """
    session = Session(default_bucket=bucket)
    processor = FrameworkProcessor(
        image_uri=aws_image(TRAINING, session.boto_region_name, instance_type),
        role=role,
        instance_count=instances,
        instance_type=instance_type,
        code_location=f"{output.rpartition('/')[0]}/program",
        max_runtime_in_seconds=DAY,
        sagemaker_session=session,
    )
    base = "/opt/ml/processing"
    read = ProcessingS3Input(
        s3_uri=lines,
        local_path=f"{base}/lines",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
        s3_data_distribution_type="ShardedByS3Key",
    )
    written = ProcessingS3Output(s3_uri=output, local_path=f"{base}/prepared", s3_upload_mode="EndOfJob")
    processor.run(
        code="prepare.py",
        source_dir=str(PROJECT / "train"),
        dependencies=[str(PROJECT / "sentiment")],
        inputs=[ProcessingInput(input_name="lines", s3_input=read)],
        outputs=[ProcessingOutput(output_name="prepared", s3_output=written)],
        arguments=["--reviews", f"{base}/lines", "--output", f"{base}/prepared", "--shards-only", *arguments],
        job_name=job,
        wait=False,
        logs=False,
    )


def start_transform(
    job: str,
    *,
    bucket: str,
    role: str,
    instance_type: str,
    instances: int = 1,
    image: str,
    model_data: str,
    reviews: str,
    output: str,
) -> None:
    """Start a batch transform job with the name `job`, of JSON Lines files, with the model at `model_data`.

    `reviews` is the S3 URI of the file, or the prefix of several. A SageMaker model with the same name as the
    job is created; the caller deletes it afterwards.
    """
    session = boto3.Session()
    Model.create(
        model_name=job,
        primary_container=ContainerDefinition(
            image=image, model_data_url=model_data, environment=dict(INFERENCE_ENVIRONMENT)
        ),
        execution_role_arn=role,
        session=session,
    )
    TransformJob.create(
        transform_job_name=job,
        model_name=job,
        transform_input=TransformInput(
            data_source=TransformDataSource(
                s3_data_source=TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=reviews)
            ),
            content_type="application/jsonlines",
            split_type="Line",
        ),
        transform_output=TransformOutput(
            s3_output_path=output, accept="application/jsonlines", assemble_with="Line"
        ),
        transform_resources=TransformResources(instance_type=instance_type, instance_count=instances),
        batch_strategy="MultiRecord",
        max_payload_in_mb=1,
        session=session,
    )


FUNCTIONS: dict[str, Callable[..., str | None]] = {
    "start_preparing": start_preparing,
    "start_training": start_training,
    "start_transform": start_transform,
}


def main() -> None:
    """Call the function that the command line names; arguments and result are JSON on stdin and stdout."""
    logging.basicConfig(level=logging.WARNING)
    arguments = json.load(sys.stdin)
    answer = FUNCTIONS[sys.argv[1]](arguments.pop("name"), **arguments)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
