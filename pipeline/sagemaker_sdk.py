"""Start jobs by version 2 of the SageMaker Python SDK; sagemaker_sdk3.py does the same by version 3.

Version 2 has the PyTorch estimator, and is supported until July 2027.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection
from typing import Any

os.environ.setdefault("SAGEMAKER_SUPPRESS_V2_WARNING", "1")
# Otherwise the SDK would configure logging so that all libraries log each of their steps.
logging.basicConfig(level=logging.WARNING, format="   %(message)s")
for _name in ("sagemaker", "sagemaker.config"):
    logging.getLogger(_name).setLevel(logging.WARNING)

from sagemaker import image_uris  # noqa: E402
from sagemaker.inputs import TrainingInput  # noqa: E402
from sagemaker.model import Model  # noqa: E402
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput  # noqa: E402
from sagemaker.pytorch.estimator import PyTorch  # noqa: E402
from sagemaker.session import Session  # noqa: E402

from pipeline import aws  # noqa: E402
from pipeline.containers import GPU_INSTANCE, TRAINING, Image  # noqa: E402
from project.paths import PROJECT  # noqa: E402
from tracking.run_record import git_commit  # noqa: E402

# What an inference container needs to find the entry point inside the model folder.
INFERENCE_ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
DAY = 24 * 60 * 60
# torchrun on every instance, with one process for each GPU, or a single one for all CPUs.
TORCHRUN = {"torch_distributed": {"enabled": True}}


def _session(bucket: str) -> Session:
    return Session(default_bucket=bucket)


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
    """Start a training job that runs `train/train.py` in script mode; return the job's name.

    The name begins with `name`. `channels` maps channel names to S3 URIs; those in `sharded` are divided
    among the instances. `output` is an S3 URI, below which the checkpoints are as well. A job on `spot`
    instances may wait for them for as long as it may run.
    """
    job = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    several = instances > 1 or GPU_INSTANCE.match(instance_type)
    estimator = PyTorch(
        entry_point="train.py",
        source_dir=str(PROJECT / "train"),
        dependencies=[str(PROJECT / name) for name in ("sentiment", "tracking", "serve")],
        image_uri=aws_image(TRAINING, aws.region(), instance_type),
        role=role,
        instance_type=instance_type,
        instance_count=instances,
        distribution=TORCHRUN if several else None,
        use_spot_instances=spot,
        max_wait=2 * DAY if spot else None,
        hyperparameters=dict(hyperparameters),
        environment={"GIT_COMMIT": git_commit() or ""},
        metric_definitions=metric_definitions,
        output_path=output,
        code_location=output,
        checkpoint_s3_uri=f"{output}/checkpoints",
        max_run=DAY,
        disable_profiler=True,
        debugger_hook_config=False,
        sagemaker_session=_session(bucket),
    )
    # Shards are streamed, and each instance gets its own.
    inputs = {
        name: TrainingInput(uri, distribution="ShardedByS3Key", input_mode="FastFile")
        if name in sharded
        else TrainingInput(uri)
        for name, uri in channels.items()
    }
    estimator.fit(inputs, job_name=job, wait=False)
    return job


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
    processor = FrameworkProcessor(
        estimator_cls=PyTorch,
        framework_version="",  # has no effect beside image_uri
        image_uri=aws_image(TRAINING, aws.region(), instance_type),
        role=role,
        instance_count=instances,
        instance_type=instance_type,
        code_location=f"{output.rpartition('/')[0]}/program",
        max_runtime_in_seconds=DAY,
        sagemaker_session=_session(bucket),
    )
    base = "/opt/ml/processing"
    processor.run(
        code="prepare.py",
        source_dir=str(PROJECT / "train"),
        dependencies=[str(PROJECT / "sentiment")],
        inputs=[
            ProcessingInput(
                source=lines,
                destination=f"{base}/lines",
                input_name="lines",
                s3_data_distribution_type="ShardedByS3Key",
            )
        ],
        outputs=[
            ProcessingOutput(source=f"{base}/prepared", destination=output, output_name="prepared"),
        ],
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
    model: Any = Model(
        image_uri=image,
        model_data=model_data,
        role=role,
        env=dict(INFERENCE_ENVIRONMENT),
        name=job,
        sagemaker_session=_session(bucket),
    )
    transformer = model.transformer(
        instance_count=instances,
        instance_type=instance_type,
        strategy="MultiRecord",
        assemble_with="Line",
        accept="application/jsonlines",
        max_payload=1,
        output_path=output,
    )
    transformer.transform(
        reviews, content_type="application/jsonlines", split_type="Line", job_name=job, wait=False, logs=False
    )
