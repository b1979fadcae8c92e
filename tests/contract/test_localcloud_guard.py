"""What localcloud does not carry out is refused by name, in the form of its protocol."""

import http.client
import importlib.util
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.command_line import parser
from localcloud.functions import FunctionsService
from localcloud.moto_members import IGNORED
from localcloud.moto_operations import MOTO, RECORDS
from localcloud.sagemaker import SageMakerService
from localcloud.server import Server
from tests.conftest import PROJECT

ROLE = "arn:aws:iam::123456789012:role/r"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
VARIANT = {
    "EndpointConfigName": "c",
    "ProductionVariants": [
        {
            "VariantName": "v",
            "ModelName": "m",
            "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
        }
    ],
}
TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"


def client(cloud: Cloud, service: str, **settings: Any) -> Any:
    """A client that would try a second time where the answer allows it."""
    config = Config(retries={"total_max_attempts": 2, "mode": "standard"})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=cloud.url, config=config, **(keys | settings))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(port=0) as running:
        client(running.cloud, "s3").create_bucket(Bucket="quiet")
        client(running.cloud, "sns").create_topic(Name="topic")
        yield running


@pytest.fixture
def cloud(server: Server) -> Cloud:
    return server.cloud


def refused(cloud: Cloud, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        getattr(client(cloud, service), operation)(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["ResponseMetadata"].get("RetryAttempts", 0) == 0
    return caught.value.response["Error"]


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("logs", "list_log_groups", {}),  # json
        ("kms", "list_key_rotations", {"KeyId": "k"}),
        ("dynamodbstreams", "list_streams", {}),  # has the signing name of dynamodb
        ("cloudwatch", "put_composite_alarm", {"AlarmName": "a", "AlarmRule": "TRUE"}),  # cbor
        ("iam", "put_user_permissions_boundary", {"UserName": "u", "PermissionsBoundary": ROLE}),  # query
        ("sts", "get_federation_token", {"Name": "name"}),
        ("ec2", "describe_vpcs", {}),
        ("lambda", "get_account_settings", {}),  # rest-json
        ("lambda", "publish_version", {"FunctionName": "f"}),
        ("lambda", "create_alias", {"FunctionName": "f", "Name": "a", "FunctionVersion": "1"}),
        ("apigatewayv2", "create_vpc_link", {"Name": "v", "SubnetIds": ["s"]}),
        ("sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s3://b/k"}),
        ("sagemaker-runtime", "invoke_endpoint_with_response_stream", {"EndpointName": "e", "Body": b"x"}),
        # These have the signing name of sagemaker.
        (
            "sagemaker-featurestore-runtime",
            "get_record",
            {"FeatureGroupName": "f", "RecordIdentifierValueAsString": "1"},
        ),
        ("sagemaker-edge", "get_deployments", {"DeviceName": "d", "DeviceFleetName": "f"}),
        ("sagemaker-a2i-runtime", "describe_human_loop", {"HumanLoopName": "h"}),
        (
            "sagemaker-metrics",
            "batch_get_metrics",
            {
                "MetricQueries": [
                    {
                        "MetricName": "m",
                        "ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/j",
                        "MetricStat": "Min",
                        "Period": "OneHour",
                        "XAxisType": "Timestamp",
                    }
                ]
            },
        ),
        ("sagemaker-geospatial", "list_earth_observation_jobs", {}),
        (
            "sagemaker",
            "create_notebook_instance",
            {"NotebookInstanceName": "n", "InstanceType": "ml.t2.medium", "RoleArn": ROLE},
        ),
        (
            "sagemaker",
            "create_pipeline",
            {
                "PipelineName": "p",
                "ClientRequestToken": "t" * 32,
                "RoleArn": ROLE,
                "PipelineDefinition": "{}",
            },
        ),
        (
            "sagemaker",
            "create_hyper_parameter_tuning_job",
            {
                "HyperParameterTuningJobName": "h",
                "HyperParameterTuningJobConfig": {
                    "Strategy": "Random",
                    "ResourceLimits": {"MaxParallelTrainingJobs": 1},
                },
            },
        ),
        (
            "s3",
            "select_object_content",
            {
                "Bucket": "quiet",
                "Key": "k",
                "Expression": "SELECT 1",
                "ExpressionType": "SQL",
                "InputSerialization": {"CSV": {}},
                "OutputSerialization": {"CSV": {}},
            },
        ),
        (
            "s3",
            "put_bucket_accelerate_configuration",
            {"Bucket": "quiet", "AccelerateConfiguration": {"Status": "Enabled"}},
        ),
        ("route53", "list_hosted_zones", {}),  # rest-xml
        ("cloudfront", "list_public_keys", {}),
        ("cloudformation", "list_stack_sets", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_operation_that_nobody_carries_out_is_refused_by_name(
    cloud: Cloud, service: str, operation: str, request_: dict
) -> None:
    error = refused(cloud, service, operation, request_)
    assert error["Code"].startswith("UnsupportedOperation")
    assert (
        f"operation {boto3.client(service, 'us-east-1').meta.method_to_api_mapping[operation]}"
        in error["Message"]
    )


def raw(cloud: Cloud, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def signed(service: str) -> dict[str, str]:
    scope = f"test/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "body", "named"),
    [
        ("sqs", "POST", "/", {"X-Amz-Target": "AmazonSQS.Dance"}, b"{}", "Dance"),
        # A name of another service's, in front of an operation that this one has.
        ("dynamodb", "POST", "/", {"X-Amz-Target": "Other_20120810.ListTables"}, b"{}", "ListTables"),
        ("lambda", "GET", "/2015-03-31/dances", {}, b"", "GET /2015-03-31/dances"),
        ("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/Dance", {}, b"", "Dance"),
        (
            "iam",
            "POST",
            "/",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Action=Dance&Version=2010-05-08",
            "Dance",
        ),
    ],
    ids=["json", "target of another service", "rest-json", "cbor", "query"],
)
def test_an_operation_that_aws_does_not_have_is_refused_too(
    cloud: Cloud, service: str, method: str, path: str, headers: dict, body: bytes, named: str
) -> None:
    status, answered, text = raw(cloud, method, path, signed(service) | headers, body)
    assert status == 400
    assert named.encode() in text
    assert "html" not in answered["Content-Type"]


def test_ec2_errors_have_ec2s_own_form(cloud: Cloud) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    headers = signed("ec2") | {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"Action=DescribeVpcs&Version=2016-11-15"
    text = raw(cloud, "POST", "/", headers, body)[2].decode()
    assert "<Response><Errors><Error><Code>UnsupportedOperation</Code>" in text
    assert "</Errors><RequestID>" in text


def test_directory_buckets_are_refused_in_the_form_of_s3(cloud: Cloud) -> None:
    error = refused(cloud, "s3", "list_directory_buckets", {})
    assert error["Code"] == "UnsupportedOperation"
    assert "localcloud does not support the s3express operation GET /" in error["Message"]


LAMBDA_NOTICE = {
    "LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}]
}


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("comprehend", "detect_sentiment", {"Text": "terrible, I hate it", "LanguageCode": "en"}),
        ("rekognition", "detect_labels", {"Image": {"Bytes": b"x"}}),
        ("textract", "detect_document_text", {"Document": {"Bytes": b"x"}}),
        ("bedrock", "list_custom_models", {}),
        ("bedrock-runtime", "invoke_model", {"modelId": "m", "body": b"{}"}),
        ("stepfunctions", "create_state_machine", {"name": "s", "definition": "{}", "roleArn": ROLE}),
        ("events", "put_rule", {"Name": "r", "ScheduleExpression": "rate(1 minute)"}),
        ("events", "put_events", {"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}"}]}),
        ("scheduler", "list_schedules", {}),
        ("apigateway", "create_rest_api", {"name": "a"}),
        ("lambda", "publish_layer_version", {"LayerName": "l", "Content": {"ZipFile": b"x"}}),
        (
            "s3",
            "put_bucket_notification_configuration",
            {"Bucket": "quiet", "NotificationConfiguration": LAMBDA_NOTICE},
        ),
        (
            "s3",
            "put_bucket_notification_configuration",
            {"Bucket": "quiet", "NotificationConfiguration": {"EventBridgeConfiguration": {}}},
        ),
        ("sns", "subscribe", {"TopicArn": TOPIC, "Protocol": "lambda", "Endpoint": FUNCTION}),
        ("sns", "subscribe", {"TopicArn": TOPIC, "Protocol": "http", "Endpoint": "http://127.0.0.1:1/"}),
        ("sns", "publish", {"PhoneNumber": "+15005550006", "Message": "m"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_only_pretend_is_refused(
    cloud: Cloud, service: str, operation: str, request_: dict
) -> None:
    error = refused(cloud, service, operation, request_)
    assert error["Code"].startswith("UnsupportedOperation")
    assert "localcloud does not support" in error["Message"]
    assert service == "sns" or f"--records {service}" in error["Message"]


def test_a_bucket_without_notifications_may_say_so(cloud: Cloud) -> None:
    s3 = client(cloud, "s3")
    s3.put_bucket_notification_configuration(Bucket="quiet", NotificationConfiguration={})
    assert "LambdaFunctionConfigurations" not in s3.get_bucket_notification_configuration(Bucket="quiet")


def test_records_are_kept_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []
    monkeypatch.setattr(
        "moto.awslambda.models.LambdaBackend.get_function", lambda _, name, *__: run.append(name)
    )
    with Server(port=0, records=["comprehend", "events", "s3", "sns"]) as server:
        sentiment = client(server.cloud, "comprehend").detect_sentiment(Text="so so", LanguageCode="en")
        assert sentiment["Sentiment"]
        client(server.cloud, "events").put_rule(Name="r", ScheduleExpression="rate(1 minute)")
        s3 = client(server.cloud, "s3")
        s3.create_bucket(Bucket="loud")
        s3.put_bucket_notification_configuration(Bucket="loud", NotificationConfiguration=LAMBDA_NOTICE)
        kept = s3.get_bucket_notification_configuration(Bucket="loud")
        assert kept["LambdaFunctionConfigurations"][0]["LambdaFunctionArn"] == FUNCTION
        s3.put_object(Bucket="loud", Key="k", Body=b"v")
        assert run == []  # moto would run a function in Docker
        topic = client(server.cloud, "sns").create_topic(Name="topic")["TopicArn"]
        for protocol, endpoint in (("http", "http://127.0.0.1:1/"), ("lambda", FUNCTION)):
            subscription = {"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint}
            refused(server.cloud, "sns", "subscribe", subscription)
        client(server.cloud, "sns").subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15005550006")
        # What moto has not, or what would reach out of this machine, stays refused.
        lacks = {"TextList": ["a"], "LanguageCode": "en"}
        refused(server.cloud, "comprehend", "batch_detect_sentiment", lacks)
        reaches_out = {"Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": {}}
        refused(server.cloud, "events", "create_connection", reaches_out)
        refused(server.cloud, "stepfunctions", "list_state_machines", {})


def test_the_command_line_knows_which_services_have_records(capsys: pytest.CaptureFixture) -> None:
    arguments = ["up", "--records", "events", "--records=s3"]
    assert parser().parse_args(arguments).records == ["events", "s3"]
    with pytest.raises(SystemExit):
        parser().parse_args(["up", "--records", "ec2"])
    assert "invalid choice: 'ec2'" in capsys.readouterr().err


def test_every_service_with_records_is_one_that_botocore_knows() -> None:
    for name, record in RECORDS.items():
        model = boto3.client(name, "us-east-1").meta.service_model
        assert model.signing_name == record.signing_name
        assert (record.operations or frozenset()) | record.without <= set(model.operation_names)


def test_the_coverage_page_says_what_the_code_does(server: Server) -> None:
    file = PROJECT / "docs" / "localcloud_coverage.py"
    spec = importlib.util.spec_from_file_location("localcloud_coverage", file)
    coverage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(coverage)
    written = coverage.page(server.front.services)
    assert coverage.PAGE.read_text(encoding="utf-8") == written, "run: python docs/localcloud_coverage.py"


@pytest.mark.parametrize(
    ("service", "operation", "request_", "named"),
    [
        ("logs", "describe_log_groups", {"logGroupIdentifiers": ["a"]}, "logGroupIdentifiers"),  # json
        ("cloudwatch", "list_metrics", {"RecentlyActive": "PT3H"}, "RecentlyActive"),  # cbor
        (
            "sts",
            "get_session_token",
            {"SerialNumber": "arn:aws:iam::123456789012:mfa/me"},
            "SerialNumber",
        ),
        ("s3", "put_object", {"Bucket": "quiet", "Key": "k", "WriteOffsetBytes": 3}, "WriteOffsetBytes"),
        (
            "s3",
            "copy_object",
            {"Bucket": "quiet", "Key": "k", "CopySource": "quiet/j", "ObjectLockEventHold": "ON"},
            "ObjectLockEventHold",
        ),
        (
            "apigatewayv2",
            "create_api",
            {"Name": "a", "ProtocolType": "HTTP", "IpAddressType": "dualstack"},
            "IpAddressType",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_member_that_moto_would_ignore_is_refused_by_name(
    cloud: Cloud, service: str, operation: str, request_: dict, named: str
) -> None:
    error = refused(cloud, service, operation, request_)
    assert f"localcloud does not support the property {named}" in error["Message"]


@pytest.mark.parametrize(
    ("service", "operation", "request_", "named"),
    [
        (
            "sagemaker",
            "list_training_jobs",
            {"TrainingPlanArnEquals": "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p"},
            "TrainingPlanArnEquals",
        ),
        (
            "sagemaker",
            "create_endpoint_config",
            VARIANT | {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/out"}}},
            "AsyncInferenceConfig",
        ),
        (
            "sagemaker",
            "create_endpoint_config",
            VARIANT
            | {
                "DataCaptureConfig": {
                    "InitialSamplingPercentage": 100,
                    "DestinationS3Uri": "s3://b/captured",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
            "DataCaptureConfig",
        ),
        (
            "lambda",
            "add_permission",
            {
                "FunctionName": "f",
                "StatementId": "s",
                "Action": "lambda:InvokeFunction",
                "Principal": "*",
                "InvokedViaFunctionUrl": True,
            },
            "InvokedViaFunctionUrl",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_member_that_a_service_ignores_is_refused_by_name(
    cloud: Cloud, service: str, operation: str, request_: dict, named: str
) -> None:
    error = refused(cloud, service, operation, request_)
    assert f"localcloud does not support the property {named}" in error["Message"]


def test_a_member_with_its_default_value_is_accepted() -> None:
    with Server(port=0) as server:
        logs = client(server.cloud, "logs")
        logs.create_log_group(logGroupName="g", logGroupClass="STANDARD")
        assert logs.describe_log_groups()["logGroups"][0]["logGroupName"] == "g"
        assert (
            client(server.cloud, "cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm"])["MetricAlarms"]
            == []
        )


def test_every_member_that_is_refused_is_one_of_its_operation() -> None:
    refusals = [(service, operation, set(members)) for (service, operation), members in IGNORED.items()]
    for own in (FunctionsService, SageMakerService):
        for operation, paths in own.unsupported_members.items():
            refusals.append((own.service_name, operation, {path.partition(".")[0] for path in paths}))
    for service, operation, members in refusals:
        model = boto3.client(service, "us-east-1").meta.service_model.operation_model(operation)
        assert {one.partition("=")[0] for one in members} <= model.input_shape.members.keys()
    assert all(operation in MOTO[service].all for service, operation in IGNORED)


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("sns", "list_topics", {"NextToken": "abc"}),
        ("sns", "get_topic_attributes", {"TopicArn": "abc"}),
        ("s3", "create_multipart_upload", {"Bucket": "quiet", "Key": "k", "GrantRead": "abc"}),
        ("apigatewayv2", "get_apis", {"MaxResults": "abc"}),
    ],
)
def test_malformed_requests_at_which_moto_fails_are_refused(
    cloud: Cloud, service: str, operation: str, request_: dict[str, Any]
) -> None:
    # They were answered 500, which clients send again.
    assert refused(cloud, service, operation, request_)["Code"] in (
        "UnsupportedOperation",
        "BadRequestException",
    )


def test_a_path_that_moto_does_not_know_is_refused_as_a_request_of_its_service(cloud: Cloud) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", **signed("iam")}
    status, _, body = raw(cloud, "POST", "/x", headers, b"Action=ListUsers&Version=2010-05-08")
    assert status == 400 and b"<Code>UnsupportedOperation</Code>" in body
