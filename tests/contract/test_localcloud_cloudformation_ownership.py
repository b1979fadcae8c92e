"""A stack never adopts what exists, and never deletes what it did not create."""

import io
import json
import zipfile

import pytest
from localcloud_cloudformation_fixtures import cloud, stacks

__all__ = ["cloud", "stacks"]

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
BUCKET_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::owned/*"}
    ],
}
ALARM = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "MetricName": "Errors",
    "Namespace": "N",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 1,
}
TRANSFORMATION = {"metricName": "M", "metricNamespace": "N", "metricValue": "1"}


@pytest.fixture(scope="module")
def api(cloud) -> str:
    """An HTTP API, a bucket, a role and a log group for resources that need one."""
    cloud.client("s3").create_bucket(Bucket="owned")
    cloud.client("iam").create_role(RoleName="owned", AssumeRolePolicyDocument=json.dumps(TRUST))
    cloud.client("logs").create_log_group(logGroupName="owned")
    return cloud.client("apigatewayv2").create_api(Name="owned", ProtocolType="HTTP")["ApiId"]


def existing(cloud, api: str) -> dict:
    """By type: creates a resource, the properties that would create it again, and reads it."""
    s3, sns, iam = cloud.client("s3"), cloud.client("sns"), cloud.client("iam")
    watch, logs, gateway = cloud.client("cloudwatch"), cloud.client("logs"), cloud.client("apigatewayv2")
    topic = f"arn:aws:sns:{cloud.region}:{cloud.account_id}:existing"
    front = {"Name": "existing", "OriginAccessControlOriginType": "s3", "SigningBehavior": "always"}
    front |= {"SigningProtocol": "sigv4"}
    role = f"arn:aws:iam::{cloud.account_id}:role/owned"
    function = {"Runtime": "python3.12", "Handler": "index.handler", "Role": role}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): ...")
    return {
        "AWS::S3::Bucket": (
            lambda: s3.create_bucket(Bucket="existing"),
            {"BucketName": "existing"},
            lambda: s3.head_bucket(Bucket="existing") and "there",
        ),
        "AWS::S3::BucketPolicy": (
            lambda: s3.put_bucket_policy(Bucket="owned", Policy=json.dumps(BUCKET_POLICY)),
            {"Bucket": "owned", "PolicyDocument": {**BUCKET_POLICY, "Id": "other"}},
            lambda: s3.get_bucket_policy(Bucket="owned")["Policy"],
        ),
        "AWS::SNS::Topic": (
            lambda: sns.create_topic(Name="existing", Attributes={"DisplayName": "mine"}),
            {"TopicName": "existing", "DisplayName": "theirs"},
            lambda: sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"],
        ),
        "AWS::CloudWatch::Alarm": (
            lambda: watch.put_metric_alarm(AlarmName="existing", AlarmDescription="mine", **ALARM),
            {"AlarmName": "existing", "AlarmDescription": "theirs", **ALARM},
            lambda: watch.describe_alarms(AlarmNames=["existing"])["MetricAlarms"][0]["AlarmDescription"],
        ),
        "AWS::CloudWatch::Dashboard": (
            lambda: watch.put_dashboard(DashboardName="existing", DashboardBody='{"widgets": []}'),
            {"DashboardName": "existing", "DashboardBody": '{"widgets": [], "start": "PT1H"}'},
            lambda: watch.get_dashboard(DashboardName="existing")["DashboardBody"],
        ),
        "AWS::Logs::LogGroup": (
            lambda: logs.create_log_group(logGroupName="existing"),
            {"LogGroupName": "existing"},
            lambda: len(logs.describe_log_groups(logGroupNamePrefix="existing")["logGroups"]),
        ),
        "AWS::Logs::MetricFilter": (
            lambda: logs.put_metric_filter(
                logGroupName="owned",
                filterName="existing",
                filterPattern="mine",
                metricTransformations=[TRANSFORMATION],
            ),
            {
                "LogGroupName": "owned",
                "FilterName": "existing",
                "FilterPattern": "theirs",
                "MetricTransformations": [
                    {name[0].upper() + name[1:]: value for name, value in TRANSFORMATION.items()}
                ],
            },
            lambda: logs.describe_metric_filters(logGroupName="owned")["metricFilters"][0]["filterPattern"],
        ),
        "AWS::IAM::Role": (
            lambda: iam.create_role(RoleName="existing", AssumeRolePolicyDocument=json.dumps(TRUST)),
            {"RoleName": "existing", "AssumeRolePolicyDocument": TRUST},
            lambda: iam.get_role(RoleName="existing")["Role"]["RoleId"],
        ),
        "AWS::IAM::Policy": (
            lambda: iam.put_role_policy(
                RoleName="owned", PolicyName="existing", PolicyDocument=json.dumps(ALLOW)
            ),
            {"PolicyName": "existing", "Roles": ["owned"], "PolicyDocument": {**ALLOW, "Id": "other"}},
            lambda: iam.get_role_policy(RoleName="owned", PolicyName="existing")["PolicyDocument"],
        ),
        "AWS::IAM::ManagedPolicy": (
            lambda: iam.create_policy(PolicyName="existing", PolicyDocument=json.dumps(ALLOW)),
            {"ManagedPolicyName": "existing", "PolicyDocument": ALLOW},
            lambda: [one["PolicyId"] for one in iam.list_policies(Scope="Local")["Policies"]],
        ),
        "AWS::Lambda::Function": (
            lambda: cloud.client("lambda").create_function(
                FunctionName="existing", Description="mine", Code={"ZipFile": packed.getvalue()}, **function
            ),
            {"FunctionName": "existing", "Code": {"ZipFile": "def handler(e, c): ..."}, **function},
            lambda: cloud.client("lambda").get_function_configuration(FunctionName="existing")["Description"],
        ),
        "AWS::ApiGatewayV2::Stage": (
            lambda: gateway.create_stage(ApiId=api, StageName="existing", AutoDeploy=True),
            {"ApiId": api, "StageName": "existing", "AutoDeploy": True, "Description": "theirs"},
            lambda: gateway.get_stage(ApiId=api, StageName="existing").get("Description"),
        ),
        "AWS::ApiGatewayV2::Route": (
            lambda: gateway.create_route(ApiId=api, RouteKey="GET /existing"),
            {"ApiId": api, "RouteKey": "GET /existing"},
            lambda: [one["RouteId"] for one in gateway.get_routes(ApiId=api)["Items"]],
        ),
        "AWS::SSM::Parameter": (
            lambda: cloud.client("ssm").put_parameter(Name="/existing", Type="String", Value="mine"),
            {"Name": "/existing", "Type": "String", "Value": "theirs"},
            lambda: cloud.client("ssm").get_parameter(Name="/existing")["Parameter"]["Value"],
        ),
        "AWS::CloudFront::OriginAccessControl": (
            lambda: cloud.client("cloudfront").create_origin_access_control(OriginAccessControlConfig=front),
            {"OriginAccessControlConfig": front},
            lambda: cloud.client("cloudfront").list_origin_access_controls()["OriginAccessControlList"][
                "Quantity"
            ],
        ),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Topic",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::Function",
        "AWS::ApiGatewayV2::Stage",
        "AWS::ApiGatewayV2::Route",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::SSM::Parameter",
    ],
)
def test_what_exists_is_not_adopted_and_outlives_the_failed_stack(cloud, stacks, api, kind):
    create, properties, read = existing(cloud, api)[kind]
    create()
    before = read()
    stacks.create(
        "adopts", {"Resources": {"It": {"Type": kind, "Properties": properties}}}, status="ROLLBACK_COMPLETE"
    )
    # HandlerErrorCode in "Handler error codes", CloudFormation CLI user guide.
    assert "AlreadyExists" in stacks.reasons("adopts")["It"]
    assert read() == before
    stacks.delete("adopts")
    assert read() == before


def test_a_resource_of_another_stack_is_not_taken_by_a_rename(cloud, stacks, api):
    def policy(name: str) -> dict:
        properties = {"PolicyName": name, "Roles": ["owned"], "PolicyDocument": ALLOW}
        return {"Resources": {"It": {"Type": "AWS::IAM::Policy", "Properties": properties}}}

    iam = cloud.client("iam")
    stacks.create("has", policy("first"))
    stacks.create("wants", policy("second"))
    stacks.update("wants", policy("first"), status="UPDATE_ROLLBACK_COMPLETE")
    owner = stacks.describe("has")["StackId"]
    assert f"already exists in stack {owner}" in stacks.reasons("wants")["It"]
    stacks.delete("wants")
    assert "first" in iam.list_role_policies(RoleName="owned")["PolicyNames"]
    assert "second" not in iam.list_role_policies(RoleName="owned")["PolicyNames"]
    stacks.delete("has")
    assert "first" not in iam.list_role_policies(RoleName="owned")["PolicyNames"]


def test_two_resources_of_one_stack_cannot_have_one_name(stacks):
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "twice"}}
    stacks.create(
        "twins", {"Resources": {"A": topic, "B": {**topic, "DependsOn": "A"}}}, status="ROLLBACK_COMPLETE"
    )
    assert "already exists" in stacks.reasons("twins")["B"]
    stacks.delete("twins")


def test_an_update_of_a_topic_leaves_the_subscriptions_of_others(cloud, stacks):
    def topic(*endpoints: str) -> dict:
        subscriptions = [{"Protocol": "email", "Endpoint": endpoint} for endpoint in endpoints]
        return {
            "Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"Subscription": subscriptions}}}
        }

    sns = cloud.client("sns")
    stacks.create("subscribed", topic("a@example.org", "b@example.org"))
    arn = stacks.resources("subscribed")["T"]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="by-hand@example.org")
    stacks.update("subscribed", topic("a@example.org", "c@example.org"))
    found = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    endpoints = {one["Endpoint"] for one in found}
    assert endpoints == {"a@example.org", "by-hand@example.org", "c@example.org"}
    stacks.delete("subscribed")
