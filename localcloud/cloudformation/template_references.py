"""Checks a template's types and functions, and the names that they refer to, before anything is evaluated.

As on AWS, all branches of conditions are checked, whether they apply or not. The messages are
CloudFormation's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcloud.cloudformation import schemas, transform
from localcloud.cloudformation.errors import ValidationError
from localcloud.cloudformation.function_arguments import CONDITIONS, check_argument, is_function
from localcloud.cloudformation.intrinsics import VARIABLE, divide_behind_variables, find_mapping
from localcloud.cloudformation.resources import PROVIDERS

FUNCTIONS = {
    "Fn::And",
    "Fn::Base64",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Ref",
}
FUNCTIONS_OF_AWS = (
    "Fn::Base64",
    "Fn::GetAtt",
    "Fn::GetAZs",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Split",
    "Fn::FindInMap",
    "Fn::Select",
    "Ref",
    "Fn::Equals",
    "Fn::If",
    "Fn::Not",
    "Condition",
    "Fn::And",
    "Fn::Or",
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
    "Fn::RefAll",
    "Fn::Sub",
    "Fn::Cidr",
)
"""Those that CloudFormation lists, in its order, when it does not know a function."""
PSEUDO_PARAMETERS = {
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
}
VARIABLE_NAME = re.compile(r"[\w.:]+")


def check_types(template: Mapping[str, Any]) -> None:
    """Raises ValidationError for types of resources that CloudFormation does not know.

    SAM's are known where its transform is declared.
    """
    types = {resource["Type"] for resource in template["Resources"].values()} - set(PROVIDERS)
    is_sam = transform.SAM in transform.declared(template)
    unknown = [
        one
        for one in sorted(types)
        if not (is_sam if one.startswith(transform.TYPES) else schemas.knows(one))
    ]
    if unknown:
        raise ValidationError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")


def check_references(template: Mapping[str, Any]) -> None:
    """Raises ValidationError for functions that refer to names which the template does not have."""
    known = PSEUDO_PARAMETERS | set(template.get("Parameters") or {})
    resources, conditions = template["Resources"], template.get("Conditions") or {}
    for name, condition in conditions.items():
        _check_condition(name, condition)
        for function, argument in functions(condition):
            _check_known(function)
            if function == "Fn::ImportValue":  # https://github.com/aws/aws-cdk/issues/32238
                raise ValidationError("Template error: Cannot use Fn::ImportValue in Conditions.")
            check_argument(function, argument)
            _check_mapping(function, argument, template)
    attributes = {logical_id for logical_id, _ in read_attributes(conditions, known)}
    if others := attributes.union(_unresolved(conditions, known)):
        raise ValidationError(
            f"Template format error: Unresolved dependencies [{', '.join(sorted(others))}]. Cannot reference "
            "resources in the Conditions block of the template"
        )
    blocks = {
        "Resources": [[one.get("Properties"), one.get("Metadata")] for one in resources.values()],
        "Outputs": list((template.get("Outputs") or {}).values()),
    }
    for block, expressions in blocks.items():
        missing = set(_unresolved(expressions, known | set(resources)))
        if block == "Resources":
            explicit = {name for one in resources.values() for name in _as_list(one.get("DependsOn", []))}
            missing |= explicit - set(resources)
        if missing:
            raise ValidationError(
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(missing))}] "
                f"in the {block} block of the template"
            )
        for name, argument in functions(expressions):
            _check_function(name, argument, template, known)
    for item in [*resources.values(), *blocks["Outputs"]]:
        if "Condition" in item and item["Condition"] not in conditions:
            raise ValidationError(
                f"Template format error: Unresolved condition dependency {item['Condition']} in the template"
            )


def _check_condition(name: str, condition: Any) -> None:
    if not is_function(condition) or next(iter(condition)) not in CONDITIONS:
        raise ValidationError(
            f"Template format error: Every Conditions member must be one of the condition functions "
            f"[{', '.join(sorted(CONDITIONS))}]; {name} is not."
        )


def _check_known(function: str) -> None:
    if function in FUNCTIONS:
        return
    if function in FUNCTIONS_OF_AWS:
        raise ValidationError(f"localcloud does not support the function {function}.")
    raise ValidationError(
        f"Template Error: Encountered unsupported function: {function} "
        f"Supported functions are: [{', '.join(FUNCTIONS_OF_AWS)}]"
    )


def _check_function(name: str, argument: Any, template: Mapping[str, Any], known: set[str]) -> None:
    _check_known(name)
    if name in CONDITIONS:
        raise ValidationError(f"Template error: {name} is allowed in the Conditions block only.")
    check_argument(name, argument)
    if name == "Fn::If" and argument[0] not in (template.get("Conditions") or {}):
        raise ValidationError(f"Template error: unresolved condition dependency {argument[0]} in Fn::If")
    for logical_id, attribute in _attributes(name, argument, known):
        _check_attribute(template["Resources"], logical_id, attribute)
    _check_mapping(name, argument, template)
    if name == "Fn::ImportValue":
        nested = list(functions(argument))
        depends_on = {one for item in nested for one in _names(*item)} & set(template["Resources"])
        if depends_on or {one for one, _ in nested} & {"Fn::ImportValue", "Fn::GetAZs"}:
            raise ValidationError(
                "Template error: the attribute in Fn::ImportValue must not depend on any resources, "
                "imported values, or Fn::GetAZs"
            )


def _check_mapping(function: str, argument: Any, template: Mapping[str, Any]) -> None:
    if function == "Fn::FindInMap" and not is_function(argument[0]):
        find_mapping(template, argument[0])


def _check_attribute(resources: Mapping[str, Any], logical_id: str, attribute: Any) -> None:
    if logical_id not in resources:
        raise ValidationError(
            f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}"
        )
    provider = PROVIDERS.get(resources[logical_id]["Type"])
    if provider and isinstance(attribute, str) and attribute not in provider.attributes:
        raise ValidationError(
            f"Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt"
        )


def functions(expression: Any) -> Iterator[tuple[str, Any]]:
    """Every function in an expression with its argument, in all branches of conditions."""
    if isinstance(expression, list):
        for item in expression:
            yield from functions(item)
    elif isinstance(expression, dict):
        for name, argument in expression.items():
            is_named = isinstance(name, str) and (name == "Ref" or name.lower().startswith("fn::"))
            if is_named and len(expression) == 1:
                yield name, argument
            yield from functions(argument)


def referred_names(expression: Any) -> set[str]:
    """The parameters and resources that Ref and Fn::Sub refer to in an expression, in all branches."""
    names = {
        name
        for function, argument in functions(expression)
        if function != "Fn::GetAtt"
        for name in _names(function, argument)
    }
    return {name for name in names if "." not in name}


def read_attributes(expression: Any, parameters: set[str]) -> set[tuple[str, str]]:
    """The resources and attributes that an expression reads, in all branches."""
    return {
        (logical_id, str(attribute))
        for function, argument in functions(expression)
        for logical_id, attribute in _attributes(function, argument, parameters)
    }


def _unresolved(expressions: Any, known: set[str]) -> list[str]:
    """The names in Ref and Fn::Sub that are not known, sorted."""
    return sorted(referred_names(expressions) - known)


def _names(function: str, argument: Any) -> set[str]:
    """The parameters, resources and attributes (`Resource.Name`) that a function itself refers to."""
    if function == "Ref":
        if not isinstance(argument, str):
            raise ValidationError("Template format error: Every Ref value must be a string.")
        return {argument}
    if function == "Fn::GetAtt":
        return {_target(argument)[0]}
    if function == "Fn::Sub":
        return _variables(argument)
    return set()


def _attributes(function: str, argument: Any, known: set[str]) -> Iterable[tuple[str, Any]]:
    """The resources and attributes that a function itself reads."""
    if function == "Fn::GetAtt":
        return [_target(argument)]
    if function == "Fn::Sub":
        return [(*name.split(".", 1),) for name in _variables(argument) - known if "." in name]  # type: ignore[misc]
    return []


def _target(argument: Any) -> tuple[str, Any]:
    """The logical id and the attribute of a Fn::GetAtt."""
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[0], str) or not parts[1]:
        raise ValidationError(
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name "
            "and the resource attribute"
        )
    return parts[0], parts[1]


def _variables(argument: Any) -> set[str]:
    """The names that a Fn::Sub takes from the template."""
    text, given = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    if not isinstance(text, str) or not isinstance(given, dict):
        raise ValidationError(
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. "
            "Specify a string as first argument, and an optional second argument to specify a mapping of "
            "values to replace in the string"
        )
    searched, unclosed = divide_behind_variables(text)
    names = {match[2].strip() for match in VARIABLE.finditer(searched) if not match[1]}
    rest = VARIABLE.sub("", searched) + unclosed
    if "${" in rest or not all(VARIABLE_NAME.fullmatch(name) for name in names):
        raise ValidationError(
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, "
            "underscores, periods, and colons"
        )
    return names - set(given)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
