"""Roles may do what their policies say and no more, over the wire of each service."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, allow, policy, running, trust

from localcloud.functions import FunctionsService
from localcloud.iam import (
    IamEnforcement,
    NotAssumable,
    assume_for_service,
    require_trust,
    role_may,
    service_may,
)

ROLE = "arn:aws:sts::123456789012:assumed-role/{}/tester"
ENDPOINT = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/sentiment"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, FunctionsService) as account:
        s3 = account.client("s3")
        s3.create_bucket(Bucket="films")
        s3.put_object(Bucket="films", Key="a/1", Body=b"1")
        s3.put_object(Bucket="films", Key="b/1", Body=b"2")
        yield account


@pytest.fixture
def having(account: Account, request: pytest.FixtureRequest) -> Callable[..., Callable[[str], Any]]:
    """Makes a role with just these statements; returns a function that makes clients of that role."""
    name = f"role-{abs(hash(request.node.name)) % 10**8}"

    def make(*statements: dict[str, Any]) -> Callable[[str], Any]:
        iam = account.client("iam")
        role = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"})
        )["Role"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        keys = account.session(role["Arn"])
        return lambda service: account.client(service, **keys)

    make.name = name
    return make


def denial(call: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response


def is_denied(call: Callable[[], Any]) -> bool:
    """Denied by policy; any other refusal means that the request got through to the service."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403")
    return False


def test_the_owner_may_do_everything(account: Account) -> None:
    assert account.client("s3").get_object(Bucket="films", Key="a/1")["Body"].read() == b"1"


