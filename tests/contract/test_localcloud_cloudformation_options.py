"""The options of stacks take effect, or are refused by name."""

import json
import time

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, stacks

from localcloud.cloudformation.deployment import Deployment

__all__ = ["cloud", "stacks"]

ALLOW_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
DENY_ALL = {**ALLOW_ALL, "Effect": "Deny"}


def policy(*statements: dict) -> str:
    return json.dumps({"Statement": list(statements)})


def groups(days: int, *names: str, **attributes) -> dict:
    return {
        "Resources": {
            name: {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": days}, **attributes}
            for name in names
        }
    }


def test_a_stack_policy_denies_updates(stacks):
    stacks.create("denied", groups(3, "A"), StackPolicyBody=policy(DENY_ALL))
    stacks.update("denied", groups(5, "A"), status="UPDATE_ROLLBACK_COMPLETE")
    # The words of a stack event on AWS, as its users report them.
    assert stacks.reasons("denied")["A"] == (
        "Action denied by stack policy: Statement [#1] does not allow [Update:Modify] for resource "
        "[LogicalResourceId/A];"
    )
    stacks.update("denied", groups(5, "A"), StackPolicyDuringUpdateBody=policy(ALLOW_ALL))
    stacks.update("denied", groups(7, "A"), status="UPDATE_ROLLBACK_COMPLETE")
    stacks.delete("denied")


@pytest.mark.parametrize(
    ("statements", "template", "action"),
    [
        ([ALLOW_ALL, {**DENY_ALL, "Action": "Update:Delete"}], groups(3, "A"), "Update:Delete"),
        ([ALLOW_ALL, {**DENY_ALL, "Resource": "LogicalResourceId/B*"}], groups(3, "A"), "Update:Delete"),
        ([{**ALLOW_ALL, "NotAction": "Update:Modify"} | {"Action": None}], groups(5, "A", "B"), "Modify"),
        (
            [
                ALLOW_ALL,
                {**DENY_ALL, "Condition": {"StringEquals": {"ResourceType": ["AWS::Logs::LogGroup"]}}},
            ],
            groups(5, "A", "B"),
            "Update:Modify",
        ),
        ([{**ALLOW_ALL, "Resource": "LogicalResourceId/A"}], groups(5, "A", "B"), "not allowed"),
    ],
)
def test_a_stack_policy_names_actions_resources_and_types(stacks, statements, template, action):
    statements = [{key: value for key, value in one.items() if value} for one in statements]
    stacks.create("guarded", groups(3, "A", "B"))
    stacks.client.set_stack_policy(StackName="guarded", StackPolicyBody=policy(*statements))
    assert stacks.client.get_stack_policy(StackName="guarded")["StackPolicyBody"] == policy(*statements)
    stacks.update("guarded", template, status="UPDATE_ROLLBACK_COMPLETE")
    assert any(action in reason for reason in stacks.reasons("guarded").values())
    stacks.client.set_stack_policy(StackName="guarded", StackPolicyBody="{}")
    stacks.update("guarded", template)
    stacks.delete("guarded")


@pytest.mark.parametrize(
    "body",
    [
        "nonsense",
        policy({**ALLOW_ALL, "Principal": "me"}),
        policy({**ALLOW_ALL, "Action": "Delete:*"}),
        policy({**ALLOW_ALL, "Resource": "A"}),
        policy({**ALLOW_ALL, "Condition": {"StringEquals": {"aws:username": "me"}}}),
    ],
)
def test_an_invalid_stack_policy_is_refused(stacks, body):
    """LocalStack's recording of test_stack_policies.py::TestStackPolicy::test_invalid_policy."""
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.create("unguarded", groups(3, "A"), StackPolicyBody=body)
    assert refused.value.response["Error"]["Message"] == "Error validating stack policy: Invalid stack policy"


def test_a_stack_policy_may_lie_in_a_bucket(cloud, stacks):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="policies")
    s3.put_object(Bucket="policies", Key="p.json", Body=policy(DENY_ALL))
    stacks.create("remote", groups(3, "A"))
    request = {"StackName": "remote", "StackPolicyURL": "https://policies.s3.amazonaws.com/p.json"}
    stacks.client.set_stack_policy(**request)
    assert stacks.client.get_stack_policy(StackName="remote")["StackPolicyBody"] == policy(DENY_ALL)
    with pytest.raises(botocore.exceptions.ClientError, match="both StackPolicyURL and StackPolicyBody"):
        stacks.client.set_stack_policy(**request, StackPolicyBody=policy(ALLOW_ALL))
    stacks.delete("remote")


