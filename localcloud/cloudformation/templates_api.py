"""The operations on templates: GetTemplate, GetTemplateSummary and ValidateTemplate."""

import json
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation import requests, schemas, transform
from localcloud.cloudformation import template as templates
from localcloud.cloudformation.errors import ValidationError
from localcloud.cloudformation.resources import PROVIDERS
from localcloud.cloudformation.stacks import FAILED_CHANGE_SET_STACK, Source, Stacks
from localcloud.cloudformation.template_references import check_references, check_types


class TemplateOperations:
    """A mixin of CloudFormationService."""

    cloud: Cloud
    stacks: Stacks

    def get_template(
        self,
        StackName: str | None = None,
        ChangeSetName: str | None = None,
        TemplateStage: str | None = None,
    ) -> dict[str, Any]:
        if ChangeSetName:
            if StackName is None and not ChangeSetName.startswith("arn:"):
                raise ValidationError("StackName is a required parameter.")
            source: Source | None = self.stacks.find_change_set(ChangeSetName, StackName)[1].source
        elif StackName:
            source = self.stacks.get(StackName).source
        else:
            raise ValidationError("StackName or ChangeSetName must be specified.")
        body = ""
        if source:
            is_processed = TemplateStage == "Processed" and transform.declared(source.template)
            body = json.dumps(source.expanded, default=str) if is_processed else source.body
        return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, StackName: str | None = None, **request: Any) -> dict[str, Any]:
        if StackName:
            stack = self.stacks.get(StackName)
            if stack.status == FAILED_CHANGE_SET_STACK:
                raise ValidationError(
                    f"GetTemplateSummary cannot be called on {FAILED_CHANGE_SET_STACK} stacks."
                )
            template = stack.deployed_source.template
        else:
            template = templates.load(requests.template_body(self.cloud, request, None))
        return {
            "Parameters": [
                {
                    "ParameterKey": name,
                    "DefaultValue": _shown(spec.get("Default")),
                    "ParameterType": spec.get("Type", "String"),
                    "NoEcho": str(spec.get("NoEcho", False)).lower() == "true",
                    "Description": spec.get("Description"),
                    "ParameterConstraints": {
                        "AllowedValues": [_shown(value) for value in spec.get("AllowedValues", [])]
                    },
                }
                for name, spec in (template.get("Parameters") or {}).items()
            ],
            "Description": template.get("Description"),
            **_capabilities(template),
            "ResourceTypes": sorted({one["Type"] for one in template["Resources"].values()}),
            "Version": template.get("AWSTemplateFormatVersion"),
            "Metadata": json.dumps(template["Metadata"]) if "Metadata" in template else None,
            "DeclaredTransforms": transform.declared(template) or None,
            "ResourceIdentifierSummaries": _identifiers(template),
        }

    def validate_template(self, **request: Any) -> dict[str, Any]:
        template = templates.load(requests.template_body(self.cloud, request, None))
        check_types(template)
        if not transform.declared(template):  # transforms add resources that a template may refer to
            check_references(template)
        return {
            "Parameters": [
                {
                    "ParameterKey": name,
                    "DefaultValue": _shown(spec.get("Default")),
                    "NoEcho": str(spec.get("NoEcho", False)).lower() == "true",
                    "Description": spec.get("Description"),
                }
                for name, spec in (template.get("Parameters") or {}).items()
            ],
            "Description": template.get("Description"),
            **_capabilities(template),
            "DeclaredTransforms": transform.declared(template) or None,
        }


def _capabilities(template: Mapping[str, Any]) -> dict[str, Any]:
    """The capabilities that a template needs, and why. Transforms may create roles, so need those too."""
    needed, types = requests.required_capabilities(template), requests.iam_types(template)
    if transform.declared(template):
        needed = [*(needed or ["CAPABILITY_IAM"]), "CAPABILITY_AUTO_EXPAND"]
    reason = f"The following resource(s) require capabilities: [{', '.join(types)}]" if types else None
    return {"Capabilities": needed or None, "CapabilitiesReason": reason}


def _shown(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


def _identifiers(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources of each type, and what identifies them for an import."""
    named: dict[str, list[str]] = {}
    for logical_id, resource in template["Resources"].items():
        named.setdefault(resource["Type"], []).append(logical_id)
    return [
        {
            "ResourceType": kind,
            "LogicalResourceIds": sorted(named[kind]),
            "ResourceIdentifiers": (schemas.import_identifiers(kind) if kind in PROVIDERS else []) or None,
        }
        for kind in sorted(named)
    ]
