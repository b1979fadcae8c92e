"""Requests as boto3 sends them are read as the actions and resources that IAM policies speak of."""

import json
import re
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from localcloud.iam.actions import Place, accesses, s3_action
from localcloud.protocol.calls import call_of, signature_of

REGION, ACCOUNT = "eu-central-1", "123456789012"
PLACE = Place(ACCOUNT, REGION)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/job"
BUCKET = "arn:aws:s3:::films"


def sent(service: str, operation: str, **parameters: Any) -> Request:
    """The request that boto3 would send, caught before it leaves."""
    caught = []

    def catch(request: Any, **_: Any) -> AWSResponse:
        caught.append(request)
        return AWSResponse(request.url, 500, {}, None)

    client = boto3.client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:4566",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register_first("before-send", catch)
    try:
        getattr(client, operation)(**parameters)
    except Exception:
        assert caught, "boto3 refused the parameters"
    request = caught[0]
    url, _, query = request.url.partition("?")
    body = request.body.read() if hasattr(request.body, "read") else request.body
    headers = {
        name: value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    path = url.removeprefix("http://127.0.0.1:4566")
    builder = EnvironBuilder(
        method=request.method, path=path, query_string=query, headers=headers, data=body or b""
    )
    return Request(builder.get_environ())


def needed(service: str, operation: str, **parameters: Any) -> list[tuple[str, str]]:
    request = sent(service, operation, **parameters)
    signature = signature_of(request)
    assert signature is not None
    assert signature.region == REGION
    return [
        (one.action, one.resource) for one in accesses(call_of(request, signature.service), request, PLACE)
    ]


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("list_buckets", {}, [("s3:ListAllMyBuckets", "*")]),
        ("create_bucket", {"Bucket": "films"}, [("s3:CreateBucket", BUCKET)]),
        ("head_bucket", {"Bucket": "films"}, [("s3:ListBucket", BUCKET)]),
        ("list_objects", {"Bucket": "films"}, [("s3:ListBucket", BUCKET)]),
        ("list_objects_v2", {"Bucket": "films", "Prefix": "a"}, [("s3:ListBucket", BUCKET)]),
        ("list_object_versions", {"Bucket": "films"}, [("s3:ListBucketVersions", BUCKET)]),
        ("get_bucket_location", {"Bucket": "films"}, [("s3:GetBucketLocation", BUCKET)]),
        ("put_bucket_policy", {"Bucket": "films", "Policy": "{}"}, [("s3:PutBucketPolicy", BUCKET)]),
        ("get_object", {"Bucket": "films", "Key": "a b/č"}, [("s3:GetObject", f"{BUCKET}/a b/č")]),
        (
            "get_object",
            {"Bucket": "films", "Key": "a", "VersionId": "1"},
            [("s3:GetObjectVersion", f"{BUCKET}/a")],
        ),
        ("head_object", {"Bucket": "films", "Key": "a"}, [("s3:GetObject", f"{BUCKET}/a")]),
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html (under "Permissions")
        (
            "get_object_attributes",
            {"Bucket": "films", "Key": "a", "ObjectAttributes": ["ETag"]},
            [("s3:GetObjectAttributes", f"{BUCKET}/a"), ("s3:GetObject", f"{BUCKET}/a")],
        ),
        (
            "get_object_attributes",
            {"Bucket": "films", "Key": "a", "ObjectAttributes": ["ETag"], "VersionId": "1"},
            [("s3:GetObjectVersionAttributes", f"{BUCKET}/a"), ("s3:GetObjectVersion", f"{BUCKET}/a")],
        ),
        (
            "delete_object_tagging",
            {"Bucket": "films", "Key": "a", "VersionId": "1"},
            [("s3:DeleteObjectVersionTagging", f"{BUCKET}/a")],
        ),
        ("put_object", {"Bucket": "films", "Key": "a", "Body": b"x"}, [("s3:PutObject", f"{BUCKET}/a")]),
        ("delete_object", {"Bucket": "films", "Key": "a"}, [("s3:DeleteObject", f"{BUCKET}/a")]),
        ("get_object_tagging", {"Bucket": "films", "Key": "a"}, [("s3:GetObjectTagging", f"{BUCKET}/a")]),
        ("create_multipart_upload", {"Bucket": "films", "Key": "a"}, [("s3:PutObject", f"{BUCKET}/a")]),
        (
            "upload_part",
            {"Bucket": "films", "Key": "a", "PartNumber": 1, "UploadId": "u", "Body": b"x"},
            [("s3:PutObject", f"{BUCKET}/a")],
        ),
        (
            "complete_multipart_upload",
            {"Bucket": "films", "Key": "a", "UploadId": "u", "MultipartUpload": {"Parts": []}},
            [("s3:PutObject", f"{BUCKET}/a")],
        ),
        (
            "abort_multipart_upload",
            {"Bucket": "films", "Key": "a", "UploadId": "u"},
            [("s3:AbortMultipartUpload", f"{BUCKET}/a")],
        ),
        (
            "copy_object",
            {"Bucket": "films", "Key": "a", "CopySource": {"Bucket": "other", "Key": "b c"}},
            [("s3:PutObject", f"{BUCKET}/a"), ("s3:GetObject", "arn:aws:s3:::other/b c")],
        ),
        (
            "upload_part_copy",
            {"Bucket": "films", "Key": "a", "CopySource": "other/b", "PartNumber": 1, "UploadId": "u"},
            [("s3:PutObject", f"{BUCKET}/a"), ("s3:GetObject", "arn:aws:s3:::other/b")],
        ),
        (
            "copy_object",
            {
                "Bucket": "films",
                "Key": "a",
                "CopySource": {"Bucket": "other", "Key": "b?c", "VersionId": "1"},
            },
            [("s3:PutObject", f"{BUCKET}/a"), ("s3:GetObjectVersion", "arn:aws:s3:::other/b?c")],
        ),
        (
            "delete_objects",
            {"Bucket": "films", "Delete": {"Objects": [{"Key": "a&<b>"}, {"Key": "c"}]}},
            [("s3:DeleteObject", f"{BUCKET}/a&<b>"), ("s3:DeleteObject", f"{BUCKET}/c")],
        ),
        (
            "delete_objects",
            {"Bucket": "films", "Delete": {"Objects": [{"Key": "a", "VersionId": "1"}]}},
            [("s3:DeleteObjectVersion", f"{BUCKET}/a")],
        ),
    ],
)
def test_s3(operation: str, parameters: dict, expected: list) -> None:
    assert needed("s3", operation, **parameters) == expected


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


