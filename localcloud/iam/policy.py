"""Evaluates IAM policies.

moto's evaluation differs too much from IAM's: it treats a condition that does not hold as a denial, supports
only one condition operator and neither NotResource nor `?`, and lets a dot match any character.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import enum
import functools
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.iam.conditions import (
    VARIABLE,
    Context,
    UnknownOperator,
    UnsupportedKey,
    as_list,
    matches,
    satisfied,
    substitute,
)
from localcloud.protocol import ApiError
from localcloud.repeated_warnings import RepeatedWarnings

log = logging.getLogger(__name__)
_warnings = RepeatedWarnings(log)

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


class Undecided(ApiError):
    """What a policy says depends on a condition key that localcloud does not fill."""

    def __init__(self, key: str, access: Access, is_denial: bool):
        message = (
            f"localcloud does not support the condition key {key}, on which a policy makes {access.action} "
            f"on {access.resource} depend."
        )
        super().__init__("UnsupportedOperation", message, status=400)
        self.key = key
        self.is_denial = is_denial


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
    Raises Undecided.
    """
    decision = Decision.IMPLICIT_DENY
    undecided: dict[bool, Undecided] = {}
    for document in documents:
        # "${" is plain text in policies of 2008-10-17 and without a version.
        variables = access.context if document.get("Version") == VERSION_WITH_VARIABLES else None
        for statement in as_list(document.get("Statement", [])):
            effect = str(statement.get("Effect")).lower()  # IAM takes any case
            if effect not in ("allow", "deny"):
                continue
            is_denial = effect == "deny"
            try:
                if not _applies(statement, access, variables, principals, is_denial):
                    continue
            except UnsupportedKey as unsupported:
                undecided[is_denial] = Undecided(str(unsupported), access, is_denial)
                continue
            if is_denial:
                return Decision.EXPLICIT_DENY
            decision = Decision.ALLOWED
    if True in undecided:
        raise undecided[True]
    if undecided and decision is not Decision.ALLOWED:
        raise undecided[False]
    return decision


def allows(documents: Iterable[Document], access: Access, principals: Principals | None = None) -> bool:
    """Whether policies allow an access. Where they leave that open, nothing is, and the log says so."""
    return surely(lambda: evaluate(documents, access, principals) is Decision.ALLOWED)


def surely(is_allowed: Callable[[], bool]) -> bool:
    """Whether something is allowed; not where that raises Undecided, which the log says once in a while."""
    try:
        return is_allowed()
    except Undecided as undecided:
        _warnings.warn(undecided.key, undecided.message)
        return False


def _applies(
    statement: Document,
    access: Access,
    variables: Context | None,
    principals: Principals | None,
    is_denial: bool,
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
        return is_denial


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
    unsupported = None
    for pattern in as_list(patterns):
        try:
            filled = substitute(pattern, variables)
        except UnsupportedKey as error:
            if matches(VARIABLE.sub("*", pattern), resource):
                unsupported = error
            continue
        if filled is not None and matches(filled, resource):
            return True
    if unsupported:
        raise unsupported
    return False


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
