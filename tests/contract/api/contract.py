"""infra/openapi.yaml as the tests read it, and a check of any answer against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

PROJECT = Path(__file__).resolve().parents[3]
CONTRACT = yaml.safe_load((PROJECT / "infra" / "openapi.yaml").read_text(encoding="utf-8"))
COMPONENTS = CONTRACT["components"]


def conforms(value: Any, schema: dict[str, Any]) -> None:
    """Checks against a schema of the contract, whose references point into the whole document."""
    Draft202012Validator({**schema, "components": COMPONENTS}).validate(value)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A node of the contract, or what it refers to."""
    while "$ref" in node:
        target: Any = CONTRACT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def template_of(path: str) -> str:
    """The path of the contract that a request's path is one of; the path itself where there is none."""
    parts = path.split("/")
    for template in CONTRACT["paths"]:
        wanted = template.split("/")
        if len(wanted) == len(parts) and all(
            name == part or (name.startswith("{") and part) for name, part in zip(wanted, parts, strict=True)
        ):
            return str(template)
    return path


def answer_conforms(path: str, method: str, status: int, headers: dict[str, str], body: bytes) -> Any:
    """Checks an answer of the API to a request of this route; its parsed body, None if it has none.

    Errors must be the API's own: one that API Gateway made fails.
    """
    path = template_of(path)
    if status in (404, 405):
        promised = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
        assert ("allow" in headers) == (status == 405)
    else:
        promised = resolved(CONTRACT["paths"][path][method.lower()]["responses"][str(status)])
    for name, header in promised.get("headers", {}).items():
        header = resolved(header)
        if header.get("required") or name.lower() in headers:
            conforms(headers[name.lower()], header["schema"])
    if status in (429, 503):
        assert int(headers["retry-after"]) > 0
    if "content" not in promised:
        assert body == b""
        return None
    assert headers["content-type"] == "application/json"
    content = json.loads(body, parse_constant=_no_json)
    conforms(content, promised["content"]["application/json"]["schema"])
    if status >= 400:
        conforms(content, {"$ref": "#/components/schemas/Error"})
        assert headers["cache-control"] == "no-store"
    return content


def _no_json(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")
