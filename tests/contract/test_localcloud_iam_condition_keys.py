"""Conditions see what AWS says about a request, or the request is refused by the name of the key.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, allow, policy, running, trust

from localcloud.iam import IamEnforcement

ROLE = {"RoleName": "reader"}
EVERYTHING = allow("s3:*", "*")


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement) as account:
        s3 = account.client("s3")
        s3.create_bucket(Bucket="films")
        s3.put_bucket_versioning(Bucket="films", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="films", Key="plain", Body=b"1")
        s3.put_object(Bucket="films", Key="tagged", Body=b"1", Tagging="Class=Secret")
        iam = account.client("iam")
        tags = [{"Key": "Team", "Value": "critics"}]
        iam.create_role(**ROLE, AssumeRolePolicyDocument=trust({"AWS": "123456789012"}), Tags=tags)
        yield account


@pytest.fixture(scope="module")
def role(account: Account) -> dict[str, str]:
    return account.session("arn:aws:iam::123456789012:role/reader")


@pytest.fixture
def code(account: Account, role: dict[str, str]) -> Callable[..., str]:
    """The code with which a call of the role is refused under these statements; "" if it is not."""
    iam = account.client("iam")

    def refused(call: Callable[[Any], Any], *statements: dict[str, Any], service: str = "s3") -> str:
        iam.put_role_policy(**ROLE, PolicyName="own", PolicyDocument=policy(*statements))
        try:
            call(account.client(service, **role))
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    return refused


def deny(operator: str, key: str, value: str) -> dict[str, Any]:
    return {**EVERYTHING, "Effect": "Deny", "Condition": {operator: {key: value}}}


def put(**request: Any) -> Callable[[Any], Any]:
    return lambda s3: s3.put_object(Bucket="films", Key="new", Body=b"1", **request)


def get(key: str) -> Callable[[Any], Any]:
    return lambda s3: s3.get_object(Bucket="films", Key=key)


def put_tags(s3: Any) -> None:
    tags = [{"Key": "Class", "Value": "Secret"}]
    s3.put_object_tagging(Bucket="films", Key="plain", Tagging={"TagSet": tags})


def read_version(s3: Any) -> None:
    version = s3.list_object_versions(Bucket="films", Prefix="plain")["Versions"][-1]["VersionId"]
    s3.get_object(Bucket="films", Key="plain", VersionId=version)


@pytest.mark.parametrize(
    ("key", "value", "call"),
    [
        ("s3:ExistingObjectTag/Class", "Secret", get("tagged")),
        ("s3:RequestObjectTag/Class", "Secret", put(Tagging="Class=Secret")),
        ("s3:RequestObjectTag/Class", "Secret", put_tags),
        ("s3:RequestObjectTagKeys", "Class", put(Tagging="Class=Secret")),
        ("s3:x-amz-acl", "bucket-owner-full-control", put(ACL="bucket-owner-full-control")),
        ("s3:x-amz-storage-class", "STANDARD_IA", put(StorageClass="STANDARD_IA")),
        ("s3:x-amz-server-side-encryption", "AES256", put(ServerSideEncryption="AES256")),
        ("s3:VersionId", "*", read_version),
        ("s3:signatureversion", "AWS4-HMAC-SHA256", get("plain")),
        ("s3:authType", "REST-HEADER", get("plain")),
        ("s3:ResourceAccount", "123456789012", get("plain")),
        ("aws:ResourceAccount", "123456789012", get("plain")),
        ("aws:userid", "AROA*:tester", get("plain")),
        ("aws:PrincipalType", "AssumedRole", get("plain")),
        ("aws:PrincipalTag/Team", "critics", get("plain")),
        ("aws:PrincipalIsAWSService", "false", get("plain")),
        ("aws:ViaAWSService", "false", get("plain")),
    ],
)
def test_a_denial_by_what_the_request_says(code: Callable[..., str], key: str, value: str, call: Any) -> None:
    assert code(call, EVERYTHING) == ""
    assert code(call, EVERYTHING, deny("StringLike", key, value)) == "AccessDenied"
    assert code(call, EVERYTHING, deny("StringLike", key, "other")) == ""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<Tagging><TagSet><Tag><Key/><Value>a</Value></Tag></TagSet></Tagging>", 400),
        (b"<Tagging><TagSet><Tag><Key><b/></Key><Value>a</Value></Tag></TagSet></Tagging>", 400),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Tagging><TagSet/></Tagging>', 400),
        (b"<Tagging><TagSet><Tag><Key a='b'>Class</Key><Value>Secret</Value></Tag></TagSet></Tagging>", 403),
        (
            b"<t:Tagging xmlns:t='http://s3.amazonaws.com/doc/2006-03-01/'><t:TagSet><t:Tag><t:Key>Class</t:Key>"
            b"<t:Value>Secret</t:Value></t:Tag></t:TagSet></t:Tagging>",
            403,
        ),
    ],
    ids=["empty", "nested", "entity", "attribute", "namespace"],
)
def test_tags_are_read_as_they_will_be_stored(
    account: Account, role: dict[str, str], code: Callable[..., str], body: bytes, expected: int
) -> None:
    statements = EVERYTHING, deny("StringEquals", "s3:RequestObjectTag/Class", "Secret")
    assert code(put_tags, *statements) == "AccessDenied"
    request = {"Bucket": "films", "Key": "plain", "Tagging": {"TagSet": []}}
    url = account.client("s3", **role).generate_presigned_url("put_object_tagging", Params=request)
    assert requests.put(url, data=body, timeout=60).status_code == expected


def copy(**request: Any) -> Callable[[Any], Any]:
    source = {"Bucket": "films", "Key": "aging"}
    return lambda s3: s3.copy_object(Bucket="films", Key="new", CopySource=source | request)


def test_a_copy_of_a_version_is_judged_by_that_version(account: Account, code: Callable[..., str]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html (under "Permissions")."""
    s3 = account.client("s3")
    old, new = (
        s3.put_object(Bucket="films", Key="aging", Body=b"1", Tagging=f"Class={value}")["VersionId"]
        for value in ("Secret", "Public")
    )
    denied = deny("StringEquals", "s3:ExistingObjectTag/Class", "Secret")
    assert code(copy(), EVERYTHING, denied) == ""
    assert code(copy(VersionId=new), EVERYTHING, denied) == ""
    assert code(copy(VersionId=old), EVERYTHING, denied) == "AccessDenied"
    assert code(copy(VersionId=old), EVERYTHING, deny("StringEquals", "s3:VersionId", old)) == "AccessDenied"
    latest = allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::films/*")
    assert code(copy(), latest) == ""
    assert code(copy(VersionId=new), latest) == "AccessDenied"


def test_a_role_calls_by_itself(code: Callable[..., str]) -> None:
    for key in ("aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:PrincipalServiceName"):
        assert code(get("plain"), EVERYTHING, deny("StringLike", key, "*")) == ""
        assert code(get("plain"), EVERYTHING, deny("Null", key, "true")) == "AccessDenied"


def test_an_age_of_the_credentials(code: Callable[..., str]) -> None:
    """As the console revokes sessions: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html"""
    assert (
        code(get("plain"), EVERYTHING, deny("DateLessThan", "aws:TokenIssueTime", "2020-01-01T00:00:00Z"))
        == ""
    )
    later = deny("DateLessThan", "aws:TokenIssueTime", "2999-01-01T00:00:00Z")
    assert code(get("plain"), EVERYTHING, later) == "AccessDenied"


def test_a_presigned_url_says_so(account: Account, role: dict[str, str], code: Callable[..., str]) -> None:
    statements = EVERYTHING, deny("StringEquals", "s3:authType", "REST-QUERY-STRING")
    assert code(get("plain"), *statements) == ""
    url = account.client("s3", **role).generate_presigned_url(
        "get_object", Params={"Bucket": "films", "Key": "plain"}
    )
    assert requests.get(url, timeout=60).status_code == 403


def test_roles_may_be_made_only_with_a_boundary(account: Account, code: Callable[..., str]) -> None:
    document = policy(allow("s3:GetObject"))
    arn = account.client("iam").create_policy(PolicyName="limit", PolicyDocument=document)["Policy"]["Arn"]
    bounded = {**allow("iam:*", "*"), "Condition": {"StringEquals": {"iam:PermissionsBoundary": arn}}}

    def create(name: str, **request: Any) -> Callable[[Any], Any]:
        trusted = trust({"Service": "lambda.amazonaws.com"})
        return lambda iam: iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, **request)

    assert code(create("free"), bounded, service="iam") == "AccessDenied"
    assert code(create("bound", PermissionsBoundary=arn), bounded, service="iam") == ""
    own = {"PolicyName": "own", "PolicyDocument": document}
    assert code(lambda iam: iam.put_role_policy(RoleName="bound", **own), bounded, service="iam") == ""


def test_the_owner_has_a_name_for_bucket_policies(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="owned")
    root = "arn:aws:iam::123456789012:root"
    only_root = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::owned",
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": root}},
    }
    s3.put_bucket_policy(Bucket="owned", Policy=policy(only_root))
    s3.list_objects_v2(Bucket="owned")


@pytest.mark.parametrize("key", ["aws:ResourceTag/team", "aws:TagKeys", "s3:object-lock-mode"])
def test_a_key_that_is_not_filled_is_named(
    account: Account, role: dict[str, str], code: Any, key: str
) -> None:
    denial = deny("StringEquals", key, "x")
    conditional = {**EVERYTHING, "Condition": {"StringEquals": {key: "x"}}}
    for statements in ([EVERYTHING, denial], [conditional]):
        assert code(get("plain"), *statements) == "UnsupportedOperation"
    with pytest.raises(ClientError, match=f"localcloud does not support the condition key {key}"):
        account.client("s3", **role).get_object(Bucket="films", Key="plain")
    assert code(get("plain"), EVERYTHING, conditional) == "", "another statement allows it"
    elsewhere = {**denial, "Condition": {"StringEquals": {key: "x", "aws:PrincipalType": "User"}}}
    assert code(get("plain"), EVERYTHING, elsewhere) == "", "another condition does not hold"
    home = {**EVERYTHING, "Resource": "arn:aws:s3:::films/${" + key + "}"}
    assert code(get("plain"), home) == "UnsupportedOperation"
    assert code(get("plain"), {**home, "Resource": "arn:aws:s3:::other/${" + key + "}"}) == "AccessDenied"


def test_a_simulation_names_the_keys_that_it_is_not_given(account: Account) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html

    They are those of all statements: https://github.com/aws/aws-sdk-java-v2/issues/1751
    """
    iam = account.client("iam")
    tag, address = "aws:ResourceTag/team", "aws:SourceIp"
    entry = {"ContextKeyName": tag, "ContextKeyValues": ["x"], "ContextKeyType": "string"}
    conditional = {
        **EVERYTHING,
        "Condition": {"StringEquals": {tag: "x"}, "IpAddress": {address: "192.0.2.1"}},
    }

    def simulate(*statements: dict[str, Any], **request: Any) -> list[tuple[str, list[str]]]:
        found = iam.simulate_custom_policy(
            PolicyInputList=[policy(*statements)], ActionNames=["s3:GetObject", "sts:AssumeRole"], **request
        )["EvaluationResults"]
        return [(one["EvalDecision"], one["MissingContextValues"]) for one in found]

    assert simulate(conditional) == [("implicitDeny", [tag, address])] * 2
    known = {"ContextKeyName": address, "ContextKeyValues": ["192.0.2.1"], "ContextKeyType": "ip"}
    assert simulate(conditional, ContextEntries=[known]) == [("implicitDeny", [tag])] * 2
    others = "implicitDeny", []
    assert simulate(conditional, ContextEntries=[known, entry]) == [("allowed", []), others]
    denial = deny("StringEquals", tag, "x")
    assert simulate(EVERYTHING, denial)[0] == ("allowed", [tag])
    assert simulate(EVERYTHING, denial, ContextEntries=[entry]) == [("explicitDeny", []), others]
    home = {**EVERYTHING, "Resource": "arn:aws:s3:::films/${aws:username}/${*}"}
    assert simulate(home)[0] == ("implicitDeny", ["aws:username"])


@pytest.mark.parametrize(
    "statement", ["x", {**EVERYTHING, "Condition": {"Bool": "x"}}, {**EVERYTHING, "Action": 5}]
)
@pytest.mark.parametrize(
    "document", ["PolicyInputList", "PermissionsBoundaryPolicyInputList", "ResourcePolicy"]
)
def test_a_simulation_refuses_what_is_no_policy(account: Account, statement: Any, document: str) -> None:
    text = policy(statement)
    given = {document: text if document == "ResourcePolicy" else [text]}
    request: dict[str, Any] = {
        "PolicyInputList": [policy(EVERYTHING)],
        "ActionNames": ["s3:GetObject"],
        **given,
    }
    with pytest.raises(ClientError, match="InvalidInput"):
        account.client("iam").simulate_custom_policy(**request)


def test_an_anonymous_request_is_refused_by_the_name_of_the_key(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="shop-window")
    s3.put_object(Bucket="shop-window", Key="a", Body=b"1")
    s3.delete_public_access_block(Bucket="shop-window")
    everyone = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::shop-window/*",
    }
    url = f"{account.cloud.url}/shop-window/a"
    s3.put_bucket_policy(
        Bucket="shop-window",
        Policy=policy(
            {
                **everyone,
                "Condition": {
                    "StringEquals": {"aws:PrincipalType": "Anonymous", "aws:PrincipalAccount": "anonymous"}
                },
            }
        ),
    )
    assert requests.get(url, timeout=60).text == "1"
    s3.put_bucket_policy(
        Bucket="shop-window",
        Policy=policy({**everyone, "Condition": {"StringEquals": {"aws:TagKeys": "x"}}}),
    )
    assert "condition key aws:TagKeys" in requests.get(url, timeout=60).text
