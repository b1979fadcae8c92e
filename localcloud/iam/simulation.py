"""SimulatePrincipalPolicy and SimulateCustomPolicy, which moto lacks, with the evaluation of enforcement.py.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.iam.callers import Caller, caller_by_arn
from localcloud.iam.conditions import VARIABLE, Context, as_list
from localcloud.iam.policy import VERSION_WITH_VARIABLES, Access, Document, parse
from localcloud.protocol import ApiError
from localcloud.protocol.pages import page
from localcloud.protocol.service import ModelledService
from localcloud.protocol.validation import require_supported

DEFAULT_ITEMS = 100
SUPPORTED = dict.fromkeys(
    (
        "CallerArn",
        "ContextEntries",
        "Marker",
        "MaxItems",
        "PermissionsBoundaryPolicyInputList",
        "PolicyInputList",
        "ResourceArns",
        "ResourcePolicy",
    )
)


class Simulation(ModelledService):
    """The operations of IAM's policy simulator; moto answers IAM's other operations."""

    service_name = "iam"
    validation_code = malformed_code = "ValidationError"

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def simulate_principal_policy(
        self, PolicySourceArn: str, ActionNames: list[str], **request: Any
    ) -> dict[str, Any]:
        require_supported("SimulatePrincipalPolicy", request, SUPPORTED)
        try:
            subject = caller_by_arn(self._cloud, PolicySourceArn)
        except LookupError as error:
            raise ApiError("NoSuchEntity", str(error)) from error
        caller = Caller(
            arn=request.get("CallerArn") or subject.arn,
            account_id=subject.account_id,
            identity=subject.identity + _parse(request.get("PolicyInputList")),
            boundary=_boundary(request) or subject.boundary,
            role_arn=subject.role_arn,
            context=subject.context,
        )
        return _results(caller, ActionNames, request)

    def simulate_custom_policy(
        self, PolicyInputList: list[str], ActionNames: list[str], **request: Any
    ) -> dict[str, Any]:
        require_supported("SimulateCustomPolicy", request, SUPPORTED)
        arn = request.get("CallerArn") or f"arn:aws:iam::{self._cloud.account_id}:user/simulated"
        caller = Caller(arn, self._cloud.account_id, _parse(PolicyInputList), _boundary(request))
        return _results(caller, ActionNames, request)


def _results(caller: Caller, actions: list[str], request: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the decisions for each action on each resource."""
    given = {
        entry["ContextKeyName"].lower(): entry["ContextKeyValues"]
        for entry in request.get("ContextEntries") or []
    }
    policies = _parse([request["ResourcePolicy"]] if "ResourcePolicy" in request else [])
    context = {**caller.context, **given}
    missing = _missing([*caller.identity, *(caller.boundary or []), *policies], context)
    context |= {key.lower(): [] for key in missing}
    resources = request.get("ResourceArns") or ["*"]
    pairs = range(len(actions) * len(resources))
    shown, marker = page(pairs, request.get("Marker"), request.get("MaxItems", DEFAULT_ITEMS))
    results = []
    for number in shown:
        action, resource = actions[number // len(resources)], resources[number % len(resources)]
        verdict = caller.judge(Access(action, resource, context), policies)
        results.append(
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": verdict.decision.value,
                "MatchedStatements": [],
                "MissingContextValues": missing,
            }
        )
    return {"EvaluationResults": results, "IsTruncated": marker is not None, "Marker": marker}


def _missing(documents: list[Document], context: Context) -> list[str]:
    """The condition keys in policies that nobody gave, also those of statements about other actions."""
    found: dict[str, str] = {}
    for document in documents:
        has_variables = document.get("Version") == VERSION_WITH_VARIABLES
        variables = VARIABLE.findall(json.dumps(document)) if has_variables else []
        names = [text.partition(",")[0].strip() for text in variables]
        for statement in as_list(document["Statement"]):
            names += [key for tests in statement.get("Condition", {}).values() for key in tests]
        found |= {name.lower(): name for name in names if name.lower() not in (*context, "*", "?", "$")}
    return sorted(found.values())


def _boundary(request: Mapping[str, Any]) -> list[Document] | None:
    return _parse(request.get("PermissionsBoundaryPolicyInputList")) or None


def _parse(texts: Iterable[str] | None) -> list[Document]:
    try:
        documents = [parse(text) for text in texts or ()]
    except ValueError as error:
        raise ApiError("InvalidInput", f"A policy is not valid JSON: {error}") from error
    if not all(map(_is_policy, documents)):
        raise ApiError("InvalidInput", "A policy has syntax errors.")
    return documents


def _is_policy(document: Any) -> bool:
    """Whether a document has the form of a policy, so that it can be evaluated."""
    statements = as_list(document.get("Statement")) if isinstance(document, dict) else [None]
    return all(isinstance(one, dict) and _is_statement(one) for one in statements)


def _is_statement(statement: Mapping[str, Any]) -> bool:
    condition = statement.get("Condition", {})
    patterns = [
        pattern
        for name in ("Action", "NotAction", "Resource", "NotResource")
        for pattern in as_list(statement.get(name, []))
    ]
    principals = [statement[name] for name in ("Principal", "NotPrincipal") if name in statement]
    return (
        all(isinstance(pattern, str) for pattern in patterns)
        and all(principal == "*" or isinstance(principal, dict) for principal in principals)
        and isinstance(condition, dict)
        and all(isinstance(tests, dict) for tests in condition.values())
    )
