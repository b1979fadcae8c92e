"""Computes the changes that deploying a template would make, and their causes: the contents of a change set.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.cloudformation import schemas
from localcloud.cloudformation.errors import ResourceFailed, ValidationError
from localcloud.cloudformation.resolved_template import ResolvedTemplate
from localcloud.cloudformation.stacks import Resource, Source, Stack
from localcloud.cloudformation.template_references import read_attributes, referred_names

Change = dict[str, Any]
TAGS = "Tags"
VALUES = {"AfterValue", "AttributeChangeType", "BeforeValue", "Path"}
CONTEXTS = {"AfterContext", "BeforeContext"}
RESOURCE_CAUSES = {"ResourceAttribute", "ResourceReference"}


def planned(resolved: ResolvedTemplate, expected: dict[str, Resource], stack: Stack) -> list[Change]:
    """Returns the changes in the form of DescribeChangeSet, with the values of properties.

    `expected` is the mapping of resources that `resolved` reads. Resources that will be replaced are removed
    from it, so that the resources that refer to them count as changed too. Raises ValidationError for a
    property of a wrong type.
    """
    changes: dict[str, Change] = {}
    for logical_id in resolved.order:
        kind = resolved.provider(logical_id).type
        resource = expected.get(logical_id)
        try:
            wanted = resolved.properties(logical_id)
        except ResourceFailed as wrong:
            raise ValidationError(f"Resource {logical_id} ({kind}): {wrong}") from wrong
        if resource is None or not resource.physical:
            changes[logical_id] = _change("Add", logical_id, kind, AfterContext=_context(wanted))
            continue
        names = {
            name
            for name in {*wanted, *resource.properties}
            if wanted.get(name) != resource.properties.get(name)
        }
        is_retagged = bool(stack.source and resolved.source.tags != stack.source.tags)
        if is_retagged and TAGS in resolved.provider(logical_id).supported:
            names |= {TAGS}
        replacement = "True" if kind != resource.type or names & schemas.create_only(kind) else "False"
        details = [
            detail
            for name in sorted(names)
            for detail in _details(resolved, stack.source, resource, name, wanted, changes)
        ]
        for name in sorted(set(wanted) - names):
            if possible := list(_possible_details(resolved, resource, name, wanted, changes)):
                details += possible
                names |= {name}
                if replacement == "False" and name in schemas.create_only(kind):
                    replacement = "Conditional"
        if replacement == "True":
            expected.pop(logical_id)
        if names or replacement == "True":
            changes[logical_id] = _modification(resolved, resource, kind, wanted, names, details, replacement)
    removed = [
        _change(
            "Remove",
            name,
            resource.type,
            resource,
            PolicyAction="Delete" if resource.deletion_policy == "Delete" else "Retain",
            BeforeContext=_context(resource.properties),
        )
        for name, resource in stack.resources.items()
        if name not in resolved and resource.physical
    ]
    return [*changes.values(), *removed]


def anything(changes: list[Change], resolved: ResolvedTemplate, stack: Stack) -> bool:
    """Whether a deployment would change any resource or output."""
    return bool(changes) or resolved.outputs() != stack.outputs


def types(changes: list[Change]) -> set[str]:
    """The types of the resources that are changed."""
    return {one["ResourceChange"]["ResourceType"] for one in changes}


def without_values(change: Change) -> Change:
    """The change as shown to those who do not ask for the values of properties."""
    shown = {name: value for name, value in change["ResourceChange"].items() if name not in CONTEXTS}
    by_resources = {
        _target_name(detail) for detail in shown["Details"] if detail["ChangeSource"] in RESOURCE_CAUSES
    }
    by_parameters = {
        _target_name(detail) for detail in shown["Details"] if detail["ChangeSource"] == "ParameterReference"
    }
    shown["Details"] = [
        {**detail, "Target": {key: value for key, value in detail["Target"].items() if key not in VALUES}}
        for detail in shown["Details"]
        if detail["Evaluation"] == "Static"
        or detail["ChangeSource"] != "DirectModification"
        or _target_name(detail) not in by_resources - by_parameters
    ]
    return {**change, "ResourceChange": shown}


def _target_name(detail: Mapping[str, Any]) -> str:
    target: Mapping[str, str] = detail["Target"]
    return target.get("Name", target["Attribute"])


def _modification(
    resolved: ResolvedTemplate,
    resource: Resource,
    kind: str,
    wanted: Mapping[str, Any],
    names: set[str],
    details: list[dict[str, Any]],
    replacement: str,
) -> Change:
    policy = resolved.replace_policy(resource.logical_id)
    replacing = {"PolicyAction": "ReplaceAndDelete" if policy == "Delete" else "ReplaceAndRetain"}
    return _change(
        "Modify",
        resource.logical_id,
        kind,
        resource,
        Replacement=replacement,
        Scope=sorted({TAGS if name == TAGS else "Properties" for name in names}),
        Details=details,
        BeforeContext=_context(resource.properties),
        AfterContext=_context(wanted),
        **(replacing if replacement == "True" else {}),
    )


def _change(
    action: str, logical_id: str, kind: str, resource: Resource | None = None, **members: Any
) -> Change:
    change = {
        "Action": action,
        "LogicalResourceId": logical_id,
        "ResourceType": kind,
        "Scope": [],
        "Details": [],
        **members,
    }
    if resource is not None:
        change["PhysicalResourceId"] = resource.physical_id
    return {"Type": "Resource", "ResourceChange": change}


def _context(properties: Mapping[str, Any]) -> str:
    return json.dumps({"Properties": properties}, default=str)


def _details(
    resolved: ResolvedTemplate,
    previous: Source | None,
    resource: Resource,
    name: str,
    wanted: Mapping[str, Any],
    changes: Mapping[str, Change],
) -> Iterator[dict[str, Any]]:
    """Why a property changes: parameters and resources that it refers to, or else the template itself."""
    target = _target(resource, name, wanted)
    expression = resolved.expression(resource.logical_id).get(name)
    causes = list(_causes(resolved, previous, expression, changes))
    for source, entity in causes:
        yield {
            "Target": target,
            "Evaluation": "Static",
            "ChangeSource": source,
            "CausingEntity": entity,
        }
    # As on AWS: beside another cause, a direct modification is one that is known only on execution.
    evaluation = "Dynamic" if causes else "Static"
    yield {"Target": target, "Evaluation": evaluation, "ChangeSource": "DirectModification"}


def _possible_details(
    resolved: ResolvedTemplate,
    resource: Resource,
    name: str,
    wanted: Mapping[str, Any],
    changes: Mapping[str, Change],
) -> Iterator[dict[str, Any]]:
    """Why a property may change: it reads attributes of resources that are changed in place."""
    expression = resolved.expression(resource.logical_id).get(name)
    for logical_id, attribute in sorted(read_attributes(expression, set(resolved.source.parameters))):
        if logical_id in changes:
            yield {
                "Target": _target(resource, name, wanted),
                "Evaluation": "Dynamic",
                "ChangeSource": "ResourceAttribute",
                "CausingEntity": f"{logical_id}.{attribute}",
            }


def _causes(
    resolved: ResolvedTemplate,
    previous: Source | None,
    expression: Any,
    changes: Mapping[str, Change],
) -> Iterator[tuple[str, str]]:
    old = {**previous.parameters, **previous.stored} if previous else {}
    new = {**resolved.source.parameters, **resolved.source.stored}
    for name in sorted(referred_names(expression)):
        if name in new and old.get(name) != new[name]:
            yield "ParameterReference", name
        elif name in changes and _gets_another_id(changes[name]):
            yield "ResourceReference", name
    for logical_id, attribute in sorted(read_attributes(expression, set(new))):
        if logical_id in changes:
            yield "ResourceAttribute", f"{logical_id}.{attribute}"


def _gets_another_id(change: Change) -> bool:
    resource_change = change["ResourceChange"]
    return bool(resource_change["Action"] == "Add" or resource_change.get("Replacement") == "True")


def _target(resource: Resource, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    recreates = name in schemas.create_only(resource.type)
    before, after = resource.properties.get(name), wanted.get(name)
    kind = "Add" if before is None else "Remove" if after is None else "Modify"
    values = {
        key: value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in (("BeforeValue", before), ("AfterValue", after))
        if value is not None
    }
    return {
        **({"Attribute": TAGS} if name == TAGS else {"Attribute": "Properties", "Name": name}),
        "RequiresRecreation": "Always" if recreates else "Never",
        "Path": f"/Properties/{name}",
        "AttributeChangeType": kind,
        **values,
    }
