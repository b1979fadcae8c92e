"""Users, groups, roles, policies and sessions are described and refused as IAM and STS do it.

The words are those of LocalStack's recordings of AWS (tests/aws/services/iam/test_iam_*.snapshot.json and
tests/aws/services/sts/test_sts.snapshot.json), unless a test names another source.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, allow, policy, running, trust

from localcloud.iam import IamEnforcement

ARN = "arn:aws:iam::123456789012:"
POLICY = policy(allow("s3:GetObject"))
TRUST = trust({"AWS": f"{ARN}root"})
MISSING = "NoSuchEntity"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement) as account:
        iam = account.client("iam")
        iam.create_user(UserName="ann")
        iam.create_group(GroupName="critics")
        iam.create_role(RoleName="actor", AssumeRolePolicyDocument=TRUST)
        iam.create_policy(PolicyName="reads", PolicyDocument=POLICY)
        iam.create_instance_profile(InstanceProfileName="profile")
        yield account


@pytest.fixture(scope="module")
def iam(account: Account) -> Any:
    return account.client("iam", config=Config(parameter_validation=False))


def error(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    found = caught.value.response["Error"]
    assert set(found) == {"Code", "Message", "Type"}
    return found["Code"], found["Message"]


@pytest.mark.parametrize(
    ("operation", "request_", "code", "message"),
    [
        ("create_user", {"UserName": "ann"}, "EntityAlreadyExists", "User with name ann already exists."),
        (
            "create_group",
            {"GroupName": "critics"},
            "EntityAlreadyExists",
            "Group with name critics already exists.",
        ),
        # "names are unique within the account, without regard to case": the API references of Create*
        ("create_user", {"UserName": "ANN"}, "EntityAlreadyExists", "User with name ANN already exists."),
        (
            "create_group",
            {"GroupName": "Critics"},
            "EntityAlreadyExists",
            "Group with name Critics already exists.",
        ),
        (
            "create_role",
            {"RoleName": "Actor", "AssumeRolePolicyDocument": TRUST},
            "EntityAlreadyExists",
            "Role with name Actor already exists.",
        ),
        (
            "create_policy",
            {"PolicyName": "Reads", "PolicyDocument": POLICY, "Path": "/elsewhere/"},
            "EntityAlreadyExists",
            "A policy called Reads already exists. Duplicate names are not allowed.",
        ),
        # https://github.com/hashicorp/boundary/pull/4255 shows the words
        (
            "create_role",
            {
                "RoleName": "unbound",
                "AssumeRolePolicyDocument": TRUST,
                "PermissionsBoundary": f"{ARN}policy/no",
            },
            MISSING,
            f"Scope ARN: {ARN}policy/no does not exist or is not attachable.",
        ),
        (
            "put_role_permissions_boundary",
            {"RoleName": "actor", "PermissionsBoundary": f"{ARN}policy/no"},
            MISSING,
            f"Scope ARN: {ARN}policy/no does not exist or is not attachable.",
        ),
        ("get_role", {"RoleName": "no"}, MISSING, "The role with name no cannot be found."),
        ("list_role_tags", {"RoleName": "no"}, MISSING, "The role with name no cannot be found."),
        ("get_group", {"GroupName": "no"}, MISSING, "The group with name no cannot be found."),
        (
            "remove_user_from_group",
            {"GroupName": "no", "UserName": "nobody"},
            MISSING,
            "The user with name nobody cannot be found.",
        ),
        (
            "get_role_policy",
            {"RoleName": "actor", "PolicyName": "p"},
            MISSING,
            "The role policy with name p cannot be found.",
        ),
        (
            "get_group_policy",
            {"GroupName": "critics", "PolicyName": "p"},
            MISSING,
            "The group policy with name p cannot be found.",
        ),
        ("get_login_profile", {"UserName": "ann"}, MISSING, "Login Profile for User ann cannot be found."),
        (
            "get_instance_profile",
            {"InstanceProfileName": "no"},
            MISSING,
            "Instance Profile no cannot be found.",
        ),
        (
            "get_policy_version",
            {"PolicyArn": f"{ARN}policy/reads", "VersionId": "v9"},
            MISSING,
            f"Policy {ARN}policy/reads version v9 does not exist or is not attachable.",
        ),
        (
            "list_policy_tags",
            {"PolicyArn": f"{ARN}policy/no"},
            MISSING,
            f"Policy {ARN}policy/no was not found.",
        ),
        (
            "get_policy_version",
            {"PolicyArn": f"{ARN}policy/reads", "VersionId": "9"},
            "ValidationError",
            "1 validation error detected: Value at 'versionId' failed to satisfy constraint: Member must "
            r"satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?",
        ),
        (
            "tag_policy",
            {
                "PolicyArn": f"{ARN}policy/reads",
                "Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
            },
            "InvalidInput",
            "Duplicate tag keys found.",
        ),
        (
            "tag_role",
            {"RoleName": "actor", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]},
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        (
            "untag_role",
            {"RoleName": "actor", "TagKeys": ["k" * 129]},
            "ValidationError",
            "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must "
            "satisfy constraint: [Member must have length less than or equal to 128, Member must have length "
            "greater than or equal to 1, Member must satisfy regular expression pattern: "
            r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+, Member must not be null]",
        ),
        (
            "delete_access_key",
            {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"},
            "ValidationError",
            "Must specify userName when calling with non-User credentials",
        ),
        (
            "create_login_profile",
            {"UserName": "ann", "Password": "correct horse 1 A", "PasswordResetRequired": True},
            "UnsupportedOperation",
            "CreateLoginProfile: localcloud does not support the property PasswordResetRequired (given: "
            "'true').",
        ),
        (
            "create_user",
            {"UserName": "bounded", "PermissionsBoundary": f"{ARN}policy/reads"},
            "UnsupportedOperation",
            "CreateUser: localcloud does not support the property PermissionsBoundary (given: "
            f"'{ARN}policy/reads').",
        ),
    ],
)
def test_what_iam_refuses(
    iam: Any, operation: str, request_: dict[str, Any], code: str, message: str
) -> None:
    assert error(getattr(iam, operation), **request_) == (code, message)


def test_a_user_who_still_has_something_stays(iam: Any) -> None:
    """The words about keys, groups and passwords are those that IAM's users report."""
    user, group = {"UserName": "busy"}, {"GroupName": "film-club"}
    iam.create_user(**user)
    iam.create_group(**group)
    key = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
    iam.attach_user_policy(**user, PolicyArn=f"{ARN}policy/reads")
    iam.put_user_policy(**user, PolicyName="own", PolicyDocument=POLICY)
    iam.add_user_to_group(**user, **group)
    iam.create_login_profile(**user, Password="correct horse 1 A")
    removals: list[tuple[str, Callable[[], Any]]] = [
        ("delete access keys", lambda: iam.delete_access_key(**user, AccessKeyId=key)),
        ("detach all policies", lambda: iam.detach_user_policy(**user, PolicyArn=f"{ARN}policy/reads")),
        ("delete policies", lambda: iam.delete_user_policy(**user, PolicyName="own")),
        ("remove users from group", lambda: iam.remove_user_from_group(**user, **group)),
        ("delete login profile", lambda: iam.delete_login_profile(**user)),
    ]
    for needed, remove in removals:
        conflict = "DeleteConflict", f"Cannot delete entity, must {needed} first."
        assert error(iam.delete_user, **user) == conflict
        if needed == "remove users from group":
            assert error(iam.delete_group, **group) == conflict
        remove()
    iam.delete_user(**user)
    iam.delete_group(**group)


def test_a_policy_that_is_attached_or_has_versions_stays(iam: Any) -> None:
    """The words are those that IAM's users report."""
    arn = iam.create_policy(PolicyName="kept", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.attach_group_policy(GroupName="critics", PolicyArn=arn)
    attached = "DeleteConflict", "Cannot delete a policy attached to entities."
    assert error(iam.delete_policy, PolicyArn=arn) == attached
    iam.detach_group_policy(GroupName="critics", PolicyArn=arn)
    iam.put_role_permissions_boundary(RoleName="actor", PermissionsBoundary=arn)
    assert error(iam.delete_policy, PolicyArn=arn) == attached
    iam.delete_role_permissions_boundary(RoleName="actor")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY)
    assert error(iam.delete_policy, PolicyArn=arn)[1].startswith("This policy has more than one version.")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)


def test_a_description_has_what_iam_shows(iam: Any) -> None:
    common = {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument"}
    assert set(iam.create_role(RoleName="shown", AssumeRolePolicyDocument=TRUST)["Role"]) == common
    role = iam.get_role(RoleName="shown")["Role"]
    assert set(role) == common | {"MaxSessionDuration", "RoleLastUsed"}
    assert role["RoleLastUsed"] == {}
    made = iam.create_policy(PolicyName="shown", PolicyDocument=POLICY)["Policy"]
    assert "Tags" not in made and made["PermissionsBoundaryUsageCount"] == 0
    iam.put_role_permissions_boundary(RoleName="shown", PermissionsBoundary=made["Arn"])
    found = iam.get_policy(PolicyArn=made["Arn"])["Policy"]
    assert found["Tags"] == [] and found["PermissionsBoundaryUsageCount"] == 1
    version = iam.create_policy_version(PolicyArn=made["Arn"], PolicyDocument=POLICY)["PolicyVersion"]
    assert set(version) == {"CreateDate", "IsDefaultVersion", "VersionId"}
    versions = iam.list_policy_versions(PolicyArn=made["Arn"])["Versions"]
    assert [one["VersionId"] for one in versions] == ["v2", "v1"]
    assert not any("Document" in one for one in versions)
    ids = {
        "AIDA": iam.get_user(UserName="ann")["User"]["UserId"],
        "AGPA": iam.get_group(GroupName="critics")["Group"]["GroupId"],
        "ANPA": found["PolicyId"],
        "AIPA": iam.get_instance_profile(InstanceProfileName="profile")["InstanceProfile"][
            "InstanceProfileId"
        ],
    }
    assert all(id.startswith(prefix) and len(id) == 21 for prefix, id in ids.items())


def test_lists_come_in_pages(iam: Any) -> None:
    for name in ("page-1", "page-2", "page-3"):
        iam.create_user(UserName=name, Path="/pages/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2})
    assert [len(page["Users"]) for page in pages] == [2, 1]
    assert iam.list_users(PathPrefix="/pages/")["IsTruncated"] is False
    iam.attach_user_policy(UserName="page-1", PolicyArn=f"{ARN}policy/reads")
    attached = iam.list_attached_user_policies(UserName="page-1", MaxItems=1)
    assert attached["AttachedPolicies"] and attached["IsTruncated"] is False


def test_who_calls(account: Account, iam: Any) -> None:
    root = {"Account": "123456789012", "Arn": f"{ARN}root", "UserId": "123456789012"}
    found = account.client("sts").get_caller_identity()
    assert {name: found[name] for name in root} == root
    assert iam.get_user()["User"]["Arn"] == f"{ARN}root"
    iam.create_user(UserName="moto")  # as moto calls the owner
    for name in ("ann", "moto"):
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        found = account.client("sts", **keys).get_caller_identity()
        user = iam.get_user(UserName=name)["User"]
        assert (found["Arn"], found["UserId"]) == (user["Arn"], user["UserId"])


def test_a_session_is_named_after_its_role(account: Account, iam: Any) -> None:
    role = iam.get_role(RoleName="actor")["Role"]
    iam.put_role_policy(RoleName="actor", PolicyName="all", PolicyDocument=policy(allow("iam:*")))
    session = account.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="tester")
    assert session["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:tester"
    assert "PackedPolicySize" not in session
    keys = account.session(role["Arn"])
    assert account.client("sts", **keys).get_caller_identity()["UserId"].startswith(f"{role['RoleId']}:")
    of_oneself = error(account.client("iam", **keys).get_user)
    assert of_oneself == ("ValidationError", "Must specify userName when calling with non-User credentials")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"RoleArn": "nothing-valid-in-here"}, "nothing-valid-in-here is invalid"),
        ({"RoleArn": "arn:a::::something/test-role"}, "arn:a::::something/test-role is invalid"),
        ({"RoleArn": "arn:a:a::aaaaaaaaaa:"}, "arn:a:a::aaaaaaaaaa: is invalid"),
        (
            {"RoleArn": f"{ARN}role/actor", "DurationSeconds": 7200},
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
    ],
)
def test_sessions_that_sts_refuses(account: Account, request_: dict[str, Any], message: str) -> None:
    found = error(account.client("sts").assume_role, RoleSessionName="tester", **request_)
    assert found == ("ValidationError", message)


