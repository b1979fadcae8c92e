"""SimulatePrincipalPolicy and SimulateCustomPolicy, which moto lacks, from the evaluation that enforces.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

import werkzeug

from localcloud.cloud import Cloud
from localcloud.iam.callers import Caller, caller_by_arn
from localcloud.iam.policy import Access, Document, parse
from localcloud.protocol.errors import denial

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


class Simulation:
    """Answers the simulator's operations from their query parameters."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def answer(self, values: Mapping[str, str]) -> werkzeug.Response:
        operation = values["Action"]
        actions = _members(values, "ActionNames")
        if not actions:
            return denial("query", "InvalidInput", "ActionNames must name at least one action.")
        try:
            caller = self._caller(operation, values)
            resource_policies = [parse(text) for text in [values.get("ResourcePolicy")] if text]
            context = _context(values)
        except LookupError as error:
            return denial("query", "NoSuchEntity", str(error))
        except ValueError as error:
            return denial("query", "InvalidInput", f"A policy is not valid JSON: {error}")
        results = "".join(
            _result(caller, Access(action, resource, {**caller.context, **context}), resource_policies)
            for action in actions
            for resource in _members(values, "ResourceArns") or ["*"]
        )
        body = (
            f'<{operation}Response xmlns="{NAMESPACE}"><{operation}Result><IsTruncated>false</IsTruncated>'
            f"<EvaluationResults>{results}</EvaluationResults></{operation}Result>"
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
        )
        return werkzeug.Response(body, 200, content_type="text/xml")

    def _caller(self, operation: str, values: Mapping[str, str]) -> Caller:
        extra: list[Document] = [parse(text) for text in _members(values, "PolicyInputList")]
        boundary = [parse(text) for text in _members(values, "PermissionsBoundaryPolicyInputList")] or None
        if operation == "SimulateCustomPolicy":
            arn = values.get("CallerArn", f"arn:aws:iam::{self._cloud.account_id}:user/simulated")
            return Caller(arn, self._cloud.account_id, extra, boundary)
        subject = caller_by_arn(self._cloud, values.get("PolicySourceArn", ""))
        return Caller(
            arn=values.get("CallerArn") or subject.arn,
            account_id=subject.account_id,
            identity=subject.identity + extra,
            boundary=boundary or subject.boundary,
            role_arn=subject.role_arn,
            context=subject.context,
        )


def _result(caller: Caller, access: Access, resource_policies: list[Document]) -> str:
    decision = caller.judge(access, resource_policies).decision
    return (
        f"<member><EvalActionName>{escape(access.action)}</EvalActionName>"
        f"<EvalResourceName>{escape(access.resource)}</EvalResourceName>"
        f"<EvalDecision>{decision.value}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
    )


def _members(values: Mapping[str, str], name: str) -> list[str]:
    """A list of the query protocol: Name.member.1, Name.member.2..."""
    return list(_numbered(values, name))


def _numbered(values: Mapping[str, str], name: str) -> Iterator[str]:
    number = 1
    while (value := values.get(f"{name}.member.{number}")) is not None:
        yield value
        number += 1


def _context(values: Mapping[str, str]) -> dict[str, list[str]]:
    entries = sorted(
        {found[1] for key in values if (found := re.match(r"(ContextEntries\.member\.\d+)\.", key))}
    )
    return {
        values[f"{entry}.ContextKeyName"].lower(): _members(values, f"{entry}.ContextKeyValues")
        for entry in entries
    }
