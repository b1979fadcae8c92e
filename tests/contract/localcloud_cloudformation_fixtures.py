"""A cloud with stacks, and what tests of stacks do again and again."""

import json
import time
from collections.abc import Iterator

import pytest

from localcloud.cloudformation import CloudFormationService
from localcloud.cloudfront import CloudFrontService
from localcloud.codebuild import CodeBuildService
from localcloud.functions import FunctionsService
from localcloud.httpapi import HttpApiService
from localcloud.iam import IamEnforcement
from localcloud.sagemaker import SageMakerService
from localcloud.server import Server

SERVICES = (
    IamEnforcement,
    SageMakerService,
    FunctionsService,
    HttpApiService,
    CloudFormationService,
    CloudFrontService,
    CodeBuildService,
)
WAIT_SECONDS = 60


class Stacks:
    """Stacks of one cloud, by name."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.client = cloud.client("cloudformation")

    def create(self, name: str, template, status: str = "CREATE_COMPLETE", **request) -> dict[str, str]:
        self.client.create_stack(StackName=name, TemplateBody=_text(template), **_all_capabilities(request))
        return self.settled(name, status)

    def update(self, name: str, template, status: str = "UPDATE_COMPLETE", **request) -> dict[str, str]:
        body = {"UsePreviousTemplate": True} if template is None else {"TemplateBody": _text(template)}
        self.client.update_stack(StackName=name, **body, **_all_capabilities(request))
        return self.settled(name, status)

    def delete(self, name: str, status: str = "DELETE_COMPLETE", **request) -> None:
        stack_id = self.describe(name)["StackId"]
        self.client.delete_stack(StackName=name, **request)
        self.settled(stack_id, status)

    def describe(self, name: str) -> dict:
        return self.client.describe_stacks(StackName=name)["Stacks"][0]

    def settled(self, name: str, status: str) -> dict[str, str]:
        """Waits for the stack to come to rest and returns its outputs; it must have come to `status`."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (stack := self.describe(name))["StackStatus"].endswith("_IN_PROGRESS"):
            assert time.monotonic() < deadline, f"{name} is still {stack['StackStatus']}"
            time.sleep(0.05)
        assert stack["StackStatus"] == status, self.reasons(name)
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def events(self, name: str) -> list[dict]:
        """The oldest first."""
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=name)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def reasons(self, name: str) -> dict[str, str]:
        return {
            event["LogicalResourceId"]: event["ResourceStatusReason"]
            for event in self.events(name)
            if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event
        }

    def resources(self, name: str) -> dict[str, str]:
        """Logical to physical ids."""
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=name)
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
        }


def _text(template) -> str:
    return template if isinstance(template, str) else json.dumps(template)


def _all_capabilities(request: dict) -> dict:
    return {"Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]} | request


def parameters(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def trust(service: str) -> dict:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture(scope="module")
def cloud() -> Iterator:
    with Server(port=0, services=SERVICES) as server:
        yield server.cloud


@pytest.fixture(scope="module")
def stacks(cloud) -> Stacks:
    return Stacks(cloud)
