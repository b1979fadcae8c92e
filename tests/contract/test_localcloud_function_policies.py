"""A function's resource policy is written, read and refused as Lambda does it, in the words of its API."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud_function_fixtures import ARN, REVISION, account, create, functions, refused

__all__ = ["account", "create", "functions"]


def test_function_url_auth_type_needs_the_url_action(functions: Any) -> None:
    refused(
        "InvalidParameterValueException",
        "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
        functions.add_permission,
        FunctionName="one",
        StatementId="url",
        Action="lambda:InvokeFunction",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )


def test_statements_of_a_policy(create: Callable, functions: Any) -> None:
    create("permitting")

    def permit(statement: str, principal: str, **more: str) -> dict[str, Any]:
        answer = functions.add_permission(
            FunctionName="permitting",
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal=principal,
            **more,
        )
        return json.loads(answer["Statement"])

    revision = functions.get_function_configuration(FunctionName="permitting")["RevisionId"]
    statement = permit("s", "s3.amazonaws.com", SourceArn="arn:aws:s3:::b", SourceAccount="123456789012")
    assert statement == {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{ARN}permitting",
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
        },
    }
    assert permit("a", "111122223333")["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    conflict = (
        "The statement id (s) provided already exists. Please provide a new statement id, or remove the "
        "existing statement."
    )
    refused("ResourceConflictException", conflict, permit, "s", "s3.amazonaws.com")
    refused("PreconditionFailedException", REVISION, permit, "r", "s3.amazonaws.com", RevisionId=revision)
    invalid = "InvalidParameterValueException"
    wrong = "The provided principal was invalid. Please check the principal and try again."
    refused(invalid, wrong, permit, "p", "nonsense")
    for nobody in ("arn:aws:iam::123456789012:role/nobody", "arn:aws:iam::123456789012:role/*"):
        refused(invalid, wrong, permit, "p", nobody)
    refused(invalid, wrong, permit, "p", "foo.amazonaws.com")
    latest = "We currently do not support adding policies for $LATEST."
    refused(invalid, latest, permit, "l", "s3.amazonaws.com", Qualifier="$LATEST")
    policy = functions.get_policy(FunctionName="permitting")
    assert [one["Sid"] for one in json.loads(policy["Policy"])["Statement"]] == ["s", "a"]
    shown = functions.get_function_configuration(FunctionName="permitting")
    assert policy["RevisionId"] == shown["RevisionId"] != revision
    remove = functions.remove_permission
    absent = "Statement z is not found in resource policy."
    refused("ResourceNotFoundException", absent, remove, FunctionName="permitting", StatementId="z")
    for one in "sa":
        remove(FunctionName="permitting", StatementId=one)
    gone = "The resource you requested does not exist."
    refused("ResourceNotFoundException", gone, functions.get_policy, FunctionName="permitting")


def test_policies_of_what_is_not_there(functions: Any) -> None:
    statement = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    missing, alias = "ResourceNotFoundException", f"Cannot find alias arn: {ARN}one:live"
    for message, call, request in (
        (f"Function not found: {ARN}none", functions.add_permission, {"FunctionName": "none", **statement}),
        (
            f"Cannot find alias arn: {ARN}one:live",
            functions.add_permission,
            {"Qualifier": "live", **statement},
        ),
        (f"Function not found: {ARN}one:42", functions.add_permission, {"Qualifier": "42", **statement}),
        (f"Function not found: {ARN}none", functions.get_policy, {"FunctionName": "none"}),
        ("The resource you requested does not exist.", functions.get_policy, {"Qualifier": "42"}),
        (f"No policy found for: {ARN}none", functions.remove_permission, {"FunctionName": "none"}),
        (alias, functions.remove_permission, {"Qualifier": "live"}),
        ("No policy is associated with the given resource.", functions.remove_permission, {}),
    ):
        more = {"StatementId": "s"} if call == functions.remove_permission else {}
        refused(missing, message, call, **{"FunctionName": "one"} | more | request)


def test_a_policy_has_a_size(create: Callable, functions: Any) -> None:
    create("crowded")
    with pytest.raises(ClientError, match=r"final policy size \(\d+\) is bigger than the limit \(20480\)"):
        for number in range(200):
            functions.add_permission(
                FunctionName="crowded",
                StatementId=f"statement-{number}-{'x' * 50}",
                Action="lambda:InvokeFunction",
                Principal="s3.amazonaws.com",
            )
