"""AWS::SSM::Parameter."""

import uuid
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    found,
    ignoring,
    pick,
)

DEFAULTS = {"AllowedPattern": "", "Description": ""}
"""The defaults of properties, for those that a template no longer has."""


class Parameter(Provider):
    type = "AWS::SSM::Parameter"
    supported = frozenset(
        {"AllowedPattern", "DataType", "Description", "Name", "Tags", "Tier", "Type", "Value"}
    )
    attributes = frozenset({"Type", "Value"})
    name_property = "Name"

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        ssm = cloud.client("ssm")
        return found(ssm.exceptions.ParameterNotFound, ssm.get_parameter, Name=identifier)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("Name") or f"CFN-{context.logical_id}-{uuid.uuid4().hex[:12]}"
        tags = {**context.tags(properties.get("Tags") or {}), **context.system_tags()}
        context.client("ssm").put_parameter(Name=name, Tags=_listed(tags), **_members(properties))
        return _described(name, properties)

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        ssm, name = context.client("ssm"), current.physical_id
        if (members := _members(properties)) != _members(previous):
            ssm.put_parameter(Name=name, Overwrite=True, **DEFAULTS | members)
        tagged = {"ResourceType": "Parameter", "ResourceId": name}
        tags = context.tags(properties.get("Tags") or {})
        if gone := context.removed_tags(previous.get("Tags") or {}, tags):
            ssm.remove_tags_from_resource(**tagged, TagKeys=gone)
        if tags:
            ssm.add_tags_to_resource(**tagged, Tags=_listed(tags))
        return _described(name, properties)

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        ssm = context.client("ssm")
        ignoring(ssm.exceptions.ParameterNotFound, ssm.delete_parameter, Name=current.physical_id)


def _members(properties: Properties) -> dict[str, Any]:
    """The members of PutParameter, which have the names of the properties."""
    return pick(properties, "AllowedPattern", "DataType", "Description", "Tier", "Type", "Value")


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _described(name: str, properties: Properties) -> PhysicalResource:
    return PhysicalResource(name, {"Type": properties["Type"], "Value": properties["Value"]})


PROVIDERS = (Parameter(),)
