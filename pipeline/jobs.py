"""Find and follow SageMaker jobs, showing their log lines as they are written.

The SDK's own wait polls only every 30 seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import aws
from pipeline.settings import PipelineError
from project.console import log_line, say

POLL_SECONDS = 1.0
# CloudWatch has a job's last lines only some seconds after its end.
LAST_LINES_SECONDS = 10.0
# Long enough for a laptop to wake up, or a router to restart.
OUTAGE_SECONDS = 600.0
RETRY_SECONDS = 5.0
ENDED = ("Completed", "Failed", "Stopped")


class ConnectionLost(PipelineError):
    """AWS has not been reachable for OUTAGE_SECONDS; the job that was followed continues."""


def training_jobs(output: str) -> list[dict[str, Any]]:
    """The descriptions of the training jobs that write below the S3 URI `output`, newest first.

    Jobs are found by the folders with their names there, which the SDK creates for the program before a job
    starts.
    """
    sagemaker = aws.client("sagemaker")
    found = []
    for name in aws.folders(output):
        try:
            found.append(sagemaker.describe_training_job(TrainingJobName=name))
        except ClientError as error:
            # Not a job: the folder of the checkpoints, or of a job that was never started.
            if aws.error_code(error) not in ("ValidationException", "ResourceNotFound"):
                raise
    return sorted(found, key=lambda job: job["CreationTime"], reverse=True)


def running_transform(name_contains: str, output: str) -> str | None:
    """The name of the newest running batch transform job that writes below the S3 URI `output`, if any."""
    sagemaker = aws.client("sagemaker")
    pages = sagemaker.get_paginator("list_transform_jobs").paginate(
        NameContains=name_contains, StatusEquals="InProgress", SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for summary in page["TransformJobSummaries"]:
            name = str(summary["TransformJobName"])
            job = sagemaker.describe_transform_job(TransformJobName=name)
            if job["TransformOutput"]["S3OutputPath"].startswith(f"{output}/"):
                return name
    return None


def running_processing(name_contains: str, output: str) -> str | None:
    """The name of the newest running processing job that writes to the S3 URI `output`, if any."""
    sagemaker = aws.client("sagemaker")
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(
        NameContains=name_contains, StatusEquals="InProgress", SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for summary in page["ProcessingJobSummaries"]:
            name = str(summary["ProcessingJobName"])
            job = sagemaker.describe_processing_job(ProcessingJobName=name)
            targets = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
            if any(each["S3Output"]["S3Uri"] == output for each in targets):
                return name
    return None


def wait_for_training(job: str) -> dict[str, Any]:
    """Follow a training job until it has completed, and return its description.

    Connection errors are retried for OUTAGE_SECONDS. Ctrl-C stops the job. Raises PipelineError if the job
    fails or is stopped, and ConnectionLost if the connection does not come back.
    """
    return _completed("Training", _wait("training", job))


def wait_for_training_to_end(job: str) -> None:
    """Follow a training job to its end, even if it fails. Raises ConnectionLost as wait_for_training does."""
    _wait("training", job)


def wait_for_transform(job: str) -> dict[str, Any]:
    """Follow a batch transform job as wait_for_training follows a training job."""
    return _completed("Transform", _wait("transform", job))


def wait_for_processing(job: str) -> dict[str, Any]:
    """Follow a processing job as wait_for_training follows a training job."""
    return _completed("Processing", _wait("processing", job))


def _completed(kind: str, job: dict[str, Any]) -> dict[str, Any]:
    status = job[f"{kind}JobStatus"]
    if status != "Completed":
        reason = job.get("FailureReason", "no reason given")
        raise PipelineError(f"{kind}Job {job[f'{kind}JobName']} {status.lower()}: {reason}")
    return job


def _wait(kind: str, job: str) -> dict[str, Any]:
    sagemaker = aws.client("sagemaker")
    title = f"{kind.title()}Job"
    describe, stop = (getattr(sagemaker, f"{verb}_{kind}_job") for verb in ("describe", "stop"))
    name = {f"{title}Name": job}
    try:
        return _follow(
            lambda: describe(**name), f"{title}Status", LogTail(f"/aws/sagemaker/{title}s", f"{job}/"), job
        )
    except KeyboardInterrupt:
        try:
            stop(**name)
        except (BotoCoreError, ClientError) as error:
            raise PipelineError(f"{job} could not be stopped and is still running: {error}") from error
        raise


def _follow(describe: Callable[[], dict[str, Any]], status: str, log: LogTail, name: str) -> dict[str, Any]:
    """Show the job's log until it has ended, and return its description."""
    unreachable_since: float | None = None
    while True:
        try:
            job = describe()
            if job[status] in ENDED:
                log.show_last_lines()
                return job
            log.show_new_lines()
        except (BotoCoreError, ClientError) as error:
            if not aws.is_transient(error):
                raise
            now = time.monotonic()
            if unreachable_since is None:
                unreachable_since = now
                say(f"cannot get the status of {name}, which is still running; trying again ({error})")
            elif now - unreachable_since > OUTAGE_SECONDS:
                raise ConnectionLost(
                    f"could not get the status of {name} for {OUTAGE_SECONDS:.0f} s ({error}); it is still "
                    "running; run the same command again to follow it"
                ) from error
            time.sleep(RETRY_SECONDS)
        else:
            unreachable_since = None
            time.sleep(POLL_SECONDS)


class LogTail:
    """Follows all log streams of a group whose names begin with `prefix`."""

    def __init__(self, group: str, prefix: str) -> None:
        self.group, self.prefix = group, prefix
        self.tokens: dict[str, str] = {}

    def show_new_lines(self) -> bool:
        """Print the new lines, and return whether there were any."""
        shown = False
        for line in self._new_lines():
            log_line(line)
            shown = True
        return shown

    def show_last_lines(self) -> None:
        """Print the lines that arrive after the job's end, until there are no more."""
        deadline = time.monotonic() + LAST_LINES_SECONDS
        while self.show_new_lines() or (not self.tokens and time.monotonic() < deadline):
            time.sleep(POLL_SECONDS)

    def _new_lines(self) -> Iterator[str]:
        logs = aws.client("logs")
        try:
            streams = logs.describe_log_streams(logGroupName=self.group, logStreamNamePrefix=self.prefix)
        except ClientError as error:
            if aws.error_code(error) == "ResourceNotFoundException":  # no line has been written yet
                return
            raise
        for stream in streams["logStreams"]:
            name = stream["logStreamName"]
            while True:
                position = {"nextToken": self.tokens[name]} if name in self.tokens else {}
                page = logs.get_log_events(
                    logGroupName=self.group, logStreamName=name, startFromHead=True, **position
                )
                yield from (event["message"] for event in page["events"])
                self.tokens[name] = page["nextForwardToken"]
                if not page["events"]:
                    break
