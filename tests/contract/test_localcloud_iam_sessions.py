"""A key or session is valid as long as its user or role exists; a role is assumed only by those it trusts."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from localcloud_lambda_fixtures import Account, allow, having, policy, refusal, running, trust

from localcloud.iam import IamEnforcement, NotAssumable, assume_for_service, require_trust

__all__ = ["having"]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement) as account:
        yield account


def test_temporary_credentials_of_another_cloud_are_refused(account: Account) -> None:
    stale = {"aws_access_key_id": "ASIAXXXXXXXXXXXXXXXX", "aws_session_token": "gone"}
    error = refusal(lambda: account.client("sts", **stale).get_caller_identity())
    assert error["Error"]["Code"] == "InvalidClientTokenId"
    keys = account.session(account.role("token"))
    error = refusal(lambda: account.client("s3", **(keys | {"aws_session_token": "wrong"})).list_buckets())
    assert error["Error"]["Code"] == "InvalidToken"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_s3_says_by_its_own_status_that_a_token_has_expired(account: Account) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList"""
    from moto.sts.models import sts_backends

    keys = account.session(account.role("expiring", trusts={"AWS": "123456789012"}))
    session = sts_backends["123456789012"]["aws"].get_assumed_role_from_access_key(keys["aws_access_key_id"])
    session.expiration = datetime.now(UTC) - timedelta(seconds=1)
    error = refusal(lambda: account.client("s3", **keys).list_buckets())
    assert error["Error"]["Code"] == "ExpiredToken"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = refusal(lambda: account.client("sts", **keys).get_caller_identity())
    assert error["Error"]["Code"] == "ExpiredToken"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sts", lambda sts: sts.get_caller_identity(), "InvalidClientTokenId"),
        ("iam", lambda iam: iam.create_user(UserName="mine"), "InvalidClientTokenId"),
        ("s3", lambda s3: s3.list_buckets(), "InvalidAccessKeyId"),
        ("logs", lambda logs: logs.describe_log_groups(), "UnrecognizedClientException"),
    ],
    ids=["sts", "iam", "s3", "logs"],
)
@pytest.mark.parametrize("is_user_gone", [False, True])
def test_a_deleted_key_is_nobodys(
    account: Account, service: str, call: Callable[[Any], Any], code: str, is_user_gone: bool
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList has S3's words."""
    iam = account.client("iam")
    iam.create_user(UserName="brief")
    key = iam.create_access_key(UserName="brief")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    iam.delete_access_key(UserName="brief", AccessKeyId=key["AccessKeyId"])
    if is_user_gone:
        iam.delete_user(UserName="brief")
    error = refusal(lambda: call(account.client(service, **keys)))["Error"]
    if not is_user_gone:
        iam.delete_user(UserName="brief")
    assert error["Code"] == code
    assert error["Message"] == (
        "The AWS Access Key Id you provided does not exist in our records."
        if service == "s3"
        else "The security token included in the request is invalid."
    )


def test_a_session_ends_with_its_role(account: Account) -> None:
    role = account.role("fleeting", allow("s3:*", "*"))
    keys = account.session(role)
    iam = account.client("iam")
    own = account.cloud.client("s3", role)
    own.list_buckets()
    who = account.client("sts", **keys).get_caller_identity
    iam.delete_role_policy(RoleName="fleeting", PolicyName="own")
    iam.delete_role(RoleName="fleeting")
    assert refusal(who)["Error"]["Code"] == "InvalidClientTokenId"
    account.role("fleeting", allow("s3:*", "*"))  # another one of the same name
    assert refusal(who)["Error"]["Code"] == "InvalidClientTokenId"
    assert refusal(own.list_buckets)["Error"]["Code"] == "InvalidAccessKeyId"
    account.cloud.client("s3", role).list_buckets()


def test_a_session_token_does_not_make_anybody_the_owner(account: Account) -> None:
    iam = account.client("iam")
    iam.create_user(UserName="climber")
    key = iam.create_access_key(UserName="climber")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    document = policy(allow("sts:GetSessionToken", "*"))
    iam.put_user_policy(UserName="climber", PolicyName="own", PolicyDocument=document)
    error = refusal(lambda: account.client("sts", **keys).get_session_token())["Error"]
    assert error["Code"] == "UnsupportedOperation"
    session = account.session(account.role("rung", allow("sts:GetSessionToken", "*")))
    error = refusal(lambda: account.client("sts", **session).get_session_token())["Error"]
    assert error["Code"] == "AccessDenied"
    assert error["Message"] == "Cannot call GetSessionToken with session credentials"


def test_a_role_assumes_another_only_if_that_one_trusts_it(account: Account, having: Callable) -> None:
    sts = having(allow("sts:AssumeRole", "*"))("sts")
    open_role = account.role("trusting", trusts={"AWS": "arn:aws:iam::123456789012:root"})
    closed_role = account.role("closed", trusts={"AWS": "arn:aws:iam::210987654321:role/somebody-else"})
    assert sts.assume_role(RoleArn=open_role, RoleSessionName="on")["Credentials"]
    error = refusal(lambda: sts.assume_role(RoleArn=closed_role, RoleSessionName="on"))["Error"]
    assert error["Code"] == "AccessDenied"
    assert error["Message"].endswith(f"sts:AssumeRole on resource: {closed_role}")


def test_a_role_is_trusted_by_one_statement_whatever_another_depends_on(
    account: Account, having: Callable
) -> None:
    role = account.role("trusting-twice")
    sts = having(allow("sts:AssumeRole", "*"))("sts")
    trusted = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    by_account = {**trusted, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    by_name = {
        **trusted,
        "Principal": {"AWS": f"arn:aws:iam::123456789012:role/{having.name}"},
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "x"}},
    }
    document = policy(by_account, by_name)
    account.client("iam").update_assume_role_policy(RoleName="trusting-twice", PolicyDocument=document)
    assert sts.assume_role(RoleArn=role, RoleSessionName="on")["Credentials"]


