"""SimulatePrincipalPolicy and SimulateCustomPolicy, which moto lacks, with the evaluation of enforcement.py.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.iam.callers import Caller, caller_by_arn
from localcloud.iam.policy import Access, Decision, Document, Undecided, parse
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
    results = []
    for action in actions:
        for resource in request.get("ResourceArns") or ["*"]:
            access = Access(action, resource, {**caller.context, **given})
            decision, missing = _decide(caller, access, policies)
            results.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": decision.value,
                    "MatchedStatements": [],
                    "MissingContextValues": missing,
                }
            )
    shown, marker = page(results, request.get("Marker"), request.get("MaxItems", DEFAULT_ITEMS))
    return {"EvaluationResults": shown, "IsTruncated": marker is not None, "Marker": marker}


def _decide(caller: Caller, access: Access, policies: list[Document]) -> tuple[Decision, list[str]]:
    """The decision, and the condition keys that it needs and nobody gave, which count as absent."""
    missing: list[str] = []
    while True:
        context = {**access.context, **{key.lower(): [] for key in missing}}
        try:
            verdict = caller.judge(Access(access.action, access.resource, context), policies)
        except Undecided as undecided:
            missing.append(undecided.key)
        else:
            return verdict.decision, missing


def _boundary(request: Mapping[str, Any]) -> list[Document] | None:
    return _parse(request.get("PermissionsBoundaryPolicyInputList")) or None


def _parse(texts: Iterable[str] | None) -> list[Document]:
    try:
        return [parse(text) for text in texts or ()]
    except ValueError as error:
        raise ApiError("InvalidInput", f"A policy is not valid JSON: {error}") from error
