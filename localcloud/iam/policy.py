"""Evaluates IAM policies.

moto's evaluation differs too much from IAM's: it treats a condition that does not hold as a denial, supports
only one condition operator and neither NotResource nor `?`, and lets a dot match any character.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import enum
import functools
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.iam.conditions import Context, UnknownOperator, as_list, matches, satisfied, substitute

log = logging.getLogger(__name__)

Document = Mapping[str, Any]

VERSION_WITH_VARIABLES = "2012-10-17"
"""The default is 2008-10-17 ("IAM JSON policy elements: Version")."""


class Decision(enum.Enum):
    """The result of an evaluation, in the words of the policy simulator."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


@dataclass(frozen=True)
class Access:
    """An action on a resource ("*" if unknown), with the condition keys of the request."""

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict)


Principals = Mapping[str, frozenset[str]]
"""The caller's names in policies, by kind of principal ("AWS", "Service")."""


def parse(document: str | Document) -> Document:
    """Parses a policy document, if it is JSON. Raises ValueError. The same text gives the same document."""
    return _parse(document) if isinstance(document, str) else document


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> Document:
    document: Document = json.loads(text)
    return document


def evaluate(documents: Iterable[Document], access: Access, principals: Principals | None = None) -> Decision:
    """Evaluates policies together. A denial wins over everything.

    With `principals` they are read as resource-based policies, whose statements must name the caller.
    """
    decision = Decision.IMPLICIT_DENY
    for document in documents:
        # "${" is plain text in policies of 2008-10-17 and without a version.
        variables = access.context if document.get("Version") == VERSION_WITH_VARIABLES else None
        for statement in as_list(document.get("Statement", [])):
            if not _applies(statement, access, variables, principals):
                continue
            if statement.get("Effect") == "Deny":
                return Decision.EXPLICIT_DENY
            decision = Decision.ALLOWED
    return decision


def _applies(
    statement: Document, access: Access, variables: Context | None, principals: Principals | None
) -> bool:
    if principals is not None and not _names(statement, principals):
        return False
    if not _action_matches(statement, access.action):
        return False
    if not _resource_matches(statement, access.resource, variables):
        return False
    try:
        return satisfied(statement.get("Condition") or {}, access.context, variables)
    except UnknownOperator as unknown:
        # An unsupported condition must never allow anything.
        log.warning("policy statement with the unknown condition operator %s", unknown)
        return statement.get("Effect") == "Deny"


def _action_matches(statement: Document, action: str) -> bool:
    if "NotAction" in statement:
        return not any(matches(text, action, ignore_case=True) for text in as_list(statement["NotAction"]))
    return any(matches(text, action, ignore_case=True) for text in as_list(statement.get("Action", [])))


def _resource_matches(statement: Document, resource: str, variables: Context | None) -> bool:
    if "NotResource" in statement:
        return not _any_resource(statement["NotResource"], resource, variables)
    # Trust policies have no Resource, for they belong to one role.
    return "Resource" not in statement or _any_resource(statement["Resource"], resource, variables)


def _any_resource(patterns: Any, resource: str, variables: Context | None) -> bool:
    filled = (substitute(pattern, variables) for pattern in as_list(patterns))
    return any(matches(pattern, resource) for pattern in filled if pattern is not None)


def _names(statement: Document, principals: Principals) -> bool:
    if "NotPrincipal" in statement:
        return not _matches_principal(statement["NotPrincipal"], principals)
    return _matches_principal(statement.get("Principal", {}), principals)


def _matches_principal(element: Any, principals: Principals) -> bool:
    if element == "*":
        return True
    for kind, names in element.items():
        wanted = set(map(str, as_list(names)))
        if wanted & principals.get(kind, frozenset()) or (kind == "AWS" and "*" in wanted):
            return True
    return False
