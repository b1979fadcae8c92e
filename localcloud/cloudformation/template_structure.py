"""Checks the structure of a template, before anything is evaluated. The messages are CloudFormation's."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.cloudformation.errors import ValidationError
from localcloud.cloudformation.resources import PROVIDERS

FORMAT_VERSION = "2010-09-09"
MAPPINGS = ("Resources", "Conditions", "Mappings", "Outputs", "Parameters")
"""The sections that are mappings of names to objects, in the order of their checks."""
UNSUPPORTED_ATTRIBUTES = {"CreationPolicy", "UpdatePolicy"}
"""Attributes of resources that belong to types which localcloud does not have."""
ATTRIBUTES = {
    "Condition",
    "Connectors",
    "DeletionPolicy",
    "DependsOn",
    "IgnoreGlobals",
    "Metadata",
    "Properties",
    "Type",
    "UpdateReplacePolicy",
}
OUTPUT_KEYS = {"Condition", "Description", "Export", "Value"}
PARAMETER_KEYS = {
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
}
_OF_RESOURCES = (
    r"(AWS::EC2::(AvailabilityZone::Name|Image::Id|Instance::Id|KeyPair::KeyName|SecurityGroup::GroupName|"
    r"SecurityGroup::Id|Subnet::Id|VPC::Id|Volume::Id)|AWS::Route53::HostedZone::Id)"
)
TYPE_OF_RESOURCES = re.compile(_OF_RESOURCES)
"""Matches types whose values name existing resources, each of a kind that localcloud does not have."""
PARAMETER_TYPE = re.compile(
    rf"String|Number|CommaDelimitedList|List<(String|Number|{_OF_RESOURCES})>|{_OF_RESOURCES}|"
    r"AWS::SSM::Parameter::Name|"
    rf"AWS::SSM::Parameter::Value<(String|CommaDelimitedList|List<String>|{_OF_RESOURCES}|List<{_OF_RESOURCES}>)>"
)
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html"""
EXPORT_NAME = re.compile(r"[A-Za-z0-9:-]+")
VALUE_OF_OUTPUT = "Template format error: The Value field of every Outputs member must evaluate to a String"
MAX_DESCRIPTION_BYTES = 1024
MAX_VALUE_BYTES = 4096
"""The maximum size of a parameter's value."""
MAX_MEMBERS = {"Mappings": 200, "Outputs": 200, "Parameters": 200, "Resources": 500}
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
DELETION_POLICIES = {"Delete", "Retain", "RetainExceptOnCreate", "Snapshot"}
UPDATE_REPLACE_POLICIES = {"Delete", "Retain", "Snapshot"}