def test_a_service_assumes_only_roles_that_trust_it(account: Account) -> None:
    role = account.role("for-jobs", trusts={"Service": "sagemaker.amazonaws.com"})
    keys = assume_for_service(account.cloud, role, "sagemaker.amazonaws.com", "job-1")
    client = account.client(
        "sts",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
    )
    assert client.get_caller_identity()["Arn"].endswith(":assumed-role/for-jobs/job-1")
    with pytest.raises(NotAssumable, match=r"does not allow lambda\.amazonaws\.com"):
        assume_for_service(account.cloud, role, "lambda.amazonaws.com", "x")
    with pytest.raises(NotAssumable, match="There is no role"):
        assume_for_service(account.cloud, role + "-not", "sagemaker.amazonaws.com", "x")
    document = trust({"Service": "sagemaker.amazonaws.com"})
    for_one = json.loads(document)
    for_one["Statement"][0]["Condition"] = {"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*"}}
    account.client("iam").update_assume_role_policy(RoleName="for-jobs", PolicyDocument=json.dumps(for_one))
    with pytest.raises(NotAssumable, match="does not support the condition key aws:SourceArn"):
        assume_for_service(account.cloud, role, "sagemaker.amazonaws.com", "x")


def test_a_service_is_trusted_under_conditions_of_its_requests(account: Account) -> None:
    conditions = {
        "StringEquals": {"aws:SourceAccount": "123456789012", "aws:RequestedRegion": account.cloud.region},
        "Bool": {"aws:SecureTransport": "true"},
    }
    role = account.role("for-jobs-of-here")
    document = trust({"Service": "sagemaker.amazonaws.com"}, Condition=conditions)
    account.client("iam").update_assume_role_policy(RoleName="for-jobs-of-here", PolicyDocument=document)
    require_trust(account.cloud, role, "sagemaker.amazonaws.com")


def test_nobody_assumes_a_role_that_is_not_there(account: Account) -> None:
    role = "arn:aws:iam::123456789012:role/nowhere"
    error = refusal(lambda: account.client("sts").assume_role(RoleArn=role, RoleSessionName="me"))["Error"]
    assert error["Code"] == "AccessDenied"
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in error["Message"]
