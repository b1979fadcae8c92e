"""Reads templates and the parameter values that go with them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from localcloud.cloud import Cloud
from localcloud.cloudformation import dynamic_references, transform
from localcloud.cloudformation.errors import ValidationError
from localcloud.cloudformation.template_structure import MAX_VALUE_BYTES, TYPE_OF_RESOURCES, check_structure
from localcloud.numerals import number_of
from localcloud.untrusted import Pattern, PatternError, parse_json

SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
}
MAX_BODY_BYTES = 51_200
"""The maximum size of a template in the request itself."""
MAX_STORED_BYTES = 1_048_576
"""The maximum size of a template in S3 ("CloudFormation quotas")."""
SSM_NAME = "AWS::SSM::Parameter::Name"
SSM_VALUE = "AWS::SSM::Parameter::Value<"


def load(body: str) -> dict[str, Any]:
    """Parses a template in JSON or YAML and expands short forms such as !Ref. Raises ValidationError."""
    try:
        template = parse_json(body) if body.lstrip().startswith("{") else _read_yaml(body)
    except (ValueError, yaml.YAMLError) as broken:
        raise ValidationError(f"Template format error: {_what_is_broken(broken)}") from broken
    except RecursionError:
        raise ValidationError("Template format error: it is nested too deeply") from None
    if not isinstance(template, dict):
        raise ValidationError("Template format error: unsupported structure.")
    _check_sections(template)
    return template


def _what_is_broken(error: ValueError | yaml.YAMLError) -> str:
    """CloudFormation's message for text that is neither JSON nor YAML, including the parser's message."""
    if isinstance(error, json.JSONDecodeError):
        column = error.colno + (error.pos < len(error.doc))  # AWS's parser has read the wrong character
        return f"JSON not well-formed. (line {error.lineno}, column {column}): {error.msg}"
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        return f"YAML not well-formed. (line {mark.line + 1}, column {mark.column + 1}): {error.problem}"
    return " ".join(str(error).split())


def _check_sections(template: Mapping[str, Any]) -> None:
    if unknown := sorted(map(str, set(template) - SECTIONS)):
        raise ValidationError(f"Invalid template property or properties [{', '.join(unknown)}]")
    if template.get("Rules"):
        raise ValidationError("localcloud does not support the template section Rules.")
    transform.check(template)
    check_structure(template)


def _read_yaml(body: str) -> Any:
    # _Loader extends SafeLoader by CloudFormation's short forms.
    return yaml.load(body, _Loader)  # nosec B506


class _Loader(yaml.SafeLoader):
    """SafeLoader with CloudFormation's tags. Dates stay strings, and a duplicate key is an error."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the base class
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(
            yaml.AliasEvent
        ):  # a few lines of aliases can expand to more than fits into memory
            raise ValidationError("Template error: YAML aliases are not allowed in CloudFormation templates.")
        return super().compose_node(parent, index)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    pairs = [(loader.construct_object(key, deep=True), value) for key, value in node.value]
    result = {}
    for (key, value), (key_node, _) in zip(pairs, node.value, strict=True):
        if isinstance(key, dict | list):
            raise yaml.MarkedYAMLError(problem="found unhashable key", problem_mark=key_node.start_mark)
        if key in result:
            raise yaml.MarkedYAMLError(problem=f"duplicate key {key}", problem_mark=key_node.start_mark)
        result[key] = loader.construct_object(value, deep=True)
    return result


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = _mapping(loader, node)
    else:
        raise ValidationError(f"Template format error: !{suffix} has no value")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_multi_constructor("!", _short_form)


def parameter_values(
    cloud: Cloud, template: Mapping[str, Any], given: Sequence[Mapping[str, Any]], previous: Mapping[str, Any]
) -> dict[str, str]:
    """The value of every parameter: the given, the previous (with UsePreviousValue) or the default one.

    Raises ValidationError for unknown parameters, missing values and values that are not allowed.
    """
    declared = template.get("Parameters") or {}
    values = {name: str(_plain(spec["Default"])) for name, spec in declared.items() if "Default" in spec}
    names = [entry["ParameterKey"] for entry in given]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"Parameters: [{', '.join(repeated)}] are given more than once")
    unknown = sorted(set(names) - set(declared))
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    for entry in given:
        name = entry["ParameterKey"]
        if entry.get("UsePreviousValue"):
            if name not in previous:
                raise ValidationError(f"Invalid input for parameter key {name}. No previous value.")
            values[name] = previous[name]
        elif "ParameterValue" in entry:
            values[name] = entry["ParameterValue"]
    missing = sorted(set(declared) - set(values))
    for name in missing:
        if str(declared[name]["Type"]).startswith(SSM_VALUE):
            raise ValidationError(f"Parameter {name} should either have input value or default value")
    if missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    for name, spec in declared.items():
        if TYPE_OF_RESOURCES.search(spec["Type"]):
            raise ValidationError(
                f"localcloud does not support the type {spec['Type']} (parameter {name}): it has no such "
                "resources to check the value against."
            )
        _check_parameter(name, spec, values[name])
    return values