def test_a_session_has_no_policy_that_iam_would_not_take(account: Account, iam: Any) -> None:
    role = iam.create_role(RoleName="limited", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    sts = account.client("sts")
    for document, message in (
        # "malformed_policy" in assumed_roles.md of apache/hadoop, which quotes STS
        ("not JSON", "The policy is not in the valid JSON format."),
        ("[]", "Syntax errors in policy."),
        ("{}", "Syntax errors in policy."),
        (policy({"Action": "*", "Resource": "*"}), "Syntax errors in policy."),
        (policy({**allow("s3:*"), "Principal": "*"}), "Policy document should not specify a principal."),
    ):
        found = error(sts.assume_role, RoleArn=role, RoleSessionName="tester", Policy=document)
        assert found == ("MalformedPolicyDocument", message)


def test_a_trust_policy_is_for_assuming_the_role(iam: Any) -> None:
    other = json.loads(TRUST)
    other["Statement"][0]["Action"] = "s3:GetObject"
    found = error(iam.update_assume_role_policy, RoleName="actor", PolicyDocument=json.dumps(other))
    assert found == ("MalformedPolicyDocument", "AssumeRole policy may only specify STS AssumeRole actions.")


@pytest.mark.parametrize("operation", ["put_user_policy", "create_policy", "create_role"])
def test_the_id_of_a_statement_is_alphanumeric(iam: Any, operation: str) -> None:
    """The words are those that IAM's users report."""
    document = json.loads(TRUST if operation == "create_role" else POLICY)
    document["Statement"][0]["Sid"] = "a b"
    text = json.dumps(document)
    requests: dict[str, dict[str, str]] = {
        "put_user_policy": {"UserName": "ann", "PolicyName": "p", "PolicyDocument": text},
        "create_policy": {"PolicyName": "never", "PolicyDocument": text},
        "create_role": {"RoleName": "never", "AssumeRolePolicyDocument": text},
    }
    assert error(getattr(iam, operation), **requests[operation]) == (
        "MalformedPolicyDocument",
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
        "[0-9A-Za-z]*",
    )


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        ({"AWS": f"{ARN}user/nope"}, f'"AWS":"{ARN}user/nope"'),
        ({"AWS": [f"{ARN}role/actor", f"{ARN}role/nope"]}, f'"AWS":"{ARN}role/nope"'),
        ({"AWS": f"{ARN}role/*"}, f'"AWS":"{ARN}role/*"'),
        ({"AWS": "12345"}, '"AWS":"12345"'),
        ({"Service": "foo.bar.com"}, '"SERVICE":"foo.bar.com"'),
        ({"Service": "foo.amazonaws.com"}, '"SERVICE":"foo.amazonaws.com"'),
        ({"Federated": f"{ARN}saml-provider/nope"}, f'"FEDERATED":"{ARN}saml-provider/nope"'),
        ("123456789012", '"AWS":"123456789012"'),
        (["*"], '"AWS":"*"'),
        ({"AWS": []}, '"AWS":""'),
        ({}, '"AWS":""'),
    ],
)
def test_a_trust_policy_names_principals_that_exist(iam: Any, principal: Any, shown: str) -> None:
    """https://github.com/opstrace/opstrace/issues/88 and https://github.com/aws/aws-cdk-examples/issues/801
    show the words, and the form is in
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"""
    refused = "MalformedPolicyDocument", f"Invalid principal in policy: {shown}"
    document = trust(principal)
    assert error(iam.create_role, RoleName="never", AssumeRolePolicyDocument=document) == refused
    assert error(iam.update_assume_role_policy, RoleName="actor", PolicyDocument=document) == refused


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": ["*", "123456789012", f"{ARN}user/ann", f"{ARN}role/actor"]},
        {"AWS": "arn:aws:iam::210987654321:role/elsewhere"},
        {"AWS": "arn:aws:sts::123456789012:assumed-role/actor/tester"},
        {"Service": ["ecs-tasks.amazonaws.com", "edgelambda.amazonaws.com", "vpc-flow-logs.amazonaws.com"]},
        {"Service": ["monitoring.rds.amazonaws.com", "states.us-east-1.amazonaws.com", "vmie.amazonaws.com"]},
        {"Service": ["amazonmq.amazonaws.com", "ipam.amazonaws.com", "macie.amazonaws.com"]},
        {"Service": ["deepracer.amazonaws.com", "contacts-service.managedservices.amazonaws.com"]},
        {"Service": ["alexa-appkit.amazon.com", "ec2.amazonaws.com.cn", "spotfleet.amazonaws.com"]},
        {"Federated": "cognito-identity.amazonaws.com"},
    ],
)
def test_principals_that_a_trust_policy_may_name(iam: Any, principal: Any) -> None:
    iam.create_role(RoleName="trusting", AssumeRolePolicyDocument=trust(principal))
    iam.delete_role(RoleName="trusting")