JOB = {
    "TrainingJobName": "job",
    "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "i"},
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://b/"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "e", "Body": b"x"},
            [("sagemaker:InvokeEndpoint", arn("sagemaker", "endpoint/e"))],
        ),
        (
            "sagemaker",
            "create_training_job",
            JOB,
            [("sagemaker:CreateTrainingJob", arn("sagemaker", "training-job/job")), ("iam:PassRole", ROLE)],
        ),
        (
            "sagemaker",
            "create_endpoint",
            {"EndpointName": "e", "EndpointConfigName": "c"},
            [
                ("sagemaker:CreateEndpoint", arn("sagemaker", "endpoint/e")),
                ("sagemaker:CreateEndpoint", arn("sagemaker", "endpoint-config/c")),
            ],
        ),
        ("sagemaker", "list_endpoints", {}, [("sagemaker:ListEndpoints", "*")]),
        *(
            (
                "sagemaker",
                "describe_model_package",
                {"ModelPackageName": name},
                [("sagemaker:DescribeModelPackage", arn("sagemaker", "model-package/p"))],
            )
            for name in ("p", arn("sagemaker", "model-package/p"))
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": "f", "Payload": b"{}"},
            [("lambda:InvokeFunction", arn("lambda", "function:f"))],
        ),
        (
            "lambda",
            "get_function",
            {"FunctionName": arn("lambda", "function:f:1")},
            [("lambda:GetFunction", arn("lambda", "function:f"))],
        ),
        (
            "lambda",
            "create_function",
            {
                "FunctionName": "f",
                "Role": ROLE,
                "Code": {"ZipFile": b"z"},
                "Handler": "a.b",
                "Runtime": "python3.12",
            },
            [("lambda:CreateFunction", arn("lambda", "function:f")), ("iam:PassRole", ROLE)],
        ),
        (
            "logs",
            "create_log_stream",
            {"logGroupName": "/g", "logStreamName": "s"},
            [("logs:CreateLogStream", arn("logs", "log-group:/g:log-stream:s"))],
        ),
        (
            "logs",
            "create_log_group",
            {"logGroupName": "/g"},
            [("logs:CreateLogGroup", arn("logs", "log-group:/g:log-stream:"))],
        ),
        ("iam", "get_role", {"RoleName": "r"}, [("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/r")]),
        (
            "sts",
            "assume_role",
            {"RoleArn": ROLE, "RoleSessionName": "me"},
            [("sts:AssumeRole", ROLE)],
        ),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.0}]},
            [("cloudwatch:PutMetricData", "*")],
        ),
        (
            "cloudformation",
            "describe_stacks",
            {"StackName": "s"},
            [("cloudformation:DescribeStacks", arn("cloudformation", "stack/s/*"))],
        ),
        (
            "apigatewayv2",
            "get_api",
            {"ApiId": "x"},
            [("apigateway:GET", f"arn:aws:apigateway:{REGION}::/apis/x")],
        ),
        ("dynamodb", "list_tables", {}, [("dynamodb:ListTables", "*")]),
        ("sqs", "list_queues", {}, [("sqs:ListQueues", "*")]),
    ],
)
def test_other_services(service: str, operation: str, parameters: dict, expected: list) -> None:
    assert needed(service, operation, **parameters) == expected


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "resource"),
    [
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "e", "ContentType": "application/json"},
            "endpoint/e",
        ),
        ("lambda", "invoke", {"FunctionName": "f"}, "function:f"),
    ],
)
def test_data_does_not_pass_for_parameters(
    service: str, operation: str, parameters: dict, resource: str
) -> None:
    data = json.dumps(
        {"ResourceArn": "arn:aws:x", "RoleArn": ROLE, "Role": ROLE, "FunctionName": "other"}
    ).encode()
    body = {"Body": data} if service == "sagemaker-runtime" else {"Payload": data}
    found = needed(service, operation, **parameters, **body)
    assert [one[1].partition(f"{ACCOUNT}:")[2] for one in found] == [resource]


