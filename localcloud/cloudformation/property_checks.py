"""Checks the properties of resources by AWS's schemas: names, types, enumerations, patterns, ranges.

cfn-lint's validator knows the keywords that its schemas add to those of JSON Schema. Values that are known
only after the deployment, and references to secrets, are not checked.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.cloudformation import schemas
from localcloud.cloudformation.intrinsics import has_unknown, is_unknown
from localcloud.resource_schemas import schema_of

OF_ONE_VALUE = {
    "additionalProperties",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxLength",
    "maximum",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
    "type",
}
"""Keywords that a value fails whatever its siblings are."""
OF_WHOLES = {"allOf", "anyOf", "contains", "if", "not", "oneOf", "uniqueItems"}
"""Keywords that a value which is not known yet may decide."""
COMPARISONS = {
    "maximum": "not less or equal to",
    "minimum": "not greater or equal to",
    "exclusiveMaximum": "not less than",
    "exclusiveMinimum": "not greater than",
}


def problems(resource_type: str, properties: Mapping[str, Any], *, one_value_only: bool = False) -> list[str]:
    """The problems of the properties, in CloudFormation's words, with paths.

    With `one_value_only`, only problems that do not depend on other properties: the properties are branches
    of conditions, which need not apply together. Raises ResourceFailed for a scalar of a wrong type.
    """
    errors = _validator(resource_type).iter_errors(schemas.typed(resource_type, properties))
    return [
        message
        for error in errors
        if not (one_value_only and error.validator not in OF_ONE_VALUE)
        for message in _messages(error)
    ]


@functools.cache
def _validator(resource_type: str) -> Any:
    from cfnlint.jsonschema import StandardValidator

    return StandardValidator(schema_of(resource_type))


def _messages(error: Any) -> Iterator[str]:
    """CloudFormation's messages for an error of cfn-lint's validator; none if it is about unknown values."""
    keyword, value, limit = error.validator, error.instance, error.validator_value
    if is_unknown(value) or (keyword in OF_WHOLES and has_unknown(value)):
        return
    place = "".join(f"/{step}" for step in error.path)
    if keyword == "additionalProperties":
        yield f"Encountered unsupported property {place.lstrip('/')}"
    elif keyword == "required":
        missing = next(name for name in limit if name not in value and repr(name) in error.message)
        yield f"#{place}: required key [{missing}] not found"
    elif keyword in ("enum", "const"):
        yield f"#{place}: {value} is not a valid enum value"
    elif keyword == "pattern":
        yield f"#{place}: failed validation constraint for keyword [pattern]: {error.message}"
    elif keyword in COMPARISONS:
        yield f"#{place}: {value} is {COMPARISONS[keyword]} {limit}"
    elif keyword in ("minLength", "maxLength"):
        yield f"#{place}: expected {keyword}: {limit}, actual: {len(value)}"
    elif keyword in ("minItems", "maxItems"):
        yield f"#{place}: expected {keyword} item count: {limit}, found: {len(value)}"
    elif keyword == "type":
        yield f"#{place}: {schemas.unexpected(limit, value)}"
    else:
        yield f"#{place}: failed validation constraint for keyword [{keyword}]: {error.message}"
