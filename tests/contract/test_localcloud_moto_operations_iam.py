"""Each operation of IAM and STS that moto may answer does what it says."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from localcloud_moto_fixtures import POLICY, TAG, cloud, every_operation_of

from localcloud.cloud import Cloud

__all__ = ["cloud"]
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def test_the_operations_of_iam(cloud: Cloud) -> None:
    with every_operation_of(cloud, "iam") as iam:
        _users(iam)
        _roles(iam)
        _policies(iam)
        iam.create_account_alias(AccountAlias="alias")
        assert iam.list_account_aliases()["AccountAliases"] == ["alias"]
        iam.delete_account_alias(AccountAlias="alias")
        assert iam.get_account_summary()["SummaryMap"]["Users"] == 0
        assert iam.get_account_authorization_details(Filter=["User"])["UserDetailList"] == []
        assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
        assert iam.list_saml_providers()["SAMLProviderList"] == []
        assert iam.list_server_certificates()["ServerCertificateMetadataList"] == []
        assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
        message = "The Password Policy with domain name 123456789012 cannot be found."
        with pytest.raises(ClientError, match=message):
            iam.get_account_password_policy()


def _users(iam: Any) -> None:
    user, group = {"UserName": "u"}, {"GroupName": "g"}
    iam.create_user(**user)
    assert iam.get_user(**user)["User"]["UserName"] == "u"
    assert [one["UserName"] for one in iam.list_users()["Users"]] == ["u"]
    key = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
    assert iam.list_access_keys(**user)["AccessKeyMetadata"][0]["AccessKeyId"] == key
    assert iam.get_access_key_last_used(AccessKeyId=key)["UserName"] == "u"
    iam.delete_access_key(**user, AccessKeyId=key)
    iam.tag_user(**user, Tags=TAG)
    assert iam.list_user_tags(**user)["Tags"] == TAG
    iam.untag_user(**user, TagKeys=["a"])
    assert iam.list_mfa_devices(**user)["MFADevices"] == []
    assert iam.list_signing_certificates(**user)["Certificates"] == []
    assert iam.list_ssh_public_keys(**user)["SSHPublicKeys"] == []
    iam.create_login_profile(**user, Password="Secret-123")
    assert iam.get_login_profile(**user)["LoginProfile"]["UserName"] == "u"
    iam.delete_login_profile(**user)
    iam.put_user_policy(**user, PolicyName="p", PolicyDocument=POLICY)
    assert iam.list_user_policies(**user)["PolicyNames"] == ["p"]
    assert iam.get_user_policy(**user, PolicyName="p")["PolicyDocument"] == json.loads(POLICY)
    iam.delete_user_policy(**user, PolicyName="p")
    iam.create_group(**group)
    iam.add_user_to_group(**user, **group)
    assert iam.get_group(**group)["Users"][0]["UserName"] == "u"
    assert iam.list_groups_for_user(**user)["Groups"][0]["GroupName"] == "g"
    iam.put_group_policy(**group, PolicyName="p", PolicyDocument=POLICY)
    assert iam.list_group_policies(**group)["PolicyNames"] == ["p"]
    assert iam.get_group_policy(**group, PolicyName="p")["PolicyDocument"] == json.loads(POLICY)
    iam.delete_group_policy(**group, PolicyName="p")
    iam.remove_user_from_group(**user, **group)
    iam.delete_group(**group)
    iam.delete_user(**user)
    assert iam.list_groups()["Groups"] == iam.list_users()["Users"] == []


def _roles(iam: Any) -> None:
    role, profile = {"RoleName": "r"}, {"InstanceProfileName": "i"}
    iam.create_role(**role, AssumeRolePolicyDocument=TRUST)
    iam.update_role(**role, Description="one", MaxSessionDuration=7200)
    assert iam.get_role(**role)["Role"]["Description"] == "one"
    assert iam.update_role_description(**role, Description="two")["Role"]["Description"] == "two"
    iam.update_assume_role_policy(**role, PolicyDocument=TRUST)
    boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    iam.put_role_permissions_boundary(**role, PermissionsBoundary=boundary)
    shown = iam.get_role(**role)["Role"]
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    assert shown["AssumeRolePolicyDocument"] == json.loads(TRUST)
    iam.delete_role_permissions_boundary(**role)
    iam.put_role_policy(**role, PolicyName="p", PolicyDocument=POLICY)
    assert iam.list_role_policies(**role)["PolicyNames"] == ["p"]
    assert iam.get_role_policy(**role, PolicyName="p")["PolicyDocument"] == json.loads(POLICY)
    iam.delete_role_policy(**role, PolicyName="p")
    iam.tag_role(**role, Tags=TAG)
    assert iam.list_role_tags(**role)["Tags"] == TAG
    iam.untag_role(**role, TagKeys=["a"])
    iam.create_instance_profile(**profile)
    iam.add_role_to_instance_profile(**profile, **role)
    assert iam.get_instance_profile(**profile)["InstanceProfile"]["Roles"][0]["RoleName"] == "r"
    assert len(iam.list_instance_profiles_for_role(**role)["InstanceProfiles"]) == 1
    iam.remove_role_from_instance_profile(**profile, **role)
    iam.delete_instance_profile(**profile)
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
    iam.delete_role(**role)
    assert iam.list_roles()["Roles"] == []


def _policies(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="m", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["IsDefaultVersion"]
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    assert len(iam.list_policy_versions(PolicyArn=arn)["Versions"]) == 1
    iam.tag_policy(PolicyArn=arn, Tags=TAG)
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == TAG
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    for kind, name in (("user", "UserName"), ("group", "GroupName"), ("role", "RoleName")):
        who = {name: kind[0]}
        getattr(iam, f"attach_{kind}_policy")(**who, PolicyArn=arn)
        attached = getattr(iam, f"list_attached_{kind}_policies")(**who)["AttachedPolicies"]
        assert attached[0]["PolicyArn"] == arn
    holders = iam.list_entities_for_policy(PolicyArn=arn)
    assert [len(holders[kind]) for kind in ("PolicyUsers", "PolicyGroups", "PolicyRoles")] == [1, 1, 1]
    for kind, name in (("user", "UserName"), ("group", "GroupName"), ("role", "RoleName")):
        getattr(iam, f"detach_{kind}_policy")(**{name: kind[0]}, PolicyArn=arn)
        getattr(iam, f"delete_{kind}")(**{name: kind[0]})
    iam.delete_policy(PolicyArn=arn)
    assert iam.list_policies(Scope="Local")["Policies"] == []


def test_a_user_who_names_nobody_has_no_certificates_and_no_keys_of_ssh(cloud: Cloud) -> None:
    iam, user = cloud.client("iam"), {"UserName": "himself"}
    iam.create_user(**user)
    document = POLICY.replace("s3:*", "iam:*")
    iam.put_user_policy(**user, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(**user)["AccessKey"]
    own = boto3.client(
        "iam",
        region_name="us-east-1",
        endpoint_url=cloud.url,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    assert own.list_signing_certificates()["Certificates"] == []
    assert own.list_ssh_public_keys()["SSHPublicKeys"] == []
    iam.delete_access_key(**user, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(**user, PolicyName="p")
    iam.delete_user(**user)


def test_the_operations_of_sts(cloud: Cloud) -> None:
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}
            ],
        }
    )
    role = cloud.client("iam").create_role(RoleName="assumed", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    with every_operation_of(cloud, "sts") as sts:
        assert sts.get_caller_identity()["Account"] == "123456789012"
        assumed = sts.assume_role(RoleArn=role, RoleSessionName="session")
        assert assumed["AssumedRoleUser"]["Arn"].endswith("assumed-role/assumed/session")
        assert sts.get_session_token()["Credentials"]["SessionToken"]
        key = assumed["Credentials"]["AccessKeyId"]
        assert sts.get_access_key_info(AccessKeyId=key)["Account"] == "123456789012"