def test_s3s_action_names_are_those_that_awss_own_policies_use() -> None:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    documents = json.dumps(json.loads(aws_managed_policies_data))
    known = {name.lower() for name in re.findall(r'"s3:(\w+)"', documents)}
    operations = boto3.client("s3", region_name=REGION).meta.service_model.operation_names
    about = re.compile(
        r"(Get|Put|Delete|Head|List|Copy)(Object|Bucket|Objects|Buckets|ObjectsV2|Parts)(Encryption|Cors|Versioning|Lifecycle|Policy|PolicyStatus|Tagging|Acl|Website|Notification|Replication)?(Configuration)?"
    )
    checked = [name for name in operations if about.fullmatch(name)]
    assert len(checked) > 30
    assert {name: s3_action(name) for name in checked if s3_action(name).lower() not in known} == {}


def test_a_name_that_is_no_text_is_left_to_the_check_of_the_request():
    headers = {"X-Amz-Target": "SageMaker.DescribeModelPackage", "Content-Type": "application/x-amz-json-1.1"}
    request = Request(
        EnvironBuilder(method="POST", headers=headers, data='{"ModelPackageName": 5}').get_environ()
    )
    [access] = accesses(call_of(request, "sagemaker"), request, PLACE)
    assert access.resource.endswith(":model-package/5")
