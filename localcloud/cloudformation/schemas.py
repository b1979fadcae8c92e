"""What AWS's schemas say: the types of properties, and which changes replace the resource.

property_checks.py uses the rest of them.
"""

from collections.abc import Mapping
from typing import Any

from localcloud.cloudformation.errors import ResourceFailed
from localcloud.cloudformation.intrinsics import is_unknown
from localcloud.numerals import integer_of, number_of
from localcloud.resource_schemas import Schema, schema_of

EXPECTED = {
    "array": "JSONArray",
    "boolean": "Boolean",
    "integer": "Integer",
    "number": "Number",
    "object": "JSONObject",
    "string": "String",
}
FOUND = {
    bool: "Boolean",
    dict: "JSONObject",
    float: "Double",
    int: "Integer",
    list: "JSONArray",
    str: "String",
}
"""The types of schemas and of values, by the names that CloudFormation's validator gives them.

https://github.com/everit-org/json-schema
"""


def knows(resource_type: str) -> bool:
    """Whether CloudFormation has this type of resource."""
    try:
        schema_of(resource_type)
    except LookupError:
        return False
    return True


def create_only(resource_type: str) -> set[str]:
    """The top-level properties whose change replaces the resource."""
    return _top_level(schema_of(resource_type), "createOnlyProperties")


def import_identifiers(resource_type: str) -> list[str]:
    """The properties that name a resource to import; none for a type whose names are not chosen."""
    names = [path.rpartition("/")[2] for path in schema_of(resource_type).get("primaryIdentifier", [])]
    return [] if set(names) & read_only(resource_type) else names


def read_only(resource_type: str) -> set[str]:
    """The top-level properties that Fn::GetAtt can read and a template cannot set."""
    return _top_level(schema_of(resource_type), "readOnlyProperties", whole=True)


def _top_level(schema: Schema, key: str, whole: bool = False) -> set[str]:
    paths = [path.removeprefix("/properties/").split("/") for path in schema.get(key) or []]
    return {path[0] for path in paths if not whole or len(path) == 1}


def unexpected(kinds: str | list[str], value: Any) -> str:
    """CloudFormation's message about a value that has none of the types that its schema allows."""
    expected = " or ".join(EXPECTED[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
    return f"expected type: {expected}, found: {FOUND[type(value)]}"


def typed(resource_type: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Converts every scalar in the properties to its type in the schema.

    Templates may write "5" for 5 and "true" for true, and parameters are always strings. Raises
    ResourceFailed for a string that cannot be converted.
    """
    schema = schema_of(resource_type)
    converted: dict[str, Any] = _typed(properties, schema, schema, "")
    return converted


def _typed(value: Any, schema: Schema, root: Schema, path: str) -> Any:
    schema = _resolved(schema, root)
    if isinstance(value, dict):
        known = schema.get("properties") or {}
        patterns = list((schema.get("patternProperties") or {}).values())
        other = patterns[0] if len(patterns) == 1 else {}
        return {
            name: _typed(one, known.get(name, other), root, f"{path}/{name}") for name, one in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items") or {}
        return [_typed(item, items, root, f"{path}/{index}") for index, item in enumerate(value)]
    kind = schema.get("type")
    if is_unknown(value):  # known only when the resource is created
        return value
    if isinstance(kind, list):  # the value of an environment variable, say, may be written as a number
        kind = "string" if "string" in kind else None
    if kind is None:
        return value
    try:
        return _scalar(value, kind)
    except ValueError as wrong:
        raise ResourceFailed(f"#{path}: {unexpected(kind, value)}") from wrong


def _scalar(value: Any, kind: str) -> Any:
    if kind == "string" and isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "boolean" and isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError
        return value.lower() == "true"
    if kind in ("integer", "number") and isinstance(value, str):
        number: float | None = integer_of(value)
        if number is None and kind == "number":
            number = number_of(value)
        if number is None:
            raise ValueError
        return number
    if kind in ("array", "object") and isinstance(value, bool | int | float):
        raise ValueError
    return value


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Follows the $refs of a schema."""
    while "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema
