"""Train the model by a SageMaker training job."""

from __future__ import annotations

import json
from typing import Any

from pipeline import aws, bill, fleet, inputs, jobs, remote, sdk, stack, tracking
from pipeline.containers import TRAINING, warn_of_the_end
from pipeline.settings import PipelineError, Settings
from project.console import say, shown, step
from sentiment.files import atomic_write
from sentiment.training.recipes import METRIC_DEFINITIONS


def run(settings: Settings) -> None:
    """Train the model of these settings, unless there is one, and fetch it here. Raises PipelineError."""
    machines = fleet.described(settings.instances, settings.train_instance_type, settings.spot)
    step(f"Train (recipe {settings.recipe}, {machines})")
    warn_of_the_end(TRAINING)
    data_key = remote.data_key(settings)
    key = inputs.model_key(settings, data_key)
    file = inputs.model_file(settings, key)
    if file.exists():
        say(f"unchanged: {shown(file)}")
        return
    bucket = stack.output(settings, "DataBucketName")
    packaged = inputs.model_uri(bucket, key)
    if aws.exists(packaged):
        aws.download(packaged, file)
        say(f"unchanged: {packaged}, fetched to {shown(file)}")
        return

    output = inputs.training_uri(bucket, key)
    job = _earlier_job(output) or _run_job(settings, bucket, inputs.data_uri(bucket, data_key), output)
    aws.download(job["ModelArtifacts"]["S3ModelArtifacts"], file)
    metrics = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}
    summary = {"job": job["TrainingJobName"], "seconds": job["TrainingTimeInSeconds"], "metrics": metrics}
    with atomic_write(file.with_name("job.json")) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n")
    say(f"wrote: {job['ModelArtifacts']['S3ModelArtifacts']}, fetched to {shown(file)}")
    say(
        ", ".join(
            [f"{job['TrainingTimeInSeconds']} s", *(f"{name} {value:.4g}" for name, value in metrics.items())]
        )
    )
    tracking.log_if_enabled("log", file)


def _earlier_job(output: str) -> dict[str, Any] | None:
    """Find the job that an earlier run started for this model; return its description once it has completed.

    An earlier run may have lost its connection while its job went on. A second job would cost as much again,
    and both would overwrite each other's checkpoints. Returns None if no such job can give a model.
    """
    found = jobs.training_jobs(output)
    for job in found:
        if job["TrainingJobStatus"] == "Completed" and aws.exists(job["ModelArtifacts"]["S3ModelArtifacts"]):
            say(f"training job {job['TrainingJobName']} of an earlier run has completed")
            return job
    for job in found:
        if job["TrainingJobStatus"] == "InProgress":
            say(f"training job {job['TrainingJobName']} of an earlier run is running on {_fleet_of(job)}")
            return jobs.wait_for_training(job["TrainingJobName"])
    for job in found:
        if job["TrainingJobStatus"] == "Stopping":
            say(f"training job {job['TrainingJobName']} of an earlier run is being stopped")
            jobs.wait_for_training_to_end(job["TrainingJobName"])
    return None


def _fleet_of(job: dict[str, Any]) -> str:
    """Describe the instances of a job, which may differ from those of the current settings."""
    resources = job["ResourceConfig"]
    spot = job.get("EnableManagedSpotTraining", False)
    return fleet.described(resources["InstanceCount"], resources["InstanceType"], spot)


def _run_job(settings: Settings, bucket: str, data: str, output: str) -> dict[str, Any]:
    if not aws.exists(f"{data}/manifest.json"):
        raise PipelineError(f"there are no prepared reviews at {data}: run `make upload` first")
    in_shards = settings.on == "sagemaker"
    channels = remote.CHANNELS if in_shards else tuple(settings.prepared().channels)
    job = sdk.of(settings).start_training(
        f"{settings.stack}-{settings.recipe}",
        bucket=bucket,
        role=stack.output(settings, "TrainingRoleArn"),
        instance_type=settings.train_instance_type,
        instances=settings.instances,
        spot=settings.spot,
        channels={channel: f"{data}/{channel}" for channel in channels},
        sharded=remote.SHARDED if in_shards else (),
        hyperparameters=inputs.hyperparameters(settings),
        metric_definitions=METRIC_DEFINITIONS,
        output=output,
    )
    say(f"training job {job}, reading {data}")
    if price := bill.hourly(settings.train_instance_type, settings.instances):
        less = "; spot instances cost less, and only while they run" if settings.spot else ""
        say(f"an hour of these instances costs ${price:.2f} at us-east-1's list prices{less}")
    return jobs.wait_for_training(job)
