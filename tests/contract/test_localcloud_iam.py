"""Roles may do what their policies say and no more, over the wire of each service."""

import json
from collections.abc import Callable, Iterator

import pytest
import requests
from localcloud_lambda_fixtures import Account, allow, having, is_denied, policy, refusal, running

from localcloud.functions import FunctionsService
from localcloud.iam import IamEnforcement

__all__ = ["having"]

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
            "AccessDenied",
        ),
    ],
    ids=["s3", "invoke-endpoint", "sagemaker", "logs", "lambda", "iam", "cloudwatch"],
)
def test_a_denial_has_each_services_form_and_awss_words(
    having: Callable, service: str, call: Callable, action: str, resource: str, status: int, code: str
) -> None:
    client = having()(service)
    error = refusal(lambda: call(client))
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
    assert "s3:ListBucket" in refusal(lambda: s3.get_object(**missing))["Error"]["Message"]
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
    message = refusal(lambda: s3.get_object(Bucket="films", Key="a/1"))["Error"]["Message"]
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
    message = refusal(lambda: sagemaker.create_model(**model))["Error"]["Message"]
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


def test_a_permissions_boundary_limits(account: Account, having: Callable) -> None:
    client = having(allow("s3:*"))("s3")
    iam = account.client("iam")
    document = policy(allow("s3:ListBucket", "*"))
    boundary = iam.create_policy(PolicyName=f"limit-{having.name}", PolicyDocument=document)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=having.name, PermissionsBoundary=boundary)
    client.list_objects_v2(Bucket="films")
    message = refusal(lambda: client.get_object(Bucket="films", Key="a/1"))["Error"]["Message"]
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


def test_who_am_i_is_always_answered(having: Callable) -> None:
    assert having()("sts").get_caller_identity()["Arn"] == ROLE.format(having.name)


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
    message = refusal(lambda: s3.get_object(Bucket="films", Key="b/1"))["Error"]["Message"]
    assert message.startswith("User: arn:aws:iam::123456789012:user/ada is not authorized")


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
    error = refusal(
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
    error = refusal(lambda: getattr(account.client("iam"), operation)(**requests_[operation]))["Error"]
    assert error["Code"] == code
    assert message in error["Message"]
