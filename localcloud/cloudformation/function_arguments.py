"""Checks the arguments of intrinsic functions, as they are written in a template.

The messages are CloudFormation's, as reported by users and as copied by Eucalyptus's clone
(https://github.com/eucalyptus/eucalyptus, IntrinsicFunctions.java).
"""

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.cloudformation.errors import ValidationError

EVERY_BOOLEAN = (
    "Template error: every {} object requires a list of at least 2 and at most 10 boolean parameters."
)
WORDS: Mapping[str, str] = {
    "Fn::And": EVERY_BOOLEAN.format("Fn::And"),
    "Fn::Base64": "Template error: every Fn::Base64 object must have a String-typed value.",
    "Fn::Equals": "Template error: every Fn::Equals object requires a list of 2 string parameters.",
    "Fn::FindInMap": "Template error: every Fn::FindInMap object requires three parameters, the map name, "
    "map key and the attribute for return value",
    "Fn::GetAZs": "Template error: every Fn::GetAZs object must have a String-typed value.",
    "Fn::If": "Template error: Fn::If requires a list argument with three elements",
    "Fn::ImportValue": "Template error: the attribute in Fn::ImportValue must be a string or a function that "
    "returns a string",
    "Fn::Join": "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and "
    "(2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to "
    "be joined.",
    "Fn::Not": "Template error: every Fn::Not object requires a list with exactly 1 boolean parameter.",
    "Fn::Or": EVERY_BOOLEAN.format("Fn::Or"),
    "Fn::Select": "Template error: Fn::Select requires a list argument with two elements: an integer index "
    "and a list",
    "Fn::Split": "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and "
    "(2) a string to be split or a function that returns a string to be split.",
}
"""CloudFormation's messages about invalid arguments, by function."""
CONDITIONS = frozenset({"Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"})
"""The functions that a condition may consist of."""


def check_argument(function: str, argument: Any) -> None:
    """Raises ValidationError for an argument of a form that the function does not accept."""
    if (takes := FORMS.get(function)) and not takes(argument):
        raise ValidationError(WORDS[function])


def is_function(value: Any) -> bool:
    """Whether a value of a template is a function, which stands for another value."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name = next(iter(value))
    return name in ("Condition", "Ref") or str(name).startswith("Fn::")


def _is_text(value: Any) -> bool:
    """Numbers and booleans are texts to CloudFormation."""
    return not isinstance(value, list | dict) or is_function(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) or is_function(value)


def _is_index(value: Any) -> bool:
    return is_function(value) or (not isinstance(value, bool) and str(value).lstrip("-").isdecimal())


def _is_boolean(value: Any) -> bool:
    return is_function(value) and next(iter(value)) in CONDITIONS


def _two(argument: Any) -> bool:
    return isinstance(argument, list) and len(argument) == 2


def _several_booleans(argument: Any) -> bool:
    return isinstance(argument, list) and 2 <= len(argument) <= 10 and all(map(_is_boolean, argument))


FORMS: Mapping[str, Callable[[Any], bool]] = {
    "Fn::And": _several_booleans,
    "Fn::Base64": _is_text,
    "Fn::Equals": _two,
    "Fn::FindInMap": lambda argument: (
        isinstance(argument, list) and len(argument) == 3 and all(map(_is_text, argument))
    ),
    "Fn::GetAZs": _is_text,
    "Fn::If": lambda argument: (
        isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str)
    ),
    "Fn::ImportValue": _is_text,
    "Fn::Join": lambda argument: _two(argument) and isinstance(argument[0], str) and _is_list(argument[1]),
    "Fn::Not": lambda argument: (
        isinstance(argument, list) and len(argument) == 1 and _is_boolean(argument[0])
    ),
    "Fn::Or": _several_booleans,
    "Fn::Select": lambda argument: _two(argument) and _is_index(argument[0]) and _is_list(argument[1]),
    "Fn::Split": lambda argument: _two(argument) and isinstance(argument[0], str) and _is_text(argument[1]),
}
