"""The CloudFormation stack of infra/template.yaml: its outputs and parameters, `sam deploy`, `sam delete`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from typing import Any

from botocore.exceptions import ClientError

from pipeline import aws
from pipeline.settings import PipelineError, Settings
from project.console import say, shown
from project.paths import PROJECT

INFRA = PROJECT / "infra"
POLL_SECONDS = 1.0
# Outputs that the stack has even without a model.
BOOTSTRAPPED = (
    "DataBucketName",
    "TrainingRoleArn",
    "WebsiteBucketName",
    "ImageRepositoryUri",
    "ImageBuildName",
)


def outputs(settings: Settings) -> dict[str, str]:
    """The stack's outputs by name; empty if there is no such stack."""
    return {output["OutputKey"]: output["OutputValue"] for output in _described(settings).get("Outputs", [])}


def parameters(settings: Settings) -> dict[str, str]:
    """The values of the stack's parameters by name; empty if there is no such stack."""
    given = _described(settings).get("Parameters", [])
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in given}


def _described(settings: Settings) -> dict[str, Any]:
    try:
        stacks = aws.client("cloudformation").describe_stacks(StackName=settings.stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return {}
        raise
    described: dict[str, Any] = stacks[0]
    return described


def output(settings: Settings, name: str) -> str:
    """An output of the stack. Raises PipelineError if it is missing, and says which step to run first."""
    try:
        return outputs(settings)[name]
    except KeyError:
        step = "bootstrap" if name in BOOTSTRAPPED else "deploy"
        raise PipelineError(
            f"the stack '{settings.stack}' in {aws.region()} has no output {name}: run `make {step}` first"
        ) from None


def buckets(settings: Settings) -> list[str] | None:
    """The names of the stack's buckets, even if it is incomplete; None if there is no such stack."""
    try:
        resources = aws.client("cloudformation").describe_stack_resources(StackName=settings.stack)
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return [
        each["PhysicalResourceId"]
        for each in resources["StackResources"]
        if each["ResourceType"] == "AWS::S3::Bucket"
        and each["ResourceStatus"] not in ("DELETE_COMPLETE", "CREATE_FAILED")
    ]


def sam_deploy(settings: Settings, **parameters: str | int) -> None:
    """Create or update the stack, showing each resource as it is completed.

    Parameters that are not given keep their values. Raises PipelineError with the reasons of a failure.
    """
    # SAM ignores a parameter with nothing after the equals sign.
    overrides = [f"{name}={value}" if value != "" else f'{name}=""' for name, value in parameters.items()]
    _sam(settings, "deploy", *(["--parameter-overrides", *overrides] if overrides else []))


def sam_delete(settings: Settings) -> None:
    """Delete the stack, whose buckets must be empty. Raises PipelineError with the reasons of a failure."""
    _sam(settings, "delete", "--no-prompts")


def _sam(settings: Settings, action: str, *arguments: str) -> None:
    """Run the SAM CLI; its wide tables go to a log file, and the stack's events are shown instead."""
    if not shutil.which(settings.sam):
        raise PipelineError(f"there is no SAM CLI at '{settings.sam}': run `make setup`")
    command = [settings.sam, action, "--stack-name", settings.stack, "--region", aws.region(), *arguments]
    log = settings.build / f"sam-{action}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    events = _Events(settings.stack)
    # SAM leaves an empty temporary folder behind at each deployment, so it gets a TMPDIR that is deleted.
    with log.open("w") as output, tempfile.TemporaryDirectory(dir=settings.build) as scratch:
        sam = subprocess.Popen(
            command,
            cwd=INFRA,
            # By default, SAM polls the stack only every five seconds.
            env={"SAM_CLI_POLL_DELAY": str(POLL_SECONDS), **os.environ, "TMPDIR": scratch},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while sam.poll() is None:
                time.sleep(POLL_SECONDS)
                events.show_new()
        except BaseException:
            sam.terminate()
            sam.wait()
            raise
    if sam.returncode:
        errors = [line for line in log.read_text().splitlines() if line.startswith("Error")]
        reasons = events.failures or errors or [f"exit code {sam.returncode}"]
        raise PipelineError(f"`sam {action}` failed: {'; '.join(reasons)}; see {shown(log)}")


class _Events:
    """Shows the events of a stack's resources from now on, and collects the failures."""

    def __init__(self, stack: str) -> None:
        self.stack = stack
        self.seen = {event["EventId"] for event in self._latest()}
        self.failures: list[str] = []

    def show_new(self) -> None:
        for event in reversed(self._latest()):
            if event["EventId"] in self.seen:
                continue
            self.seen.add(event["EventId"])
            resource, status = event["LogicalResourceId"], event["ResourceStatus"]
            if status.endswith("_FAILED"):
                self.failures.append(f"{resource}: {event.get('ResourceStatusReason', status)}")
            if not status.endswith("_IN_PROGRESS"):
                say(f"{status.lower().replace('_', ' '):<16} {resource}")

    def _latest(self) -> list[dict[str, Any]]:
        try:
            answer = aws.client("cloudformation").describe_stack_events(StackName=self.stack)
        except ClientError as error:
            if "does not exist" in str(error):  # not yet created, or deleted
                return []
            raise
        events: list[dict[str, Any]] = answer["StackEvents"]
        return events
