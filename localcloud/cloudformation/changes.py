"""What deploying a blueprint would change: the contents of a change set."""

from typing import Any

from localcloud.cloudformation import schemas
from localcloud.cloudformation.blueprint import Blueprint
from localcloud.cloudformation.errors import ResourceFailed, ValidationError
from localcloud.cloudformation.stacks import Resource, Stack

Change = dict[str, Any]


def planned(blueprint: Blueprint, foreseen: dict[str, Resource], stack: Stack) -> list[Change]:
    """The changes in the form of DescribeChangeSet.

    `foreseen` is the mapping of resources that the blueprint reads. What is going to be replaced leaves it,
    so that whoever refers to it is seen to change as well.
    """
    changes = []
    for logical_id in blueprint.order:
        kind = blueprint.provider(logical_id).type
        resource = foreseen.get(logical_id)
        if resource is None or not resource.made:
            changes.append(_change("Add", logical_id, kind))
            continue
        try:
            wanted = blueprint.properties(logical_id)
        except ResourceFailed as wrong:
            raise ValidationError(f"Resource {logical_id} ({kind}): {wrong}") from wrong
        names = {
            name
            for name in {*wanted, *resource.properties}
            if wanted.get(name) != resource.properties.get(name)
        }
        if kind != resource.type or names & schemas.create_only(kind):
            foreseen.pop(logical_id)
            changes.append(_change("Modify", logical_id, kind, resource, names, replacement="True"))
        elif names:
            changes.append(_change("Modify", logical_id, kind, resource, names, replacement="False"))
        elif blueprint.source.tags != stack.source.tags and "Tags" in blueprint.provider(logical_id).honoured:
            changes.append(_change("Modify", logical_id, kind, resource, {"Tags"}, replacement="False"))
    changes += [
        _change("Remove", name, resource.type, resource, policy=resource.deletion_policy)
        for name, resource in stack.resources.items()
        if name not in blueprint and resource.made
    ]
    return changes


def anything(changes: list[Change], blueprint: Blueprint, stack: Stack) -> bool:
    """Whether there is anything to do: resources, or only outputs."""
    return bool(changes) or blueprint.outputs() != stack.outputs


def _change(
    action: str,
    logical_id: str,
    kind: str,
    resource: Resource | None = None,
    names: set[str] = frozenset(),
    replacement: str | None = None,
    policy: str | None = None,
) -> Change:
    change = {
        "Action": action,
        "LogicalResourceId": logical_id,
        "ResourceType": kind,
        "Scope": ["Properties"] if names else [],
        "Details": [_detail(name, replacement) for name in sorted(names)],
    }
    if resource is not None:
        change["PhysicalResourceId"] = resource.physical_id
    if replacement is not None:
        change["Replacement"] = replacement
    if policy is not None:
        change["PolicyAction"] = "Delete" if policy == "Delete" else "Retain"
    return {"Type": "Resource", "ResourceChange": change}


def _detail(name: str, replacement: str | None) -> dict[str, Any]:
    target = {"Attribute": "Properties", "Name": name}
    target["RequiresRecreation"] = "Always" if replacement == "True" else "Never"
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}
