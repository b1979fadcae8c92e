"""Computes the changes that deploying a template would make: the contents of a change set."""

from collections.abc import Set
from typing import Any

from localcloud.cloudformation import schemas
from localcloud.cloudformation.errors import ResourceFailed, ValidationError
from localcloud.cloudformation.resolved_template import ResolvedTemplate
from localcloud.cloudformation.stacks import Resource, Stack

Change = dict[str, Any]


def planned(resolved: ResolvedTemplate, expected: dict[str, Resource], stack: Stack) -> list[Change]:
    """Returns the changes in the form of DescribeChangeSet.

    `expected` is the mapping of resources that `resolved` reads. Resources that will be replaced are removed
    from it, so that the resources that refer to them count as changed too. Raises ValidationError for a
    property of a wrong type.
    """
    changes = []
    for logical_id in resolved.order:
        kind = resolved.provider(logical_id).type
        resource = expected.get(logical_id)
        if resource is None or not resource.physical:
            changes.append(_change("Add", logical_id, kind))
            continue
        try:
            wanted = resolved.properties(logical_id)
        except ResourceFailed as wrong:
            raise ValidationError(f"Resource {logical_id} ({kind}): {wrong}") from wrong
        names = {
            name
            for name in {*wanted, *resource.properties}
            if wanted.get(name) != resource.properties.get(name)
        }
        if kind != resource.type or names & schemas.create_only(kind):
            expected.pop(logical_id)
            changes.append(_change("Modify", logical_id, kind, resource, names, replacement="True"))
        elif names:
            changes.append(_change("Modify", logical_id, kind, resource, names, replacement="False"))
        elif (
            stack.source
            and resolved.source.tags != stack.source.tags
            and "Tags" in resolved.provider(logical_id).supported
        ):
            changes.append(_change("Modify", logical_id, kind, resource, {"Tags"}, replacement="False"))
    changes += [
        _change("Remove", name, resource.type, resource, policy=resource.deletion_policy)
        for name, resource in stack.resources.items()
        if name not in resolved and resource.physical
    ]
    return changes


def anything(changes: list[Change], resolved: ResolvedTemplate, stack: Stack) -> bool:
    """Whether a deployment would change any resource or output."""
    return bool(changes) or resolved.outputs() != stack.outputs


def _change(
    action: str,
    logical_id: str,
    kind: str,
    resource: Resource | None = None,
    names: Set[str] = frozenset(),
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