def test_resource_types_bound_what_a_request_may_change(stacks):
    allowed = {"ResourceTypes": ["AWS::SNS::*"]}
    with pytest.raises(botocore.exceptions.ClientError, match="AWS::Logs::LogGroup is not allowed by"):
        stacks.create("typed", groups(3, "A"), **allowed)
    stacks.create("typed", groups(3, "A"), ResourceTypes=["AWS::Logs::LogGroup"])
    with_topic = groups(3, "A")
    with_topic["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic"}
    stacks.update("typed", with_topic, **allowed)
    with pytest.raises(botocore.exceptions.ClientError, match="is not allowed by parameter ResourceTypes"):
        stacks.client.create_change_set(
            StackName="typed", ChangeSetName="c", TemplateBody=json.dumps(groups(5, "A")), **allowed
        )
    stacks.delete("typed")


def test_a_service_role_is_checked_and_bounds_the_stack(cloud, stacks):
    def role(name: str, service: str, action: str) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        rights = {"Effect": "Allow", "Action": action, "Resource": "*"}
        iam = cloud.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(rights))
        return arn

    def document(statement: dict) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    stranger = role("stranger", "lambda.amazonaws.com", "*")
    for arn in (stranger, f"arn:aws:iam::{cloud.account_id}:role/none"):
        with pytest.raises(botocore.exceptions.ClientError, match="is invalid or cannot be assumed"):
            stacks.create("roled", groups(3, "A"), RoleARN=arn)
    weak = role("weak", "cloudformation.amazonaws.com", "sns:*")
    stacks.create("roled", groups(3, "A"), RoleARN=weak, status="ROLLBACK_COMPLETE")
    assert "HandlerErrorCode: AccessDenied" in stacks.reasons("roled")["A"]
    stacks.delete("roled")
    strong = role("strong", "cloudformation.amazonaws.com", "logs:*")
    stacks.create("roled", groups(3, "A"), RoleARN=strong)
    assert stacks.describe("roled")["RoleARN"] == strong
    with pytest.raises(botocore.exceptions.ClientError, match="is invalid or cannot be assumed"):
        stacks.client.delete_stack(StackName="roled", RoleARN=stranger)
    stacks.delete("roled", status="DELETE_FAILED", RoleARN=weak)
    stacks.delete("roled", RoleARN=strong)


def test_a_creation_that_takes_too_long_is_rolled_back(stacks, monkeypatch):
    create = Deployment.create

    def late(deployment, resolved, on_failure, deadline):
        assert deadline > time.monotonic()
        create(deployment, resolved, on_failure, deadline=time.monotonic() - 1)

    monkeypatch.setattr(Deployment, "create", late)
    stacks.create("late", groups(3, "A"), TimeoutInMinutes=1, status="ROLLBACK_COMPLETE")
    reasons = [event.get("ResourceStatusReason") for event in stacks.events("late")]
    assert (
        "Stack creation time exceeded the specified timeout. Rollback requested by user." in reasons
    )  # "Troubleshooting CloudFormation"
    assert stacks.describe("late")["TimeoutInMinutes"] == 1
    stacks.delete("late")


