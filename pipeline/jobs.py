"""Wait for SageMaker jobs, passing on their log lines as they are written.

The SDK's own wait looks every 30 seconds; a person watching an epoch go by wants to see it now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from pipeline import aws
from pipeline.settings import PipelineError
from project.console import log_line

POLL_SECONDS = 1.0
# CloudWatch shows a job's last lines some seconds after the job is over.
LAST_LINES_SECONDS = 10.0


def wait_for_training(job: str) -> dict[str, Any]:
    """Follow a training job to its end; its description. Interrupting stops the job."""
    return _wait("training", job)


def wait_for_transform(job: str) -> dict[str, Any]:
    """Follow a batch transform job to its end; its description. Interrupting stops the job."""
    return _wait("transform", job)


def _wait(kind: str, job: str) -> dict[str, Any]:
    sagemaker = aws.client("sagemaker")
    title = f"{kind.title()}Job"
    describe, stop = (getattr(sagemaker, f"{verb}_{kind}_job") for verb in ("describe", "stop"))
    name = {f"{title}Name": job}
    try:
        return _follow(lambda: describe(**name), title, _LogTail(f"/aws/sagemaker/{title}s", job))
    except KeyboardInterrupt:
        stop(**name)
        raise


def _follow(describe: Callable[[], dict[str, Any]], kind: str, log: _LogTail) -> dict[str, Any]:
    while True:
        job = describe()
        log.show_new_lines()
        if job[f"{kind}Status"] in ("Completed", "Failed", "Stopped"):
            break
        time.sleep(POLL_SECONDS)
    log.show_last_lines()
    if job[f"{kind}Status"] != "Completed":
        reason = job.get("FailureReason", "no reason given")
        raise PipelineError(f"{kind} {job[f'{kind}Name']} {job[f'{kind}Status'].lower()}: {reason}")
    return job


class _LogTail:
    """The lines of all log streams of one job, each shown once."""

    def __init__(self, group: str, job: str) -> None:
        self.group, self.job = group, job
        self.tokens: dict[str, str] = {}

    def show_new_lines(self) -> bool:
        """Print what is new; whether there was anything."""
        lines = list(self._new_lines())
        for line in lines:
            log_line(line)
        return bool(lines)

    def show_last_lines(self) -> None:
        """After the end: until nothing new has come for a moment."""
        deadline = time.monotonic() + LAST_LINES_SECONDS
        while self.show_new_lines() or (not self.tokens and time.monotonic() < deadline):
            time.sleep(POLL_SECONDS)

    def _new_lines(self) -> Iterator[str]:
        logs = aws.client("logs")
        try:
            streams = logs.describe_log_streams(logGroupName=self.group, logStreamNamePrefix=f"{self.job}/")
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
