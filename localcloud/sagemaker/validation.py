"""Checks requests against AWS's own description of the API and against what localcloud really does."""

import functools
import re
from typing import Any

import botocore.session
from botocore.model import Shape

from localcloud.sagemaker.errors import ApiError

Supported = dict[str, Any]
"""The members of a structure that are supported; a nested structure's own members, or None for all of it."""

OFF = (None, False, "", [], {}, "None")
"""Values that ask for nothing, so an unsupported property may carry them."""


@functools.cache
def service_model() -> Any:
    return botocore.session.Session().get_service_model("sagemaker")


def validate(operation: str, request: dict) -> None:
    """Raises ApiError, worded as by AWS, for the first values that break the API's own constraints."""
    errors = list(_errors(service_model().operation_model(operation).input_shape, request, ""))
    if errors:
        detected = f"{len(errors)} validation error{'s' * (len(errors) > 1)} detected"
        raise ApiError(f"{detected}: {'; '.join(errors)}")


def require_supported(operation: str, request: dict, supported: Supported, path: str = "") -> None:
    """Raises ApiError naming the first property that localcloud would otherwise ignore silently."""
    for name, value in request.items():
        here = f"{path}{name}"
        if name not in supported:
            if value not in OFF:
                raise ApiError(
                    f"{operation}: localcloud does not support the property {here} (given: {value!r:.80})."
                )
            continue
        nested = supported[name]
        if nested is None:
            continue
        for index, element in enumerate(value if isinstance(value, list) else [value]):
            position = f"[{index}]" if isinstance(value, list) else ""
            require_supported(operation, element, nested, f"{here}{position}.")


def require_value(operation: str, path: str, value: Any, *allowed: Any) -> None:
    """Raises ApiError unless a property that is given has one of the values localcloud implements."""
    if value is not None and value not in allowed:
        choices = " or ".join(map(str, allowed))
        raise ApiError(f"{operation}: localcloud supports only {choices} for {path} (given: {value}).")


def _errors(shape: Shape, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        yield from _structure_errors(shape, value, path)
    elif kind == "list":
        yield from _range_errors(shape, value, len(value), path, "length")
        for index, element in enumerate(value):
            yield from _errors(shape.member, element, f"{path}.{index + 1}.member")
    elif kind == "map":
        yield from _range_errors(shape, value, len(value), path, "length")
        for key, element in value.items():
            yield from _errors(shape.value, element, f"{path}.{key}")
    elif kind == "string":
        yield from _string_errors(shape, value, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _range_errors(shape, value, value, path, "value")


def _structure_errors(shape: Shape, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        yield f"Value at '{path}' must be a structure"
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield _constraint("null", _join(path, name), "Member must not be null")
    for name, member in value.items():
        if name not in shape.members:
            yield f"Unknown member '{_join(path, name)}'"
        elif member is not None:
            yield from _errors(shape.members[name], member, _join(path, name))


def _string_errors(shape: Shape, value: Any, path: str) -> Any:
    if not isinstance(value, str):
        yield f"Value at '{path}' must be a string"
        return
    if (allowed := getattr(shape, "enum", None)) and value not in allowed:
        yield _constraint(f"'{value}'", path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    yield from _range_errors(shape, value, len(value), path, "length")
    pattern = _pattern(shape.metadata.get("pattern"))
    if pattern and not pattern.fullmatch(value):
        rule = f"Member must satisfy regular expression pattern: {pattern.pattern}"
        yield _constraint(f"'{value}'", path, rule)


def _range_errors(shape: Shape, value: Any, size: float, path: str, what: str) -> Any:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    prefix = "Member must have " + ("length" if what == "length" else what)
    if low is not None and size < low:
        yield _constraint(f"'{value}'", path, f"{prefix} greater than or equal to {low}")
    if high is not None and size > high:
        yield _constraint(f"'{value}'", path, f"{prefix} less than or equal to {high}")


@functools.cache
def _pattern(text: str | None) -> re.Pattern | None:
    """A pattern of the API's description; None for those in a dialect that Python does not speak."""
    try:
        return re.compile(text) if text else None
    except re.error:
        return None


def _constraint(value: str, path: str, rule: str) -> str:
    return f"Value {value} at '{path}' failed to satisfy constraint: {rule}"


def _join(path: str, name: str) -> str:
    first_small = name[0].lower() + name[1:]
    return f"{path}.{first_small}" if path else first_small
