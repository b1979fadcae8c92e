"""The resource policy of a function: AddPermission, RemovePermission and GetPolicy.

https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
"""

import json
import re
from typing import Any

from localcloud.cloud import Cloud
from localcloud.functions.absent import MISSING, check_no_alias, missing
from localcloud.functions.errors import LambdaError, invalid_parameter
from localcloud.functions.names import LATEST, FunctionReference
from localcloud.iam import is_service, missing_principal

MAX_POLICY_BYTES = 20_480
INVOKE_URL = "lambda:InvokeFunctionUrl"
CONDITIONS = {
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}
"""The members of AddPermission that become conditions: operator and key."""


def check_qualifier(reference: FunctionReference) -> None:
    """Raises LambdaError for a qualifier: there are no versions and aliases, and $LATEST has no policy."""
    if reference.qualifier == LATEST:
        raise invalid_parameter("We currently do not support adding policies for $LATEST.")
    check_no_alias(reference)


def add(cloud: Cloud, record: Any, reference: FunctionReference, request: dict[str, Any]) -> dict[str, Any]:
    """Adds a statement to the policy in moto's record of a function. Raises LambdaError."""
    statements: list[dict[str, Any]] = record.policy.statements
    if any(one["Sid"] == request["StatementId"] for one in statements):
        raise LambdaError(
            "ResourceConflictException",
            f"The statement id ({request['StatementId']}) provided already exists. Please provide a new "
            "statement id, or remove the existing statement.",
            status=409,
        )
    if "FunctionUrlAuthType" in request and request["Action"] != INVOKE_URL:
        raise invalid_parameter(f"FunctionUrlAuthType is only supported for {INVOKE_URL} action")
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(cloud, request["Principal"]),
        "Action": request["Action"],
        "Resource": reference.qualified_arn,
    }
    for member, (operator, key) in CONDITIONS.items():
        if member in request:
            statement.setdefault("Condition", {}).setdefault(operator, {})[key] = request[member]
    if (size := len(_document([*statements, statement]))) > MAX_POLICY_BYTES:
        raise LambdaError(
            "PolicyLengthExceededException",
            f"The final policy size ({size}) is bigger than the limit ({MAX_POLICY_BYTES}).",
        )
    statements.append(statement)
    return statement


def remove(record: Any, statement_id: str) -> None:
    """Removes a statement. Raises LambdaError if there is none of this id."""
    statements: list[dict[str, Any]] = record.policy.statements
    if not statements:
        raise missing("No policy is associated with the given resource.")
    kept = [one for one in statements if one["Sid"] != statement_id]
    if len(kept) == len(statements):
        raise missing(f"Statement {statement_id} is not found in resource policy.")
    record.policy.statements = kept


def policy_of(record: Any) -> str:
    """The policy as JSON. Raises LambdaError for a function without any."""
    if not record.policy.statements:
        raise missing(MISSING)
    return _document(record.policy.statements)


def _document(statements: list[dict[str, Any]]) -> str:
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return json.dumps(document, separators=(",", ":"))


def _principal(cloud: Cloud, text: str) -> str | dict[str, str]:
    if text == "*":
        return text
    principal = {"Service" if is_service(text) else "AWS": text}
    if missing_principal(cloud, {"Principal": principal}):
        message = "The provided principal was invalid. Please check the principal and try again."
        raise invalid_parameter(message)
    return {"AWS": f"arn:aws:iam::{text}:root"} if re.fullmatch(r"\d{12}", text) else principal