def check_structure(template: Mapping[str, Any]) -> None:
    """Raises ValidationError for sections, resources, parameters and outputs of a wrong form."""
    version = template.get("AWSTemplateFormatVersion", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise ValidationError(
            f"Template format error: {version} is not a supported value for AWSTemplateFormatVersion."
        )
    for section in MAPPINGS:
        if not isinstance(template.get(section), dict | None):
            raise ValidationError(f"Template format error: Any {section} member must be an object.")
    checked = {name: template[name] for name in (*MAPPINGS, "Description") if name in template}
    if path := next(_nulls(checked, ""), None):
        raise ValidationError(f"[{path}] 'null' values are not allowed in templates")
    _check_texts(template, "Description")
    if len(str(template.get("Description", "")).encode()) > MAX_DESCRIPTION_BYTES:
        raise ValidationError(
            f"Template format error: 'Description' length is greater than {MAX_DESCRIPTION_BYTES}."
        )
    for section, limit in MAX_MEMBERS.items():
        if (number := len(template.get(section) or {})) > limit:
            raise ValidationError(
                f"Template format error: Number of {section.lower()}, {number}, is greater than maximum "
                f"allowed, {limit}"
            )
    _check_resources(template.get("Resources") or {})
    _check_parameters(template.get("Parameters") or {})
    _check_mappings(template.get("Mappings") or {})
    _check_outputs(template.get("Outputs") or {})
    if twice := sorted(set(template["Resources"]) & set(template.get("Parameters") or {})):
        raise ValidationError(f"Template format error: {twice} name both a parameter and a resource.")


def _check_resources(resources: Mapping[str, Any]) -> None:
    if not resources:
        raise ValidationError("Template format error: At least one Resources member must be defined.")
    for logical_id, resource in resources.items():
        _check_name("Resource name", logical_id)
        if not isinstance(resource, dict):
            raise ValidationError("Template format error: Any Resources member must be an object.")
        if not isinstance(resource.get("Type"), str):
            raise ValidationError(
                f"Template format error: [/Resources/{logical_id}] "
                "Every Resources object must contain a Type member."
            )
        for name in sorted(set(resource) - ATTRIBUTES, key=str):
            if name in UNSUPPORTED_ATTRIBUTES:
                raise ValidationError(f"localcloud does not support {name} of resource {logical_id}.")
            raise ValidationError(f"Invalid template resource property '{name}'")
        properties = resource.get("Properties")
        if not isinstance(properties, dict | None) or _is_function(properties or {}):
            raise ValidationError(
                f"Template format error: [/Resources/{logical_id}/Properties] must be an object."
            )
        if not isinstance(resource.get("Metadata"), dict | None):
            raise ValidationError("Template format error: Any Metadata member must be an object.")
        depends_on = resource.get("DependsOn", [])
        if not all(isinstance(name, str) for name in _as_list(depends_on)):
            raise ValidationError("Template format error: Every DependsOn value must be a string.")
        _check_texts(resource, "Condition")
        _check_policy(logical_id, resource, "DeletionPolicy", DELETION_POLICIES)
        _check_policy(logical_id, resource, "UpdateReplacePolicy", UPDATE_REPLACE_POLICIES)


def _check_policy(logical_id: str, resource: Mapping[str, Any], name: str, policies: set[str]) -> None:
    policy = resource.get(name, "Delete")
    if not isinstance(policy, str):
        raise ValidationError(f"Template format error: Every {name} member must be a string.")
    if policy not in policies:
        raise ValidationError(
            f"Template format error: Unrecognized {name} {policy} for resource {logical_id}"
        )
    if policy == "Snapshot" and resource["Type"] in PROVIDERS:  # none of them has snapshots
        raise ValidationError(
            f"Template error: resource type {resource['Type']} does not support {name} Snapshot"
        )


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    for name, spec in parameters.items():
        _check_name("Parameter name", name)
        if not isinstance(spec, dict):
            raise ValidationError("Template format error: Any Parameters member must be an object.")
        if not isinstance(spec.get("Type"), str):
            raise ValidationError(
                "Template format error: Every Parameters object must contain a Type member."
            )
        if not PARAMETER_TYPE.fullmatch(spec["Type"]):
            raise ValidationError(f"Template format error: Unrecognized parameter type: {spec['Type']}")
        if unknown := sorted(set(spec) - PARAMETER_KEYS, key=str):
            raise ValidationError(f"Invalid template parameter property '{unknown[0]}'")
        _check_texts(spec, "AllowedPattern", "ConstraintDescription", "Description")
        if isinstance(spec.get("Default"), dict | list):
            raise ValidationError("Template format error: Every Default member must be a string.")
        if len(str(spec.get("Default", "")).encode()) > MAX_VALUE_BYTES:
            raise ValidationError(
                f"Template format error: the Default of parameter {name} is longer than {MAX_VALUE_BYTES} "
                "bytes."
            )
        if not isinstance(spec.get("AllowedValues", []), list):
            raise ValidationError("Template format error: Every AllowedValues member must be a list.")
        for limit in ("MinLength", "MaxLength", "MinValue", "MaxValue"):
            if limit in spec and not re.fullmatch(r"-?\d+(\.\d+)?", str(spec[limit])):
                raise ValidationError(f"Template format error: Every {limit} member must be a number.")


def _check_mappings(mappings: Mapping[str, Any]) -> None:
    """Raises ValidationError unless mappings have two levels of names, with texts or lists as values."""
    for name, mapping in mappings.items():
        _check_name("Mapping name", name)
        if not isinstance(mapping, dict):
            raise ValidationError("Template format error: Every Mappings member must be a map")
        for key, attributes in mapping.items():
            if not isinstance(attributes, dict):
                raise ValidationError(f"Template format error: Every Mappings member {key} must be a map")
            for value in attributes.values():
                if any(isinstance(one, dict | list) for one in _as_list(value)):
                    raise ValidationError(
                        "Template format error: Every Mappings attribute must be a String or a List."
                    )


def _check_outputs(outputs: Mapping[str, Any]) -> None:
    for name, output in outputs.items():
        _check_name("Output name", name)
        if not isinstance(output, dict) or "Value" not in output:
            raise ValidationError("Template format error: Every Outputs member must contain a Value object")
        if unknown := sorted(set(output) - OUTPUT_KEYS, key=str):
            raise ValidationError(f"Invalid template output property '{unknown[0]}'")
        _check_texts(output, "Condition", "Description")
        value = output["Value"]
        if isinstance(value, list) or (isinstance(value, dict) and not _is_function(value)):
            kind = "List" if isinstance(value, list) else "Map"
            raise ValidationError(f"{VALUE_OF_OUTPUT} and not a {kind}.")
        export = output.get("Export", {"Name": name})
        if not isinstance(export, dict) or set(export) != {"Name"}:
            raise ValidationError(malformed_export(name))


def malformed_export(output: str) -> str:
    """CloudFormation's message for an output with an export that has no valid name."""
    return (
        f"Template format error: Output {output} is malformed. The Name field of every Export member must be "
        "specified and consist only of alphanumeric characters, colons, or hyphens."
    )


def _is_function(value: Mapping[Any, Any]) -> bool:
    name = str(next(iter(value), ""))
    return len(value) == 1 and (name == "Ref" or name.startswith("Fn::"))


def _check_texts(holder: Mapping[str, Any], *names: str) -> None:
    """Raises ValidationError for a member of these names that is no text. Functions are none either."""
    for name in names:
        if isinstance(holder.get(name), dict | list):
            raise ValidationError(f"Template format error: Every {name} member must be a string.")


def _check_name(kind: str, name: Any) -> None:
    if not re.fullmatch(r"[a-zA-Z0-9]{1,255}", str(name)):
        raise ValidationError(f"Template format error: {kind} {name} is non alphanumeric.")


def _nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for name, entry in value.items():
            if name != "Metadata":
                yield from _nulls(entry, f"{path}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, f"{path}/{index}")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
