"""The actions in bucket policies: S3 takes only those that it has, on resources that they are for.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html, as cfn-lint has it
"""

import fnmatch
import functools
import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

from localcloud.iam.conditions import as_list
from localcloud.protocol import ApiError

KINDS = frozenset({"bucket", "object"})


def check_actions(statement: Mapping[str, Any]) -> None:
    """Raises ApiError for an action that S3 does not have, or that is for none of the resources."""
    for action in as_list(statement.get("Action", statement.get("NotAction"))):
        kinds = _kinds_of_action(str(action))
        if kinds is None:
            raise ApiError("MalformedPolicy", "Policy has invalid action", status=400)
        if "Action" not in statement or "Resource" not in statement:
            continue
        resources = as_list(statement["Resource"])
        if not any(kinds & _kinds_of_resource(str(resource)) for resource in resources):
            message = "Action does not apply to any resource(s) in statement"
            raise ApiError("MalformedPolicy", message, status=400)


def _kinds_of_action(pattern: str) -> frozenset[str] | None:
    """The kinds of resources that an action is for, or one that fits a pattern; None for no action."""
    if pattern == "*":
        return KINDS
    service, _, name = pattern.lower().partition(":")
    found = fnmatch.filter(_actions(), name.replace("[", "[[]")) if service == "s3" else []
    return frozenset().union(*(_actions()[one] for one in found)) if found else None


def _kinds_of_resource(resource: str) -> frozenset[str]:
    bucket, separator, _ = resource.partition("/")
    if bucket.endswith("*"):
        return KINDS
    return frozenset({"object" if separator else "bucket"})


@functools.cache
def _actions() -> Mapping[str, frozenset[str]]:
    """The kinds of resources of each action of S3, whose names are in lower case."""
    file = importlib.resources.files("cfnlint.data.AdditionalSpecs") / "Policies.json"
    actions = json.loads(file.read_text())["s3"]["Actions"]
    return {name: KINDS & set(about.get("Resources", ())) for name, about in actions.items()}
