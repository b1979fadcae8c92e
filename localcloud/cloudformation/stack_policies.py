"""Stack policies: which resources an update of a stack may change.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

import fnmatch
from collections.abc import Mapping
from typing import Any

from localcloud.cloudformation.errors import ValidationError
from localcloud.untrusted import parse_json

MODIFY, REPLACE, DELETE = "Update:Modify", "Update:Replace", "Update:Delete"
ACTIONS = {MODIFY, REPLACE, DELETE, "Update:*"}
STATEMENT_KEYS = {"Action", "Condition", "Effect", "NotAction", "NotResource", "Principal", "Resource", "Sid"}
RESOURCE_TYPE = "ResourceType"
"""The condition key that stack policies may have."""

Policy = Mapping[str, Any]


def parse(body: str) -> Policy:
    """Reads a policy. Raises ValidationError in CloudFormation's words."""
    invalid = ValidationError("Error validating stack policy: Invalid stack policy")
    try:
        policy = parse_json(body)
    except ValueError as error:
        raise invalid from error
    if not isinstance(policy, dict) or set(policy) - {"Statement", "Version", "Id"}:
        raise invalid
    if not all(_is_valid(statement) for statement in _as_list(policy.get("Statement", []))):
        raise invalid
    return policy


def why_not(policy: Policy | None, action: str, logical_id: str, resource_type: str) -> str | None:
    """Why a policy does not allow an action on a resource; None if it does.

    A policy without statements allows everything, one with statements only what they allow.
    """
    statements = _as_list(policy.get("Statement", [])) if policy else []
    resource = f"LogicalResourceId/{logical_id}"
    allowed = not statements
    for number, statement in enumerate(statements, start=1):
        if not _applies(statement, action, resource, resource_type):
            continue
        if statement["Effect"] == "Deny":
            return (
                f"Action denied by stack policy: Statement [#{number}] does not allow [{action}] for "
                f"resource [{resource}];"
            )
        allowed = True
    return None if allowed else f"Action not allowed by stack policy: [{action}] for resource [{resource}];"


def _is_valid(statement: Any) -> bool:
    if not isinstance(statement, dict) or set(statement) - STATEMENT_KEYS:
        return False
    actions = _as_list(statement.get("Action", statement.get("NotAction", [])))
    resources = _as_list(statement.get("Resource", statement.get("NotResource", [])))
    condition = statement.get("Condition", {})
    return (
        statement.get("Effect") in ("Allow", "Deny")
        and statement.get("Principal") == "*"
        and ("Action" in statement) != ("NotAction" in statement)
        and ("Resource" in statement) != ("NotResource" in statement)
        and bool(actions)
        and all(action in ACTIONS for action in actions)
        and bool(resources)
        and all(one == "*" or str(one).startswith("LogicalResourceId/") for one in resources)
        and isinstance(condition, dict)
        and all(
            operator in ("StringEquals", "StringLike")
            and isinstance(keys, dict)
            and set(keys) == {RESOURCE_TYPE}
            for operator, keys in condition.items()
        )
    )


def _applies(statement: Policy, action: str, resource: str, resource_type: str) -> bool:
    if _matches(statement.get("Action", statement.get("NotAction")), action) != ("Action" in statement):
        return False
    resources = statement.get("Resource", statement.get("NotResource"))
    if _matches(resources, resource) != ("Resource" in statement):
        return False
    return all(
        _matches(keys[RESOURCE_TYPE], resource_type)
        if operator == "StringLike"
        else resource_type in _as_list(keys[RESOURCE_TYPE])
        for operator, keys in (statement.get("Condition") or {}).items()
    )


def _matches(patterns: Any, text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, str(pattern).replace("[", "[[]")) for pattern in _as_list(patterns))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