def stored_values(cloud: Cloud, template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """The values that parameters have in the Parameter Store, for those that refer to it.

    Raises ValidationError.
    """
    stored = {}
    for name, spec in (template.get("Parameters") or {}).items():
        kind, value = spec.get("Type", "String"), values[name]
        if kind == SSM_NAME and dynamic_references.find_parameter(cloud.client("ssm"), value) is None:
            raise _missing_in_store(value)
        if kind.startswith(SSM_VALUE):
            stored[name] = _stored(cloud, kind, value)
        elif dynamic_references.is_reference(value):
            if dynamic_references.has_parameter_without_version(value):
                raise ValidationError(
                    f"Template error: parameter {name} should not contain ssm versionless resolver"
                )
            stored[name] = dynamic_references.with_parameters(cloud.client("ssm"), value)
    return stored


def effective_values(
    template: Mapping[str, Any], values: Mapping[str, str], stored: Mapping[str, str]
) -> dict[str, str | list[str]]:
    """The values that `Ref` returns: those from the Parameter Store, and lists split."""
    effective: dict[str, str | list[str]] = {}
    for name, spec in (template.get("Parameters") or {}).items():
        value = stored.get(name, values[name])
        effective[name] = _items(value) if _is_list(spec.get("Type", "String")) else value
    return effective


def _is_list(kind: str) -> bool:
    kind = kind.removeprefix(SSM_VALUE)
    return kind.startswith(("CommaDelimitedList", "List<"))


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",")]


def _stored(cloud: Cloud, kind: str, path: str) -> str:
    parameter = dynamic_references.find_parameter(cloud.client("ssm"), path)
    if parameter is None:
        raise _missing_in_store(path)
    if parameter["Type"] == "SecureString":
        raise ValidationError(
            f"Parameters [{path}] referenced by template have types not supported by CloudFormation."
        )
    if _is_list(kind) != (parameter["Type"] == "StringList"):
        raise ValidationError(
            f"Types for SSM parameters [{path}] defined in CFN template and SSM are incompatible"
        )
    text: str = parameter["Value"]
    return ",".join(_items(text)) if _is_list(kind) else text


def _missing_in_store(path: str) -> ValidationError:
    return ValidationError(f"Unable to fetch parameters [{path}] from parameter store for this account.")


def _plain(value: Any) -> Any:
    """Writes YAML booleans as CloudFormation shows them."""
    return str(value).lower() if isinstance(value, bool) else value


def _allows(pattern: str, value: str) -> bool:
    try:
        return Pattern(pattern).matches_all_of(value)
    except PatternError as error:
        raise ValidationError(f"AllowedPattern {pattern}: {error}") from error


def _check_parameter(name: str, spec: Mapping[str, Any], value: str) -> None:
    """Raises ValidationError, with the ConstraintDescription if the parameter has one."""
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise ValidationError(f"Parameter '{name}' must contain at most {MAX_VALUE_BYTES} bytes")
    kind = spec.get("Type", "String")
    items = _items(value) if kind in ("CommaDelimitedList", "List<Number>") else [value]
    problem = next((found for item in items if (found := _problem(kind, spec, item))), None)
    if problem and (description := spec.get("ConstraintDescription")):
        raise ValidationError(f"Parameter {name} failed to satisfy constraint: {description}")
    if problem:
        raise ValidationError(f"Parameter '{name}' {problem}")


def _problem(kind: str, spec: Mapping[str, Any], value: str) -> str | None:
    """CloudFormation's message about an invalid value, or an invalid item of a list; None if it is valid."""
    allowed = [str(_plain(one)) for one in spec.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return "must be one of AllowedValues"
    if (pattern := spec.get("AllowedPattern")) and not _allows(str(pattern), value):
        return f"must match pattern {pattern}"
    if len(value) < int(spec.get("MinLength", 0)):
        return f"must contain at least {spec['MinLength']} characters"
    if len(value) > int(spec.get("MaxLength", len(value))):
        return f"must contain at most {spec['MaxLength']} characters"
    if kind not in ("Number", "List<Number>"):
        return None
    if (number := number_of(value)) is None:
        return "must be a number"
    if number < float(spec.get("MinValue", number)):
        return f"must be a number not less than {spec['MinValue']}"
    if number > float(spec.get("MaxValue", number)):
        return f"must be a number not greater than {spec['MaxValue']}"
    return None
