"""A template that is ready to deploy: validated, its conditions evaluated, its resources in order."""

import json
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation import dynamic_references, property_checks, schemas
from localcloud.cloudformation.errors import ResourceFailed, ValidationError
from localcloud.cloudformation.intrinsics import NO_VALUE, UNKNOWN, Evaluator, is_unknown, references
from localcloud.cloudformation.resources import PROVIDERS
from localcloud.cloudformation.resources.provider import Provider
from localcloud.cloudformation.stacks import Resource, Source
from localcloud.cloudformation.template import effective_values
from localcloud.cloudformation.template_references import check_references, check_types, functions
from localcloud.cloudformation.template_structure import EXPORT_NAME, VALUE_OF_OUTPUT, malformed_export
from localcloud.protocol import ApiError


class ResolvedTemplate:
    """The desired state of one stack. Raises ValidationError for all errors that show without a deployment.

    Ref and Fn::GetAtt read `resources`, the resources that exist so far; it may change while deploying.
    """

    def __init__(
        self,
        cloud: Cloud,
        source: Source,
        stack_name: str,
        stack_id: str,
        resources: Mapping[str, Resource],
        imported: Callable[[str], str],
    ):
        self.template = source.expanded
        self.source = source
        self._cloud = cloud
        self._exported = imported
        self._imports: set[str] = set()
        self._resources = resources
        self._block = "Resources"
        """The block of the template that is evaluated."""
        self.evaluator = Evaluator(
            template=self.template,
            parameters=effective_values(self.template, source.parameters, source.stored),
            pseudo={
                "AWS::AccountId": cloud.account_id,
                "AWS::NotificationARNs": source.notification_arns,
                "AWS::Partition": "aws",
                "AWS::Region": cloud.region,
                "AWS::StackId": stack_id,
                "AWS::StackName": stack_name,
                "AWS::URLSuffix": "amazonaws.com",
            },
            ref=self._ref,
            attribute=self._attribute,
            imported=self._import,
        )
        check_types(self.template)
        check_references(self.template)
        for name in self.template.get("Conditions") or {}:
            self.evaluator.condition(name)
        self._wanted = {
            logical_id: resource
            for logical_id, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.evaluator.condition(resource["Condition"])
        }
        self._dependencies = {logical_id: self._needs(logical_id) for logical_id in self._wanted}
        self.order = self._ordered()
        self._check_resources()
        self._check_outputs()

    def __contains__(self, logical_id: str) -> bool:
        return logical_id in self._wanted

    def provider(self, logical_id: str) -> Provider:
        return PROVIDERS[self._wanted[logical_id]["Type"]]

    def depends_on(self, logical_id: str) -> frozenset[str]:
        return frozenset(self._dependencies[logical_id])

    def deletion_policy(self, logical_id: str) -> str:
        return str(self._wanted[logical_id].get("DeletionPolicy", "Delete"))

    def replace_policy(self, logical_id: str) -> str:
        return str(self._wanted[logical_id].get("UpdateReplacePolicy", "Delete"))

    def metadata(self, logical_id: str) -> Any:
        """Evaluates the Metadata of a resource, as `properties` does; None if it has none."""
        value = self.evaluator.value(self._wanted[logical_id].get("Metadata"))
        return None if value is NO_VALUE else value

    def properties(self, logical_id: str) -> dict[str, Any]:
        """Evaluates the properties of a resource with the resources that exist so far.

        Raises ResourceFailed for a value of a wrong type and ValidationError for an invalid function.
        """
        kind = self._wanted[logical_id]["Type"]
        properties = self.evaluator.value(self._wanted[logical_id].get("Properties") or {})
        dynamic_references.check(kind, properties)
        return schemas.typed(kind, self._with_parameters(properties))

    def _with_parameters(self, properties: dict[str, Any]) -> dict[str, Any]:
        ssm = self._cloud.client("ssm", self.source.role_arn)
        resolved: dict[str, Any] = dynamic_references.with_parameters(ssm, properties)
        return resolved

    def outputs(self) -> list[dict[str, Any]]:
        """Evaluates the outputs of the stack, in the form of DescribeStacks."""
        outputs = []
        self._block = "Outputs"
        for key, output in (self.template.get("Outputs") or {}).items():
            if "Condition" in output and not self.evaluator.condition(output["Condition"]):
                continue
            value = self.evaluator.value(output["Value"])
            if isinstance(value, list | dict) or value is NO_VALUE:
                raise ValidationError(f"{VALUE_OF_OUTPUT}.")
            entry = {"OutputKey": key, "OutputValue": value if isinstance(value, str) else json.dumps(value)}
            if "Description" in output:
                entry["Description"] = output["Description"]
            if "Export" in output:
                entry["ExportName"] = self._export_name(key, output["Export"]["Name"])
            outputs.append(entry)
        return outputs

    def _export_name(self, key: str, written: Any) -> Any:
        name = self.evaluator.value(written)
        if UNKNOWN not in str(name) and not EXPORT_NAME.fullmatch(str(name)):
            raise ValidationError(malformed_export(key))
        return name

    @property
    def imports(self) -> frozenset[str]:
        """The names of the exports that have been imported so far."""
        return frozenset(self._imports)

    def types(self) -> set[str]:
        """The types of the resources."""
        return {resource["Type"] for resource in self._wanted.values()}

    def expression(self, logical_id: str, attribute: str = "Properties") -> Mapping[str, Any]:
        """The properties or the metadata of a resource as written."""
        written: Mapping[str, Any] = self._wanted[logical_id].get(attribute) or {}
        return written

    def _import(self, name: str) -> str:
        value = self._exported(name)
        self._imports.add(name)
        return value

    def _ref(self, logical_id: str) -> Any:
        if logical_id not in self._wanted:
            kind = "Template format error: " if self._block == "Resources" else ""
            raise ValidationError(
                f"{kind}Unresolved resource dependencies [{logical_id}] in the {self._block} block of the "
                "template"
            )
        resource = self._resources.get(logical_id)
        return resource.physical_id if resource and resource.physical else UNKNOWN

    def _attribute(self, logical_id: str, name: str) -> Any:
        if logical_id not in self._wanted:
            raise ValidationError(
                f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}"
            )
        if self._wanted[logical_id]["Type"] not in PROVIDERS:
            return UNKNOWN  # it will be refused
        if name not in self.provider(logical_id).attributes:  # the name may come from a function
            raise ValidationError(
                f"Template error: resource {logical_id} does not support attribute type {name} in Fn::GetAtt"
            )
        resource = self._resources.get(logical_id)
        return resource.physical.attributes[name] if resource and resource.physical else UNKNOWN

    def _needs(self, logical_id: str) -> set[str]:
        resource = self._wanted[logical_id]
        explicit = resource.get("DependsOn") or []
        named = set([explicit] if isinstance(explicit, str) else explicit)
        named |= references([resource.get("Properties"), resource.get("Metadata")], self.evaluator)
        return named & set(self._wanted)

    def _ordered(self) -> list[str]:
        try:
            return list(TopologicalSorter(self._dependencies).static_order())
        except CycleError as cycle:
            raise ValidationError(
                f"Circular dependency between resources: [{', '.join(dict.fromkeys(cycle.args[1]))}]"
            ) from cycle

    def _check_resources(self) -> None:
        """Raises ValidationError for all that is unsupported or invalid, before any resource is created."""
        faults: list[str] = []
        for logical_id, resource in self._wanted.items():
            try:
                for fault in self._faults(logical_id, resource):
                    faults.append(fault)
            except ValidationError as invalid:
                faults.append(invalid.message)
        if faults := list(dict.fromkeys(faults)):
            separate = [fault.rstrip(".") for fault in faults[:-1]]
            raise ValidationError("; ".join([*separate, faults[-1]]))
        for logical_id, resource in self.template["Resources"].items():
            if resource["Type"] in PROVIDERS:
                self._check_branches(logical_id, resource)

    def _faults(self, logical_id: str, resource: Mapping[str, Any]) -> Iterator[str]:
        """What is unsupported or invalid in a resource; some of it raises ValidationError."""
        kind = resource["Type"]
        if kind not in PROVIDERS:
            yield f"localcloud does not support the resource type {kind} (resource {logical_id})."
            return
        self.metadata(logical_id)
        properties = self.evaluator.value(resource.get("Properties") or {})
        dynamic_references.check(kind, properties)
        properties = self._with_parameters(properties)
        self._refuse_problems(logical_id, kind, properties)
        if fixed := sorted(set(properties) & schemas.read_only(kind)):
            raise ValidationError(
                f"Resource {logical_id} ({kind}): read-only properties {fixed} cannot be set"
            )
        if unsupported := sorted(set(properties) - PROVIDERS[kind].supported):
            named = f"{unsupported} of {kind} (resource {logical_id})"
            yield f"localcloud does not support the properties {named}."
        supported = {name: value for name, value in properties.items() if name not in unsupported}
        try:
            PROVIDERS[kind].check(self._cloud, schemas.typed(kind, supported))
        except (ApiError, ResourceFailed) as refused:
            if not is_unknown(str(refused)):
                yield f"Resource {logical_id} ({kind}): {refused}"

    def _check_branches(self, logical_id: str, resource: Mapping[str, Any]) -> None:
        """Raises ValidationError for invalid values in branches of conditions, one condition at a time."""
        written = resource.get("Properties") or {}
        names = {argument[0] for function, argument in functions(written) if function == "Fn::If"}
        for conditions in [{}, *({name: holds} for name in sorted(names) for holds in (True, False))]:
            try:
                properties = self.evaluator.assuming(conditions).value(written)
            except ValidationError:
                continue  # a mapping may lack the key of a branch that does not apply, for example
            self._refuse_problems(logical_id, resource["Type"], properties, one_value_only=True)

    def _refuse_problems(
        self, logical_id: str, kind: str, properties: dict[str, Any], *, one_value_only: bool = False
    ) -> None:
        try:
            found = property_checks.problems(kind, properties, one_value_only=one_value_only)
        except ResourceFailed as wrong:
            found = [str(wrong)]
        if found:
            raise ValidationError(
                f"Properties validation failed for resource {logical_id} ({kind}) with message: "
                f"[{', '.join(found)}]"
            )

    def _check_outputs(self) -> None:
        self.outputs()
