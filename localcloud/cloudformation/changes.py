"""Computes the changes that deploying a template would make, and their causes: the contents of a change set.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.cloudformation import schemas
from localcloud.cloudformation.errors import ResourceFailed, ValidationError
from localcloud.cloudformation.resolved_template import ResolvedTemplate
from localcloud.cloudformation.resources.provider import Provider
from localcloud.cloudformation.stacks import Resource, Stack
from localcloud.cloudformation.template_references import read_attributes, referred_names

Change = dict[str, Any]
Detail = dict[str, Any]
TAGS = "Tags"
VALUES = {"AfterValue", "AttributeChangeType", "BeforeValue", "Path"}
CONTEXTS = {"AfterContext", "BeforeContext"}
DIRECTLY = "DirectModification"
RESOURCE_CAUSES = {"ResourceAttribute", "ResourceReference"}


def planned(resolved: ResolvedTemplate, expected: dict[str, Resource], stack: Stack) -> list[Change]:
    """Returns the changes in the form and order of DescribeChangeSet, with the values of properties.

    `expected` is the mapping of resources that `resolved` reads. Resources that will be replaced are removed
    from it, so that the resources that refer to them count as changed too. Raises ValidationError for a
    property of a wrong type.
    """
    plan = _Plan(resolved, stack)
    for logical_id in resolved.order:
        plan.add(logical_id, expected)
    removed = [
        plan.removal(resource)
        for name, resource in stack.resources.items()
        if name not in resolved and resource.physical
    ]
    changes = [*plan.changes.values(), *removed]
    return sorted(changes, key=lambda change: str(change["ResourceChange"]["LogicalResourceId"]))


def anything(changes: list[Change], resolved: ResolvedTemplate, stack: Stack) -> bool:
    """Whether a deployment would change any resource or output."""
    return bool(changes) or resolved.outputs() != stack.outputs


def types(changes: list[Change]) -> set[str]:
    """The types of the resources that are changed."""
    return {one["ResourceChange"]["ResourceType"] for one in changes}


def without_values(change: Change) -> Change:
    """The change as shown to those who do not ask for the values of properties.

    As recorded on AWS, it then lacks the direct modifications of properties that resources cause to change,
    and tells of the others last.
    """
    shown = {name: value for name, value in change["ResourceChange"].items() if name not in CONTEXTS}

    def changed_by(sources: set[str]) -> set[tuple[str, str | None]]:
        return {_place(one) for one in shown["Details"] if one["ChangeSource"] in sources}

    left_out = changed_by(RESOURCE_CAUSES) - changed_by({"ParameterReference"})
    shown["Details"] = [
        {**detail, "Target": {key: value for key, value in detail["Target"].items() if key not in VALUES}}
        for detail in shown["Details"]
        if detail["ChangeSource"] != DIRECTLY or _place(detail) not in left_out
    ]
    shown["Details"].sort(key=lambda detail: detail["ChangeSource"] == DIRECTLY)
    return {**change, "ResourceChange": shown}


def is_possible_only(change: Change) -> bool:
    """Whether a resource changes only if attributes of others do, which is known on execution.

    As recorded on AWS, such changes are not shown together with the values of properties.
    """
    details = change["ResourceChange"]["Details"]
    return bool(details) and all(
        (one["ChangeSource"], one["Evaluation"]) == ("ResourceAttribute", "Dynamic") for one in details
    )


class _Plan:
    """The changes of one deployment, by logical id in the order of their making."""

    def __init__(self, resolved: ResolvedTemplate, stack: Stack):
        self.changes: dict[str, Change] = {}
        self._resolved = resolved
        self._new = resolved.source
        self._old = stack.source or resolved.source
        self._parameters = {**self._new.parameters, **self._new.stored}
        self._old_parameters = {**self._old.parameters, **self._old.stored}

    def add(self, logical_id: str, expected: dict[str, Resource]) -> None:
        """Adds the change of a resource, if it changes; removes it from `expected` if it is replaced."""
        provider, resource = self._resolved.provider(logical_id), expected.get(logical_id)
        try:
            wanted = self._resolved.properties(logical_id)
        except ResourceFailed as wrong:
            raise ValidationError(f"Resource {logical_id} ({provider.type}): {wrong}") from wrong
        if resource is None or not resource.physical:
            after = self._new.show({"Properties": wanted})
            self.changes[logical_id] = _change("Add", logical_id, provider.type, AfterContext=after)
            return
        names = {
            name
            for name in {*wanted, *resource.properties}
            if wanted.get(name) != resource.properties.get(name)
        }
        create_only = schemas.create_only(provider.type)
        is_replaced = provider.type != resource.type or bool(names & create_only)
        others = [*self._metadata(resource), *self._stack_tags(provider)]
        details = [one for name in sorted(names) for one in self._details(resource, name, wanted)]
        dynamic = [
            one for name in sorted(set(wanted) - names) for one in self._dynamic(resource, name, wanted)
        ]
        touched = names | {one["Target"]["Name"] for one in dynamic}
        if is_replaced:
            expected.pop(logical_id)
        if is_replaced or touched or others:
            replacement = "True" if is_replaced else "Conditional" if touched & create_only else "False"
            self.changes[logical_id] = self._modification(
                provider.type, resource, wanted, [*others, *details, *dynamic], replacement
            )

    def removal(self, resource: Resource) -> Change:
        """The change of a resource that the template no longer has."""
        return _change(
            "Remove",
            resource.logical_id,
            resource.type,
            PhysicalResourceId=resource.physical_id,
            PolicyAction="Delete" if resource.deletion_policy == "Delete" else "Retain",
            BeforeContext=self._old.show({"Properties": resource.properties}),
        )

    def _modification(
        self,
        kind: str,
        resource: Resource,
        wanted: Mapping[str, Any],
        details: list[Detail],
        replacement: str,
    ) -> Change:
        policy = self._resolved.replace_policy(resource.logical_id)
        replacing = {"PolicyAction": "ReplaceAndDelete" if policy == "Delete" else "ReplaceAndRetain"}
        return _change(
            "Modify",
            resource.logical_id,
            kind,
            PhysicalResourceId=resource.physical_id,
            Replacement=replacement,
            Scope=sorted({detail["Target"]["Attribute"] for detail in details}),
            Details=details,
            BeforeContext=self._old.show({"Properties": resource.properties}),
            AfterContext=self._new.show({"Properties": wanted}),
            **(replacing if replacement == "True" else {}),
        )

    def _metadata(self, resource: Resource) -> Iterator[Detail]:
        """The change of a resource's Metadata, if it changes."""
        before, after = resource.metadata, self._resolved.metadata(resource.logical_id)
        if before != after:
            values = _values(self._old.masked(before), self._new.masked(after))
            target = {"Attribute": "Metadata", "RequiresRecreation": "Never", "Path": "/Metadata", **values}
            yield from self._reasons(target, self._resolved.expression(resource.logical_id, "Metadata"))

    def _stack_tags(self, provider: Provider) -> Iterator[Detail]:
        """The change of the stack's tags, if they change and the resource has them."""
        if self._new.tags != self._old.tags and TAGS in provider.supported:
            yield from self._reasons({"Attribute": TAGS, "RequiresRecreation": "Never"}, None)

    def _details(self, resource: Resource, name: str, wanted: Mapping[str, Any]) -> Iterator[Detail]:
        """Why a property changes."""
        expression = self._resolved.expression(resource.logical_id).get(name)
        yield from self._reasons(self._target(resource, name, wanted), expression)

    def _reasons(self, target: dict[str, Any], expression: Any) -> Iterator[Detail]:
        """The parameters and resources that an expression refers to, and the template itself."""
        causes = list(self._causes(expression))
        # Beside another cause, AWS tells of a direct modification as one that it will know on execution.
        evaluation = "Dynamic" if causes else "Static"
        yield {"Target": target, "Evaluation": evaluation, "ChangeSource": DIRECTLY}
        for source, entity in causes:
            cause = {"ChangeSource": source, "CausingEntity": entity}
            yield {"Target": target, "Evaluation": "Static", **cause}

    def _dynamic(self, resource: Resource, name: str, wanted: Mapping[str, Any]) -> Iterator[Detail]:
        """Why a property may change: it reads attributes of resources that are changed in place."""
        expression = self._resolved.expression(resource.logical_id).get(name)
        for logical_id, attribute in sorted(read_attributes(expression, set(self._parameters))):
            if logical_id in self.changes:
                cause = {"ChangeSource": "ResourceAttribute", "CausingEntity": f"{logical_id}.{attribute}"}
                yield {"Target": self._target(resource, name, wanted), "Evaluation": "Dynamic", **cause}

    def _causes(self, expression: Any) -> Iterator[tuple[str, str]]:
        for name in sorted(referred_names(expression)):
            if name in self._parameters and self._old_parameters.get(name) != self._parameters[name]:
                yield "ParameterReference", name
            elif name in self.changes and _gets_another_id(self.changes[name]):
                yield "ResourceReference", name
        for logical_id, attribute in sorted(read_attributes(expression, set(self._parameters))):
            if logical_id in self.changes:
                yield "ResourceAttribute", f"{logical_id}.{attribute}"

    def _target(self, resource: Resource, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        before, after = resource.properties.get(name), wanted.get(name)
        return {
            "Attribute": "Properties",
            "Name": name,
            "RequiresRecreation": "Always" if name in schemas.create_only(resource.type) else "Never",
            "Path": f"/Properties/{name}",
            **_values(self._old.masked(before), self._new.masked(after)),
        }


def _values(before: Any, after: Any) -> dict[str, str]:
    """How something changes, None meaning that it is absent, and from which value to which."""
    values = {
        key: value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in (("BeforeValue", before), ("AfterValue", after))
        if value is not None
    }
    kind = "Add" if before is None else "Remove" if after is None else "Modify"
    return {"AttributeChangeType": kind, **values}


def _change(action: str, logical_id: str, kind: str, **members: Any) -> Change:
    change = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind}
    return {"Type": "Resource", "ResourceChange": {**change, "Scope": [], "Details": [], **members}}


def _place(detail: Detail) -> tuple[str, str | None]:
    """The attribute that a detail is about, and the property if there is one."""
    target: Mapping[str, str] = detail["Target"]
    return target["Attribute"], target.get("Name")


def _gets_another_id(change: Change) -> bool:
    of_resource = change["ResourceChange"]
    return bool(of_resource["Action"] == "Add" or of_resource.get("Replacement") == "True")
