"""AWS::CodeBuild::Project."""

from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation.intrinsics import is_unknown
from localcloud.cloudformation.resources.ecr import parse_bool
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
)
from localcloud.codebuild.service import check_supported

MAX_NAME_LENGTH = 255
MEMBERS = {"BuildSpec": "buildspec"}
"""CloudFormation's names that differ from the API's by more than a capital letter."""
BOOLEANS = frozenset({"privilegedMode"})
NUMBERS = frozenset({"timeoutInMinutes"})


class Project(Provider):
    type = "AWS::CodeBuild::Project"
    supported = frozenset(
        {
            "Artifacts",
            "Description",
            "Environment",
            "LogsConfig",
            "Name",
            "ServiceRole",
            "Source",
            "Tags",
            "TimeoutInMinutes",
        }
    )
    attributes = frozenset({"Arn"})
    name_property = "Name"

    def check(self, cloud: Cloud, properties: Properties) -> None:
        check_supported(_members({name: value for name, value in properties.items() if name != "Tags"}))

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("Name") or context.generated_name(MAX_NAME_LENGTH)
        made = context.client("codebuild").create_project(**_request(context, name, properties))["project"]
        return PhysicalResource(name, {"Arn": made["arn"]})

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        context.client("codebuild").update_project(**_request(context, current.physical_id, properties))
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        context.client("codebuild").delete_project(name=current.physical_id)


def _request(context: Context, name: str, properties: Properties) -> dict[str, Any]:
    given = {key: value for key, value in properties.items() if key != "Tags"}
    tags = [{"key": key, "value": value} for key, value in context.tags(properties.get("Tags")).items()]
    request: dict[str, Any] = {**_members(given), "name": name, "tags": tags}
    return request


def _members(value: Any, member: str = "") -> Any:
    """Properties as members of the API's structures."""
    if is_unknown(value):
        return value
    if isinstance(value, dict):
        named = {MEMBERS.get(key, key[0].lower() + key[1:]): each for key, each in value.items()}
        return {key: _members(each, key) for key, each in named.items()}
    if isinstance(value, list):
        return [_members(each) for each in value]
    if member in BOOLEANS:
        return parse_bool(value)
    return int(value) if member in NUMBERS else value


PROVIDERS = (Project(),)