@pytest.mark.parametrize(
    ("service", "call", "action", "resource", "status", "code"),
    [
        (
            "s3",
            lambda s3: s3.get_object(Bucket="films", Key="a/1"),
            "s3:GetObject",
            '"arn:aws:s3:::films/a/1"',
            403,
            "AccessDenied",
        ),
        (
            "sagemaker-runtime",
            lambda runtime: runtime.invoke_endpoint(EndpointName="sentiment", Body=b"{}"),
            "sagemaker:InvokeEndpoint",
            ENDPOINT,
            403,
            "AccessDeniedException",
        ),
        (
            "sagemaker",
            lambda sagemaker: sagemaker.describe_endpoint(EndpointName="sentiment"),
            "sagemaker:DescribeEndpoint",
            ENDPOINT,
            400,
            "AccessDeniedException",
        ),
        (
            "logs",
            lambda logs: logs.put_log_events(
                logGroupName="/g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}]
            ),
            "logs:PutLogEvents",
            "arn:aws:logs:us-east-1:123456789012:log-group:/g:log-stream:s",
            400,
            "AccessDeniedException",
        ),
        (
            "lambda",
            lambda functions: functions.invoke(FunctionName="f", Payload=b"{}"),
            "lambda:InvokeFunction",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            403,
            "AccessDeniedException",
        ),
        (
            "iam",
            lambda iam: iam.get_role(RoleName="somebody"),
            "iam:GetRole",
            "arn:aws:iam::123456789012:role/somebody",
            403,
            "AccessDenied",
        ),
        (
            "cloudwatch",
            lambda metrics: metrics.put_metric_data(
                Namespace="n", MetricData=[{"MetricName": "m", "Value": 1}]
            ),
            "cloudwatch:PutMetricData",
            "*",
            400,
            "AccessDeniedException",
        ),
    ],
    ids=["s3", "invoke-endpoint", "sagemaker", "logs", "lambda", "iam", "cloudwatch"],
)
def test_a_denial_has_each_services_form_and_awss_words(
    having: Callable, service: str, call: Callable, action: str, resource: str, status: int, code: str
) -> None:
    client = having()(service)
    error = denial(lambda: call(client))
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status
    assert error["Error"]["Code"] == code
    assert error["Error"]["Message"] == (
        f"User: {ROLE.format(having.name)} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def test_objects_are_guarded_one_by_one(having: Callable) -> None:
    s3 = having(
        allow("s3:GetObject", "arn:aws:s3:::films/a/*"), allow("s3:PutObject", "arn:aws:s3:::films/up/*")
    )("s3")
    assert s3.get_object(Bucket="films", Key="a/1")["Body"].read() == b"1"
    assert s3.head_object(Bucket="films", Key="a/1")["ContentLength"] == 1
    s3.put_object(Bucket="films", Key="up/1", Body=b"x")
    assert not is_denied(lambda: s3.create_multipart_upload(Bucket="films", Key="up/2"))
    s3.copy_object(Bucket="films", Key="up/copy", CopySource="films/a/1")
    for forbidden in (
        lambda: s3.get_object(Bucket="films", Key="b/1"),
        lambda: s3.head_object(Bucket="films", Key="b/1"),
        lambda: s3.put_object(Bucket="films", Key="a/1", Body=b"x"),
        lambda: s3.delete_object(Bucket="films", Key="up/1"),
        lambda: s3.delete_objects(Bucket="films", Delete={"Objects": [{"Key": "up/1"}, {"Key": "a&b"}]}),
        lambda: s3.copy_object(Bucket="films", Key="up/stolen", CopySource="films/b/1"),
        lambda: s3.list_objects_v2(Bucket="films"),
        lambda: s3.list_buckets(),
        lambda: s3.get_bucket_encryption(Bucket="films"),
    ):
        assert is_denied(forbidden)


@pytest.mark.parametrize(
    "key",
    ["<Key a='b'>b/1</Key>", "<Key>b&#47;1</Key>", "<Key><![CDATA[b/1]]></Key>", "<!-- --><Key >b/1</Key >"],
)
def test_the_keys_of_deletes_are_read_as_xml(having: Callable, key: str) -> None:
    s3 = having(allow("s3:DeleteObject", "arn:aws:s3:::films/a/*"))("s3")
    request = {"Bucket": "films", "Delete": {"Objects": [{"Key": "b/1"}]}}
    url = s3.generate_presigned_url("delete_objects", Params=request)
    answer = requests.post(url, data=f"<Delete><Object>{key}</Object></Delete>", timeout=60)
    assert (answer.status_code, "s3:DeleteObject" in answer.text) == (403, True)


def test_only_who_may_list_a_bucket_is_told_that_it_lacks_an_object(having: Callable) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (under "Permissions")."""
    reading = allow(["s3:GetObject*", "s3:PutObject"], "arn:aws:s3:::films/*")
    below = {"StringEquals": {"s3:prefix": "a/"}}  # a key of lists alone
    missing = {"Bucket": "films", "Key": "missing"}
    s3 = having(reading, allow("s3:ListBucket", "arn:aws:s3:::films", Condition=below))("s3")
    assert "s3:ListBucket" in denial(lambda: s3.get_object(**missing))["Error"]["Message"]
    assert is_denied(lambda: s3.head_object(**missing))
    assert is_denied(lambda: s3.get_object_attributes(**missing, ObjectAttributes=["ETag"]))
    assert is_denied(lambda: s3.copy_object(Bucket="films", Key="up", CopySource=missing))
    assert s3.get_object(Bucket="films", Key="a/1")["Body"].read() == b"1"


def test_who_may_list_a_bucket_is_told_that_it_lacks_an_object(having: Callable) -> None:
    reading = allow(["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::films", "arn:aws:s3:::films/*"])
    s3 = having(reading)("s3")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="films", Key="missing")


def test_a_condition_limits_what_may_be_listed(having: Callable) -> None:
    s3 = having(allow("s3:ListBucket", "arn:aws:s3:::films", Condition={"StringLike": {"s3:prefix": "a/*"}}))(
        "s3"
    )
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="films", Prefix="a/")["Contents"]] == ["a/1"]
    assert is_denied(lambda: s3.list_objects_v2(Bucket="films", Prefix="b/"))
    assert is_denied(lambda: s3.list_objects_v2(Bucket="films"))


def test_a_denial_wins_and_says_so(having: Callable) -> None:
    s3 = having(allow("s3:*"), {"Effect": "Deny", "Action": "s3:Get*", "Resource": "*"})("s3")
    message = denial(lambda: s3.get_object(Bucket="films", Key="a/1"))["Error"]["Message"]
    assert message.endswith("with an explicit deny in an identity-based policy")


def test_a_presigned_url_has_its_signers_rights(account: Account, having: Callable) -> None:
    s3 = having(allow("s3:GetObject", "arn:aws:s3:::films/a/*"))("s3")
    signed = {
        key: s3.generate_presigned_url("get_object", Params={"Bucket": "films", "Key": key})
        for key in ("a/1", "b/1")
    }
    assert requests.get(signed["a/1"], timeout=10).content == b"1"
    assert requests.get(signed["b/1"], timeout=10).status_code == 403


def test_an_endpoint_is_guarded_by_name(having: Callable) -> None:
    runtime = having(allow("sagemaker:InvokeEndpoint", ENDPOINT))("sagemaker-runtime")
    assert not is_denied(lambda: runtime.invoke_endpoint(EndpointName="sentiment", Body=b"{}"))
    assert is_denied(lambda: runtime.invoke_endpoint(EndpointName="other", Body=b"{}"))


def test_passing_a_role_to_a_service_needs_pass_role(account: Account, having: Callable) -> None:
    job_role = account.role("job-role", trusts={"Service": "sagemaker.amazonaws.com"})
    sagemaker = having(
        allow("sagemaker:*"),
        allow(
            "iam:PassRole",
            job_role,
            Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        ),
    )("sagemaker")
    model = {"ModelName": "m", "ExecutionRoleArn": job_role, "PrimaryContainer": {"Image": "i"}}
    message = denial(lambda: sagemaker.create_model(**model))["Error"]["Message"]
    assert "is not authorized to perform: iam:PassRole on resource: " + job_role in message
    account.client("iam").put_role_policy(
        RoleName=having.name, PolicyName="pass", PolicyDocument=policy(allow("iam:PassRole", job_role))
    )
    assert not is_denied(lambda: sagemaker.create_model(**model))


def test_aws_managed_policies_can_be_attached_and_count(account: Account, having: Callable) -> None:
    logs = having()("logs")
    assert is_denied(lambda: logs.create_log_group(logGroupName="/managed"))
    account.client("iam").attach_role_policy(
        RoleName=having.name, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    logs.create_log_group(logGroupName="/managed")
    assert is_denied(lambda: logs.delete_log_group(logGroupName="/managed"))


def test_a_bucket_policy_can_allow_and_deny(account: Account, having: Callable) -> None:
    client = having(allow("s3:GetObject", "arn:aws:s3:::guarded/*"))("s3")
    owner = account.client("s3")
    owner.create_bucket(Bucket="guarded")
    owner.put_object(Bucket="guarded", Key="secret/1", Body=b"s")
    role = f"arn:aws:iam::123456789012:role/{having.name}"
    document = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": role},
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::guarded/*",
        },
        {
            "Effect": "Deny",
            "Principal": {"AWS": role},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::guarded/secret/*",
        },
    )
    owner.put_bucket_policy(Bucket="guarded", Policy=document)
    client.put_object(Bucket="guarded", Key="new", Body=b"x")
    message = denial(lambda: client.get_object(Bucket="guarded", Key="secret/1"))["Error"]["Message"]
    assert message.endswith("with an explicit deny in a resource-based policy")


def test_a_permissions_boundary_limits(account: Account, having: Callable) -> None:
    client = having(allow("s3:*"))("s3")
    iam = account.client("iam")
    document = policy(allow("s3:ListBucket", "*"))
    boundary = iam.create_policy(PolicyName=f"limit-{having.name}", PolicyDocument=document)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=having.name, PermissionsBoundary=boundary)
    client.list_objects_v2(Bucket="films")
    message = denial(lambda: client.get_object(Bucket="films", Key="a/1"))["Error"]["Message"]
    assert message.endswith("because no permissions boundary allows the s3:GetObject action")


def test_a_session_policy_limits(account: Account) -> None:
    role = account.role("wide", allow("s3:*"))
    keys = account.client("sts").assume_role(
        RoleArn=role, RoleSessionName="narrow", Policy=policy(allow("s3:ListBucket", "*"))
    )["Credentials"]
    s3 = account.client(
        "s3",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    s3.list_objects_v2(Bucket="films")
    assert is_denied(lambda: s3.get_object(Bucket="films", Key="a/1"))


def test_a_users_own_keys_and_groups_count(account: Account) -> None:
    iam = account.client("iam")
    iam.create_user(UserName="ada")
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(UserName="ada", GroupName="readers")
    document = policy(allow("s3:GetObject", "arn:aws:s3:::films/a/*"))
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=document)
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    s3 = account.client(
        "s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    assert s3.get_object(Bucket="films", Key="a/1")["Body"].read() == b"1"
    message = denial(lambda: s3.get_object(Bucket="films", Key="b/1"))["Error"]["Message"]
    assert message.startswith("User: arn:aws:iam::123456789012:user/ada is not authorized")


def test_temporary_credentials_of_another_cloud_are_refused(account: Account) -> None:
    stale = {"aws_access_key_id": "ASIAXXXXXXXXXXXXXXXX", "aws_session_token": "gone"}
    error = denial(lambda: account.client("sts", **stale).get_caller_identity())
    assert error["Error"]["Code"] == "InvalidClientTokenId"
    keys = account.session(account.role("token"))
    error = denial(lambda: account.client("s3", **(keys | {"aws_session_token": "wrong"})).list_buckets())
    assert error["Error"]["Code"] == "InvalidToken"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_s3_says_by_its_own_status_that_a_token_has_expired(account: Account) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList"""
    from moto.sts.models import sts_backends

    keys = account.session(account.role("expiring", trusts={"AWS": "123456789012"}))
    session = sts_backends["123456789012"]["aws"].get_assumed_role_from_access_key(keys["aws_access_key_id"])
    session.expiration = datetime.now(UTC) - timedelta(seconds=1)
    error = denial(lambda: account.client("s3", **keys).list_buckets())
    assert error["Error"]["Code"] == "ExpiredToken"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = denial(lambda: account.client("sts", **keys).get_caller_identity())
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
    error = denial(lambda: call(account.client(service, **keys)))["Error"]
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
    assert denial(who)["Error"]["Code"] == "InvalidClientTokenId"
    account.role("fleeting", allow("s3:*", "*"))  # another one of the same name
    assert denial(who)["Error"]["Code"] == "InvalidClientTokenId"
    assert denial(own.list_buckets)["Error"]["Code"] == "InvalidAccessKeyId"
    account.cloud.client("s3", role).list_buckets()


def test_a_session_token_does_not_make_anybody_the_owner(account: Account) -> None:
    iam = account.client("iam")
    iam.create_user(UserName="climber")
    key = iam.create_access_key(UserName="climber")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    document = policy(allow("sts:GetSessionToken", "*"))
    iam.put_user_policy(UserName="climber", PolicyName="own", PolicyDocument=document)
    error = denial(lambda: account.client("sts", **keys).get_session_token())["Error"]
    assert error["Code"] == "UnsupportedOperation"
    session = account.session(account.role("rung", allow("sts:GetSessionToken", "*")))
    error = denial(lambda: account.client("sts", **session).get_session_token())["Error"]
    assert error["Code"] == "AccessDenied"
    assert error["Message"] == "Cannot call GetSessionToken with session credentials"


def test_who_am_i_is_always_answered(having: Callable) -> None:
    assert having()("sts").get_caller_identity()["Arn"] == ROLE.format(having.name)


def test_a_role_assumes_another_only_if_that_one_trusts_it(account: Account, having: Callable) -> None:
    sts = having(allow("sts:AssumeRole", "*"))("sts")
    open_role = account.role("trusting", trusts={"AWS": "arn:aws:iam::123456789012:root"})
    closed_role = account.role("closed", trusts={"AWS": "arn:aws:iam::210987654321:role/somebody-else"})
    assert sts.assume_role(RoleArn=open_role, RoleSessionName="on")["Credentials"]
    error = denial(lambda: sts.assume_role(RoleArn=closed_role, RoleSessionName="on"))["Error"]
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


def test_simulation_answers_as_enforcement_would(account: Account) -> None:
    role = account.role(
        "simulated",
        allow("s3:GetObject", "arn:aws:s3:::films/*"),
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::films/secret"},
    )
    results = account.client("iam").simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::films/x", "arn:aws:s3:::films/secret"],
    )["EvaluationResults"]
    assert [
        (one["EvalActionName"], one["EvalResourceName"][-6:], one["EvalDecision"]) for one in results
    ] == [
        ("s3:GetObject", "ilms/x", "allowed"),
        ("s3:GetObject", "secret", "explicitDeny"),
        ("s3:PutObject", "ilms/x", "implicitDeny"),
        ("s3:PutObject", "secret", "explicitDeny"),
    ]
    custom = account.client("iam").simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:ListBucket", Condition={"StringEquals": {"s3:prefix": "a"}}))],
        ActionNames=["s3:ListBucket"],
        ContextEntries=[
            {"ContextKeyName": "s3:prefix", "ContextKeyValues": ["a"], "ContextKeyType": "string"}
        ],
    )["EvaluationResults"]
    assert [one["EvalDecision"] for one in custom] == ["allowed"]
    error = denial(
        lambda: account.client("iam").simulate_principal_policy(
            PolicySourceArn=role + "-not", ActionNames=["s3:GetObject"]
        )
    )
    assert error["Error"]["Code"] == "NoSuchEntity"


def test_of_a_simulation_only_the_page_is_evaluated(account: Account) -> None:
    resources = [f"arn:aws:s3:::films/{number}" for number in range(4_000)]
    simulated = {
        "PolicyInputList": [policy(allow("s3:GetObject", "arn:aws:s3:::films/1"))],
        "ActionNames": ["s3:PutObject", *["s3:GetObject"] * 3_999],
        "ResourceArns": resources,
        "MaxItems": 3_999 // 4,
    }
    iam, marker, decisions = account.client("iam"), {}, []
    for _ in range(5):
        page = iam.simulate_custom_policy(**simulated, **marker)
        decisions += [(one["EvalActionName"], one["EvalDecision"]) for one in page["EvaluationResults"]]
        assert page["IsTruncated"]
        marker = {"Marker": page["Marker"]}
    assert decisions[:4_000] == [("s3:PutObject", "implicitDeny")] * 4_000
    assert decisions[4_000:4_003] == [
        ("s3:GetObject", decision) for decision in ("implicitDeny", "allowed", "implicitDeny")
    ]


def test_a_service_that_is_not_mapped_needs_a_statement_for_every_resource(having: Callable) -> None:
    make = having(
        allow("dynamodb:ListTables", "*"), allow("sqs:ListQueues", "arn:aws:sqs:us-east-1:123456789012:q")
    )
    assert make("dynamodb").list_tables()["TableNames"] == []
    assert is_denied(lambda: make("sqs").list_queues())


def test_policies_take_effect_at_once(account: Account, having: Callable) -> None:
    s3 = having()("s3")
    assert is_denied(lambda: s3.list_buckets())
    document = policy(allow("s3:ListAllMyBuckets"))
    account.client("iam").put_role_policy(RoleName=having.name, PolicyName="late", PolicyDocument=document)
    assert json.dumps([one["Name"] for one in s3.list_buckets()["Buckets"]])


ONLY_OVER_TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::{0}", "arn:aws:s3:::{0}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def about(bucket: str, statement: dict) -> dict:
    return json.loads(json.dumps(statement).replace("{0}", bucket))


def test_a_conditional_denial_denies_only_under_its_condition(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="tls")
    s3.put_bucket_policy(Bucket="tls", Policy=policy(about("tls", ONLY_OVER_TLS)))
    s3.put_object(Bucket="tls", Key="a", Body=b"x")
    assert s3.get_object(Bucket="tls", Key="a")["Body"].read() == b"x"
    assert s3.delete_objects(Bucket="tls", Delete={"Objects": [{"Key": "a"}]})["Deleted"]


def test_a_buckets_policy_binds_even_the_owner_who_can_mend_it(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="locked")
    s3.put_object(Bucket="locked", Key="a", Body=b"x")
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::locked/*"}
    s3.put_bucket_policy(Bucket="locked", Policy=policy(everything))
    assert is_denied(lambda: s3.get_object(Bucket="locked", Key="a"))
    s3.delete_bucket_policy(Bucket="locked")
    assert s3.get_object(Bucket="locked", Key="a")["Body"].read() == b"x"


def test_anonymous_requests_see_only_what_is_public(account: Account) -> None:
    s3, url = account.client("s3"), account.cloud.url
    s3.create_bucket(Bucket="page", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="page")
    s3.put_object(Bucket="page", Key="index.html", Body=b"page")
    s3.put_object(Bucket="page", Key="listed.txt", Body=b"listed", ACL="public-read")

    def status(path: str, method: str = "GET") -> int:
        return requests.request(method, f"{url}/page{path}", timeout=10).status_code

    def by_host(name: str, path: str) -> int:
        return requests.get(f"{url}{path}", headers={"Host": name}, timeout=10).status_code

    hosts = ("page.s3.amazonaws.com", "page.s3.localhost", "page.localhost")
    assert {host: by_host(host, "/index.html") for host in hosts} == dict.fromkeys(hosts, 403)
    assert {host: by_host(host, "/listed.txt") for host in hosts} == dict.fromkeys(hosts, 200)
    paths = ("localhost", "s3.amazonaws.com")
    assert {host: by_host(host, "/page/index.html") for host in paths} == dict.fromkeys(paths, 403)
    assert status("/index.html") == 403
    assert status("/index.html", "HEAD") == 403
    assert status("/new.html", "PUT") == 403
    assert status("") == 403
    assert status("/listed.txt") == 200
    everyone = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::page/*",
    }
    s3.put_bucket_policy(Bucket="page", Policy=policy(everyone))
    assert requests.get(f"{url}/page/index.html", timeout=10).content == b"page"
    assert status("/missing.html") == status("/missing.html", "HEAD") == 403
    assert status("/index.html", "DELETE") == 403
    s3.put_public_access_block(
        Bucket="page",
        PublicAccessBlockConfiguration={"RestrictPublicBuckets": True, "IgnorePublicAcls": True},
    )
    assert status("/index.html") == status("/listed.txt") == 403


def test_a_service_reaches_a_bucket_only_for_what_the_policy_names(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="site")
    distribution = "arn:aws:cloudfront::123456789012:distribution/E1"
    reading = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::site/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution}},
    }
    s3.put_bucket_policy(Bucket="site", Policy=policy(reading, about("site", ONLY_OVER_TLS)))

    def may(service: str, source: str) -> bool:
        return service_may(account.cloud, service, "s3:GetObject", "arn:aws:s3:::site/index.html", source)

    assert may("cloudfront.amazonaws.com", distribution)
    assert not may("cloudfront.amazonaws.com", distribution + "2")
    assert not may("lambda.amazonaws.com", distribution)


def test_a_service_is_judged_by_what_is_known_of_its_requests(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="perimeter")
    reading = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::perimeter/*",
    }

    def may(operator: str, key: str, value: str) -> bool:
        limit = {"Principal": "*", "Condition": {operator: {key: value}}}
        s3.put_bucket_policy(
            Bucket="perimeter", Policy=policy(reading, {**reading, "Effect": "Deny", **limit})
        )
        resource, source = "arn:aws:s3:::perimeter/a", "arn:aws:cloudfront::123456789012:distribution/E1"
        return service_may(account.cloud, "cloudfront.amazonaws.com", "s3:GetObject", resource, source)

    assert may("BoolIfExists", "aws:PrincipalIsAWSService", "false")
    assert not may("BoolIfExists", "aws:PrincipalIsAWSService", "true")
    assert not may("StringEquals", "aws:PrincipalServiceName", "cloudfront.amazonaws.com")
    assert may("StringNotEquals", "aws:ResourceAccount", "123456789012")
    assert may("StringNotEquals", "aws:RequestedRegion", account.cloud.region)
    assert may("Bool", "aws:ViaAWSService", "true")
    assert not may("IpAddress", "aws:SourceIp", "192.0.2.0/24"), "its address is not known"


def test_a_role_of_a_service_may_what_conditions_of_its_account_allow(account: Account) -> None:
    keys = {
        "aws:ResourceAccount": "123456789012",
        "aws:PrincipalAccount": "123456789012",
        "aws:PrincipalArn": "arn:aws:iam::123456789012:role/calling",
        "aws:RequestedRegion": "eu-west-1",
        "aws:PrincipalIsAWSService": "false",
    }
    role = account.role(
        "calling",
        allow("lambda:InvokeFunction", Condition={"StringEquals": keys}),
        allow("lambda:GetFunction", Condition={"StringLike": {"aws:userid": "AROA*:tester"}}),
    )
    function = "arn:aws:lambda:{}:123456789012:function:f"
    assert role_may(account.cloud, role, "lambda:InvokeFunction", function.format("eu-west-1"))
    assert not role_may(account.cloud, role, "lambda:InvokeFunction", function.format("eu-west-2"))
    assert not role_may(account.cloud, role, "lambda:GetFunction", function.format("eu-west-1"))


def test_a_boundary_limits_a_role_of_a_service(account: Account) -> None:
    role = account.role("bounded-service", allow("lambda:InvokeFunction"))
    iam = account.client("iam")
    document = policy(allow("logs:*"))
    boundary = iam.create_policy(PolicyName="only-logs", PolicyDocument=document)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="bounded-service", PermissionsBoundary=boundary)
    here = "us-east-1:123456789012"
    assert role_may(account.cloud, role, "logs:PutLogEvents", f"arn:aws:logs:{here}:log-group:g")
    assert not role_may(account.cloud, role, "lambda:InvokeFunction", f"arn:aws:lambda:{here}:function:f")


def test_a_service_is_trusted_under_conditions_of_its_requests(account: Account) -> None:
    conditions = {
        "StringEquals": {"aws:SourceAccount": "123456789012", "aws:RequestedRegion": account.cloud.region},
        "Bool": {"aws:SecureTransport": "true"},
    }
    role = account.role("for-jobs-of-here")
    document = trust({"Service": "sagemaker.amazonaws.com"}, Condition=conditions)
    account.client("iam").update_assume_role_policy(RoleName="for-jobs-of-here", PolicyDocument=document)
    require_trust(account.cloud, role, "sagemaker.amazonaws.com")


def test_metrics_may_be_limited_to_a_namespace(having: Callable) -> None:
    condition = {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}}
    metrics = having(allow("cloudwatch:PutMetricData", Condition=condition))("cloudwatch")
    data = [{"MetricName": "m", "Value": 1.0}]
    assert not is_denied(lambda: metrics.put_metric_data(Namespace="/aws/sagemaker/jobs", MetricData=data))
    assert is_denied(lambda: metrics.put_metric_data(Namespace="Own", MetricData=data))


ALLOWED = allow("s3:GetObject")
TRUSTED = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
LONG = ["arn:aws:s3:::" + "x" * 40 + str(number) for number in range(200)]
SYNTAX = "Syntax errors in policy."
NO_PRINCIPAL = "Policy document should not specify a principal."


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, and IAM's words to its users
@pytest.mark.parametrize(
    ("operation", "document", "code", "message"),
    [
        ("create_role", "{", "MalformedPolicyDocument", "This policy contains invalid Json"),
        (
            "create_role",
            policy({"Effect": "Allow", "Action": "sts:AssumeRole"}),
            "MalformedPolicyDocument",
            "Missing required field Principal",
        ),
        (
            "create_role",
            policy({**TRUSTED, "Action": "s3:*"}),
            "MalformedPolicyDocument",
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        ("create_role", policy({**TRUSTED, "Action": [None]}), "MalformedPolicyDocument", SYNTAX),
        ("create_policy", policy({**ALLOWED, "Action": [None]}), "MalformedPolicyDocument", SYNTAX),
        ("put_role_policy", policy({**ALLOWED, "Resource": ["*", None]}), "MalformedPolicyDocument", SYNTAX),
        (
            "create_role",
            policy({**TRUSTED, "Resource": "*"}),
            "MalformedPolicyDocument",
            "Has prohibited field Resource",
        ),
        (
            "create_role",
            policy({**TRUSTED, "Principal": {"AWS": LONG}}),
            "LimitExceeded",
            "Cannot exceed quota for ACLSizePerRole: 2048",
        ),
        ("put_role_policy", policy({**ALLOWED, "Principal": "*"}), "MalformedPolicyDocument", NO_PRINCIPAL),
        (
            "put_role_policy",
            policy(allow("s3:GetObject", LONG)),
            "LimitExceeded",
            "Maximum policy size of 10240 bytes exceeded for role checked",
        ),
        ("create_policy", policy({**ALLOWED, "Principal": "*"}), "MalformedPolicyDocument", NO_PRINCIPAL),
        (
            "create_policy",
            policy(allow("s3:GetObject", LONG)),
            "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144",
        ),
    ],
)
def test_a_document_that_iam_does_not_take(
    account: Account, operation: str, document: str, code: str, message: str
) -> None:
    requests_: dict[str, dict[str, str]] = {
        "create_role": {"RoleName": "never", "AssumeRolePolicyDocument": document},
        "put_role_policy": {"RoleName": "checked", "PolicyName": "p", "PolicyDocument": document},
        "create_policy": {"PolicyName": "never", "PolicyDocument": document},
    }
    error = denial(lambda: getattr(account.client("iam"), operation)(**requests_[operation]))["Error"]
    assert error["Code"] == code
    assert message in error["Message"]


def test_nobody_assumes_a_role_that_is_not_there(account: Account) -> None:
    role = "arn:aws:iam::123456789012:role/nowhere"
    error = denial(lambda: account.client("sts").assume_role(RoleArn=role, RoleSessionName="me"))["Error"]
    assert error["Code"] == "AccessDenied"
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in error["Message"]