def test_resources_are_retained_only_after_a_failed_deletion(cloud, stacks):
    stacks.create("kept", {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})
    bucket = stacks.resources("kept")["Bucket"]
    message = "specify which resources to retain only when the stack is in the DELETE_FAILED state"
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        stacks.client.delete_stack(StackName="kept", RetainResources=["Bucket"])
    s3 = cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    stacks.delete("kept", status="DELETE_FAILED")
    with pytest.raises(botocore.exceptions.ClientError, match="Other"):
        stacks.client.delete_stack(StackName="kept", RetainResources=["Other"])
    stacks.delete("kept", RetainResources=["Bucket"])
    s3.head_bucket(Bucket=bucket)


def test_a_replaced_resource_outlives_its_stack_by_its_update_replace_policy(cloud, stacks):
    def template(path: str) -> dict:
        trust = {
            "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
        }
        role = {"Type": "AWS::IAM::Role", "Properties": {"Path": path, "AssumeRolePolicyDocument": trust}}
        return {"Resources": {"Role": {**role, "UpdateReplacePolicy": "Retain"}}}

    stacks.create("replaces", template("/a/"))
    old = stacks.resources("replaces")["Role"]
    stacks.update("replaces", template("/b/"))
    new = stacks.resources("replaces")["Role"]
    skipped = [one for one in stacks.events("replaces") if one["ResourceStatus"] == "DELETE_SKIPPED"]
    assert [one["PhysicalResourceId"] for one in skipped] == [old]
    stacks.delete("replaces")
    names = {one["RoleName"] for one in cloud.client("iam").list_roles()["Roles"]}
    assert old in names
    assert new not in names


def test_what_a_failed_creation_retains(cloud, stacks):
    def template(deletion_policy: str) -> dict:
        made = groups(3, "A", DeletionPolicy=deletion_policy)
        made["Resources"]["A"]["Properties"]["LogGroupName"] = "/retained"
        bad = {"Bucket": "no-such-bucket-anywhere", "PolicyDocument": {"Statement": []}}
        made["Resources"]["Bad"] = {
            "Type": "AWS::S3::BucketPolicy",
            "DependsOn": "A",
            "Properties": bad,
        }
        return made

    def is_there() -> bool:
        return bool(cloud.client("logs").describe_log_groups(logGroupNamePrefix="/retained")["logGroups"])

    for deletion_policy, request, stays in (
        ("Retain", {"RetainExceptOnCreate": True}, False),
        ("RetainExceptOnCreate", {}, False),
        ("Retain", {}, True),
    ):
        stacks.create("half", template(deletion_policy), status="ROLLBACK_COMPLETE", **request)
        assert is_there() is stays
        stacks.delete("half")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("RollbackConfiguration", {"MonitoringTimeInMinutes": 5}),
        ("RollbackConfiguration", {"RollbackTriggers": [{"Arn": "arn:a", "Type": "AWS::CloudWatch::Alarm"}]}),
        ("NotificationARNs", ["arn:aws:sns:us-east-1:123456789012:events"]),
        ("OnFailure", "ROLLBACK"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(stacks, member, value):
    with pytest.raises(botocore.exceptions.ClientError, match=member) as refused:
        stacks.create("refused", groups(3, "A"), DisableRollback=True, **{member: value})
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_members_that_would_be_ignored_are_refused_by_name(stacks):
    stacks.create("plain", groups(3, "A"))
    for call, request in (
        (stacks.client.delete_stack, {"StackName": "plain", "DeletionMode": "FORCE_DELETE_STACK"}),
        (
            stacks.client.create_change_set,
            {
                "StackName": "plain",
                "ChangeSetName": "c",
                "TemplateBody": "x",
                "ImportExistingResources": True,
            },
        ),
    ):
        with pytest.raises(botocore.exceptions.ClientError, match="localcloud does not support"):
            call(**request)
    stacks.delete("plain", DeletionMode="STANDARD")
