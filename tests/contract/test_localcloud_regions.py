"""Each region has its own records; global records are the same in all regions."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from localcloud_cloudformation_fixtures import Stacks
from localcloud_lambda_fixtures import allow, package, policy, trust

from localcloud.cloud import Cloud
from localcloud.server import Server

HOME, AWAY = "us-east-1", "eu-west-1"
IMAGE = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Server(port=0) as server:
        yield server.cloud


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> str:
    iam = client(cloud, "iam", AWAY)
    services = {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]}
    arn = iam.create_role(RoleName="everywhere", AssumeRolePolicyDocument=trust(services))["Role"]["Arn"]
    iam.put_role_policy(RoleName="everywhere", PolicyName="p", PolicyDocument=policy(allow("*")))
    return arn


def client(cloud: Cloud, service: str, region: str) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=cloud.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def code(call: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return refused.value.response["Error"]["Code"]


def test_sagemaker_keeps_regions_apart(cloud: Cloud, role: str) -> None:
    home, away = client(cloud, "sagemaker", HOME), client(cloud, "sagemaker", AWAY)
    s3 = client(cloud, "s3", AWAY)
    s3.create_bucket(Bucket="models-away", CreateBucketConfiguration={"LocationConstraint": AWAY})
    s3.put_object(Bucket="models-away", Key="model.tar.gz", Body=b"")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://models-away/model.tar.gz"}
    arn = away.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container)["ModelArn"]
    assert arn == f"arn:aws:sagemaker:{AWAY}:123456789012:model/m"
    assert home.list_models()["Models"] == []
    assert code(lambda: home.describe_model(ModelName="m")) == "ValidationException"
    assert [one["ModelArn"] for one in away.list_models()["Models"]] == [arn]


def test_stacks_belong_to_their_region(cloud: Cloud) -> None:
    home, away = client(cloud, "cloudformation", HOME), client(cloud, "cloudformation", AWAY)
    template = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket"},
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "of-stack"}},
        },
        "Outputs": {"Where": {"Value": {"Ref": "AWS::Region"}}, "Bucket": {"Value": {"Ref": "Bucket"}}},
    }
    stacks = Stacks(cloud)
    stacks.client = away
    outputs = stacks.create("s", template)
    assert outputs["Where"] == AWAY
    assert away.describe_stacks()["Stacks"][0]["StackId"].startswith(f"arn:aws:cloudformation:{AWAY}:")
    assert home.describe_stacks()["Stacks"] == []
    located = client(cloud, "s3", HOME).get_bucket_location(Bucket=outputs["Bucket"])
    assert located["LocationConstraint"] == AWAY
    groups = {
        region: client(cloud, "logs", region).describe_log_groups(logGroupNamePrefix="of-stack")["logGroups"]
        for region in (HOME, AWAY)
    }
    assert [len(groups[HOME]), len(groups[AWAY])] == [0, 1]
    assert groups[AWAY][0]["arn"].startswith(f"arn:aws:logs:{AWAY}:")


def test_a_function_behind_an_api_answers_in_its_region(cloud: Cloud, role: str) -> None:
    source = (
        "import os\ndef handler(event, context): return {'statusCode': 200, 'body': os.environ['AWS_REGION']}"
    )
    functions = client(cloud, "lambda", AWAY)
    arn = functions.create_function(
        FunctionName="f",
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package(source)},
    )["FunctionArn"]
    assert arn == f"arn:aws:lambda:{AWAY}:123456789012:function:f"
    home = client(cloud, "lambda", HOME)
    assert home.list_functions()["Functions"] == []
    assert code(lambda: home.invoke(FunctionName="f")) == "ResourceNotFoundException"
    with pytest.raises(ClientError, match=f"Functions from '{AWAY}' are not reachable in this region"):
        home.invoke(FunctionName=arn)
    gateway = client(cloud, "apigatewayv2", AWAY)
    api = gateway.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    functions.add_permission(
        FunctionName="f",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{AWAY}:123456789012:{api}/*",
    )
    answer = urllib3.request("GET", f"{cloud.url}/_aws/execute-api/{api}/")
    assert (answer.status, answer.data) == (200, AWAY.encode())
    assert client(cloud, "apigatewayv2", HOME).get_apis()["Items"] == []
    # Its logs and metrics, too.
    for region, count in ((HOME, 0), (AWAY, 1)):
        metrics = client(cloud, "cloudwatch", region).list_metrics(
            Namespace="AWS/Lambda", MetricName="Invocations", Dimensions=[{"Name": "FunctionName"}]
        )["Metrics"]
        groups = client(cloud, "logs", region).describe_log_groups(logGroupNamePrefix="/aws/lambda/f")
        assert [len(metrics), len(groups["logGroups"])] == [count, count]


def test_users_and_bucket_names_are_global(cloud: Cloud) -> None:
    client(cloud, "iam", HOME).create_user(UserName="one")
    assert client(cloud, "iam", AWAY).get_user(UserName="one")["User"]["UserName"] == "one"
    home, away = client(cloud, "s3", HOME), client(cloud, "s3", AWAY)
    home.create_bucket(Bucket="taken")
    elsewhere = {"LocationConstraint": AWAY}
    taken = code(lambda: away.create_bucket(Bucket="taken", CreateBucketConfiguration=elsewhere))
    assert taken == "BucketAlreadyOwnedByYou"
    assert code(lambda: away.create_bucket(Bucket="nowhere")) == "IllegalLocationConstraintException"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_bucket_in_the_eu_is_in_ireland(cloud: Cloud, region: str) -> None:
    s3, bucket = client(cloud, "s3", region), {"Bucket": f"old-name-{region}"}
    s3.create_bucket(**bucket, CreateBucketConfiguration={"LocationConstraint": "EU"})
    assert s3.get_bucket_location(**bucket)["LocationConstraint"] == "EU"
    assert s3.head_bucket(**bucket)["BucketRegion"] == "eu-west-1"
    found = s3.list_buckets(BucketRegion="eu-west-1")["Buckets"]
    assert bucket["Bucket"] in [one["Name"] for one in found]


def test_a_bucket_of_the_eu_is_not_created_elsewhere(cloud: Cloud) -> None:
    frankfurt, in_the_eu = client(cloud, "s3", "eu-central-1"), {"LocationConstraint": "EU"}
    refused = code(lambda: frankfurt.create_bucket(Bucket="x-eu", CreateBucketConfiguration=in_the_eu))
    assert refused == "IllegalLocationConstraintException"


@pytest.mark.parametrize("service", ["sqs", "sagemaker", "iam", "lambda"])
@pytest.mark.parametrize("region", ["xx-mars-1", "us-gov-west-1"])
def test_a_region_that_the_account_does_not_have_is_refused(cloud: Cloud, service: str, region: str) -> None:
    """AWS's words: https://github.com/aws/aws-sdk-js/issues/4545, https://github.com/JuliaCloud/AWS.jl/issues/565"""
    scope = f"test/20260101/{region}/{service}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    headers |= {"X-Amz-Target": "AmazonSQS.ListQueues"} if service == "sqs" else {}
    answer = urllib3.request("POST", cloud.url, headers=headers, body=b"{}")
    assert answer.status == 403
    assert b"Credential should be scoped to a valid region, not '" + region.encode() in answer.data.replace(
        b"&apos;", b"'"
    )


def test_a_signature_to_a_deployed_api_makes_no_region(cloud: Cloud) -> None:
    scope = "test/20260101/../execute-api/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    before = sorted(cloud.state_dir.iterdir())
    assert urllib3.request("GET", f"{cloud.url}/_aws/execute-api/nothing/", headers=headers).status == 404
    assert sorted(cloud.state_dir.iterdir()) == before


def test_status_names_what_runs_elsewhere(cloud: Cloud) -> None:
    running = json.loads(urllib3.request("GET", f"{cloud.url}/_localcloud/status").data)["running"]
    assert running["stacks"] == {}
    assert list(running[f"stacks in {AWAY}"]) == ["s"]
