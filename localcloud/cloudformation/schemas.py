"""AWS's own schemas of resource types, as cfn-lint ships them: which properties exist and what they are.

They decide what a misspelt property is, which number a text stands for and which change needs a new resource.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.cloudformation.errors import ResourceFailed

Schema = Mapping[str, Any]

_REGION = "us-east-1"
"""Its schemas know every property; what differs between regions does not matter here."""


@functools.cache
def schema_of(resource_type: str) -> Schema:
    """The schema of a type. Raises LookupError for a type that AWS does not have."""
    # Half a second to import, and only stacks need it.
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

    try:
        return PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, resource_type).schema
    except ResourceNotFoundError as missing:
        raise LookupError(resource_type) from missing


def create_only(resource_type: str) -> set[str]:
    """The top-level properties whose change replaces the resource."""
    return _top_level(schema_of(resource_type), "createOnlyProperties")


def read_only(resource_type: str) -> set[str]:
    """The top-level properties that a template cannot set, only Fn::GetAtt read."""
    return _top_level(schema_of(resource_type), "readOnlyProperties", whole=True)


def _top_level(schema: Schema, key: str, whole: bool = False) -> set[str]:
    paths = [path.removeprefix("/properties/").split("/") for path in schema.get(key) or []]
    return {path[0] for path in paths if not whole or len(path) == 1}


def problems(resource_type: str, properties: Mapping[str, Any]) -> list[str]:
    """What is wrong with the names in `properties`: unknown ones and missing ones, with their paths."""
    schema = schema_of(resource_type)
    return list(_problems(properties, schema, schema, ""))


def _problems(value: Any, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    schema = _resolved(schema, root)
    if isinstance(value, dict) and (known := schema.get("properties")):
        closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
        for name, entry in value.items():
            if name in known:
                yield from _problems(entry, known[name], root, f"{path}/{name}")
            elif closed:
                yield f"Encountered unsupported property {f'{path}/{name}'.lstrip('/')}"
        place = f" in {path.lstrip('/')}" if path else ""
        for name in schema.get("required") or []:
            if name not in value:
                yield f"required key [{name}] not found{place}"
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _problems(item, schema["items"], root, f"{path}/{index}")


def typed(resource_type: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties with every scalar of the type that the schema asks for.

    Templates may give "5" for 5 and "true" for true, and parameters are always text.
    Raises ResourceFailed for a text that is no such value.
    """
    schema = schema_of(resource_type)
    return _typed(properties, schema, schema, "")


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
    if isinstance(kind, list):  # the value of an environment variable, say, may be written as a number
        kind = "string" if "string" in kind else None
    try:
        return _scalar(value, kind) if kind else value
    except ValueError as wrong:
        raise ResourceFailed(f"Property {path.lstrip('/')} must be of type {kind}, not {value!r}") from wrong


def _scalar(value: Any, kind: str) -> Any:
    if kind == "string" and isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "boolean" and isinstance(value, str):
        return (
            {"true": True, "false": False}[value.lower()] if value.lower() in ("true", "false") else _wrong()
        )
    if kind == "integer" and isinstance(value, str):
        return int(value)
    if kind == "number" and isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if kind in ("array", "object") and isinstance(value, bool | int | float):
        return _wrong()
    return value


def _wrong() -> Any:
    raise ValueError


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Follows $ref, and takes the one alternative with properties where a schema offers several."""
    while "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema
