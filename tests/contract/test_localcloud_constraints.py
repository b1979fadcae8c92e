"""Requests that moto answers obey the constraints of botocore's models, which moto does not know.

Before the guard looked, each of these was accepted.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from botocore.client import Config
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

ROLE = "arn:aws:iam::123456789012:role/r"
ALARM = {"AlarmName": "a", "EvaluationPeriods": 1, "MetricName": "m", "Namespace": "n", "Period": 60}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running() as account:
        yield account


@pytest.mark.parametrize(
    ("service", "operation", "request_", "code", "violated"),
    [
        ("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException", "'logGroupName'"),
        (
            "logs",
            "put_log_events",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": []},
            "InvalidParameterException",
            "Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or",
        ),
        (
            "logs",
            "put_log_events",
            {
                "logGroupName": "g",
                "logStreamName": "s",
                "logEvents": [{"timestamp": 0, "message": ""}],
            },
            "InvalidParameterException",
            "Value '' at 'logEvents.1.member.message'",
        ),
        (
            "iam",
            "create_role",
            {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"},
            "ValidationError",
            "Value at 'roleName' failed to satisfy constraint: Member must satisfy regular expression",
        ),
        (
            "iam",
            "create_role",
            {"RoleName": "r", "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 10},
            "ValidationError",
            "Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater "
            "than or equal to 3600",
        ),
        (
            "sts",
            "assume_role",
            {"RoleArn": ROLE, "RoleSessionName": "with space"},
            "ValidationError",
            "Value 'with space' at 'roleSessionName'",
        ),
        (
            "sts",
            "assume_role",
            {"RoleArn": ROLE, "RoleSessionName": "session", "DurationSeconds": 100},
            "ValidationError",
            "Value '100' at 'durationSeconds'",
        ),
        (
            "cloudwatch",
            "put_metric_alarm",
            {**ALARM, "ComparisonOperator": "Above"},
            "ValidationError",
            "Value 'Above' at 'comparisonOperator' failed to satisfy constraint: Member must satisfy enum",
        ),
        (
            "ecr",
            "create_repository",
            {"repositoryName": "r", "imageTagMutability": "SOMETIMES"},
            "InvalidParameterException",
            "'imageTagMutability'",
        ),
        ("ssm", "get_parameter", {}, "ValidationException", "Value null at 'name'"),
        (
            "secretsmanager",
            "create_secret",
            {"Name": "s" * 513, "SecretString": "x"},
            "ValidationException",
            "'name'",
        ),
        ("kms", "create_key", {"KeyUsage": "NOTHING"}, "ValidationException", "'keyUsage'"),
        (
            "kms",
            "create_key",
            {"KeyUsage": "Duplicate tag keys are not allowed"},
            "ValidationException",
            "'keyUsage'",
        ),
        (
            "dynamodb",
            "create_table",
            {"TableName": "t", "BillingMode": "FREE"},
            "ValidationException",
            "'billingMode'",
        ),
        ("sns", "subscribe", {"Protocol": "sqs"}, "InvalidParameter", "Value null at 'topicArn'"),
        ("s3", "create_bucket", {"Bucket": "b", "ACL": "secret"}, "InvalidArgument", "'aCL'"),
    ],
)
def test_a_violated_constraint_is_refused(
    account: Account, service: str, operation: str, request_: dict[str, Any], code: str, violated: str
) -> None:
    client = account.client(service, config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**request_)
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert "validation error" in error["Message"] and violated in error["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_nan_reaches_the_service_and_is_refused_there(account: Account) -> None:
    """As AWS: the number is read, and then refused by what it means."""
    cloudwatch = account.client("cloudwatch")
    with pytest.raises(ClientError, match="The value NaN for parameter"):
        cloudwatch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": float("nan")}])


# https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html and those of the other services
@pytest.mark.parametrize(
    ("service", "operation", "request_", "code"),
    [
        ("iam", "create_user", {"UserName": "u"}, "InvalidInput"),
        ("kms", "create_key", {}, "TagException"),
        ("sns", "create_topic", {"Name": "t"}, "InvalidParameter"),
        ("ssm", "put_parameter", {"Name": "p", "Value": "v", "Type": "String"}, "ValidationException"),
        ("secretsmanager", "create_secret", {"Name": "s", "SecretString": "v"}, "ValidationException"),
    ],
)
def test_a_tag_has_one_value(
    account: Account, service: str, operation: str, request_: dict[str, Any], code: str
) -> None:
    name = "TagKey" if service == "kms" else "Key"
    tags = [{name: "a", name.replace("Key", "Value"): value} for value in ("1", "2")]
    with pytest.raises(ClientError, match=r"[Dd]uplicate tag keys") as caught:
        getattr(account.client(service), operation)(**request_, Tags=tags)
    assert caught.value.response["Error"]["Code"] == code


def test_a_marker_that_was_not_issued_is_refused(account: Account) -> None:
    with pytest.raises(ClientError, match=r"\(ValidationError\).*Invalid Marker"):
        account.client("iam").list_roles(Marker="nonsense")


PARAMETER = {"Name": "p", "Value": "v", "Type": "String"}


# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html and what users report
@pytest.mark.parametrize(
    ("service", "operation", "request_", "code", "message"),
    [
        (
            "cloudwatch",
            "put_metric_alarm",
            {**ALARM, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1},
            "ValidationError",
            "Exactly one of Statistic and ExtendedStatistic must be set.",
        ),
        (
            "ssm",
            "put_parameter",
            {**PARAMETER, "Value": "x" * 4097},
            "ValidationException",
            "Standard tier parameters support a maximum parameter value of 4096 characters.",
        ),
        (
            "ssm",
            "put_parameter",
            {**PARAMETER, "Value": "x" * 8193, "Tier": "Advanced"},
            "ValidationException",
            "8192 characters",
        ),
        ("ssm", "put_parameter", {**PARAMETER, "Name": "a/b"}, "ValidationException", "fully qualified name"),
        (
            "ssm",
            "put_parameter",
            {**PARAMETER, "Name": "arn:aws:x/y"},
            "ValidationException",
            "fully qualified",
        ),
        ("ssm", "put_parameter", {**PARAMETER, "Name": "/a//b"}, "ValidationException", "sub-paths"),
        (
            "ssm",
            "put_parameter",
            {**PARAMETER, "Value": "a {{ssm:b}}"},
            "ValidationException",
            'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.',
        ),
        (
            "ssm",
            "put_parameter",
            {**PARAMETER, "KeyId": "alias/aws/ssm"},
            "ValidationException",
            "KeyId is required for SecureString type parameter only.",
        ),
        ("ssm", "get_parameter", {"Name": "a/b"}, "ValidationException", "sub-paths divided by slash symbol"),
        ("ssm", "get_parameters", {"Names": ["a", "/a//b:1"]}, "ValidationException", "sub-paths"),
        ("ssm", "get_parameters_by_path", {"Path": "a"}, "ValidationException", "must begin with a forward"),
        *(
            ("ssm", operation, {**request_, "NextToken": "x"}, "InvalidNextToken", "token isn't valid")
            for operation, request_ in (
                ("describe_parameters", {}),
                ("get_parameter_history", {"Name": "a"}),
                ("get_parameters_by_path", {"Path": "/"}),
            )
        ),
        ("ssm", "describe_parameters", {"NextToken": "9" * 5000}, "InvalidNextToken", "token isn't valid"),
        ("ssm", "put_parameter", {**PARAMETER, "Name": "a b"}, "ValidationException", "sub-paths"),
        (
            "ssm",
            "put_parameter",
            {**PARAMETER, "Name": "/a" * 16},
            "HierarchyLevelLimitExceededException",
            "15 levels",
        ),
        (
            "ssm",
            "put_parameter",
            {**PARAMETER, "AllowedPattern": "^x$"},
            "ParameterPatternMismatchException",
            "Parameter value, cannot be validated against allowedPattern: ^x$",
        ),
        (
            "ssm",
            "put_parameter",
            {**PARAMETER, "Policies": "[]"},
            "UnsupportedOperationException",
            "the property Policies",
        ),
        *(
            ("secretsmanager", operation, request_, f"{code}Exception", message)
            for operation, request_, code, message in (
                ("list_secrets", {"NextToken": "x"}, "InvalidNextToken", "NextToken"),
                ("batch_get_secret_value", {}, "InvalidParameter", "Either 'SecretIdList' or 'Filters'"),
                (
                    "put_resource_policy",
                    {"SecretId": "s", "ResourcePolicy": "{"},
                    "MalformedPolicyDocument",
                    "invalid JSON",
                ),
            )
        ),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "AWS/Lambda", "MetricData": [{"MetricName": "m", "Value": 1.0}]},
            "InvalidParameterValue",
            "The value AWS/ for parameter Namespace is invalid.",
        ),
    ],
)
def test_a_limit_that_no_model_has_is_kept(
    account: Account, service: str, operation: str, request_: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(account.client(service), operation)(**request_)
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert message in error["Message"]


def test_a_parameter_that_is_not_found_is_not_named_and_leaves_nothing(account: Account) -> None:
    """AWS's SDKs show "UnknownError" for the missing message. moto would fail on the next list."""
    from moto.ssm.models import ssm_backends

    ssm = account.client("ssm")
    for look_for in (
        ssm.get_parameter,
        ssm.delete_parameter,
        ssm.get_parameter_history,
        partial(ssm.label_parameter_version, Labels=["a"]),
        partial(ssm.unlabel_parameter_version, ParameterVersion=1, Labels=["a"]),
    ):
        with pytest.raises(ClientError) as caught:
            look_for(Name="absent")
        assert caught.value.response["Error"] == {"Code": "ParameterNotFound", "Message": ""}
        assert "absent" not in vars(ssm_backends["123456789012"]["us-east-1"])["_parameters"]
    assert ssm.describe_parameters()["Parameters"] == []
    for change in (ssm.list_tags_for_resource, partial(ssm.remove_tags_from_resource, TagKeys=["a"])):
        with pytest.raises(ClientError, match="InvalidResourceId"):
            change(ResourceType="Parameter", ResourceId="absent")


def test_intelligent_tiering_chooses_the_tier_by_the_length_of_the_value(account: Account) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-default-tier.html"""
    ssm = account.client("ssm")
    for name, length, tier in (("short", 4096, "Standard"), ("/long", 4097, "Advanced")):
        parameter = {"Name": name, "Value": "x" * length, "Type": "String", "Tier": "Intelligent-Tiering"}
        assert ssm.put_parameter(**parameter)["Tier"] == tier
        found = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"]
        assert found[0]["Tier"] == tier
        ssm.delete_parameter(Name=name)


def test_a_parameter_of_the_advanced_tier_stays_there(account: Account) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""
    ssm = account.client("ssm")
    parameter = {"Name": "advanced", "Type": "String", "Overwrite": True}
    ssm.put_parameter(**parameter, Value="x" * 5000, Tier="Advanced")
    assert ssm.put_parameter(**parameter, Value="x" * 6000)["Tier"] == "Advanced"
    assert ssm.put_parameter(**parameter, Value="x", Tier="Intelligent-Tiering")["Tier"] == "Advanced"
    with pytest.raises(ClientError, match="can't downgrade a parameter from the advanced-parameter tier"):
        ssm.put_parameter(**parameter, Value="x", Tier="Standard")
    ssm.delete_parameter(Name="advanced")
