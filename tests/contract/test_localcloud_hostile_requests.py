"""Requests that would take for ever, or all memory, are refused in words, in their protocol's own form."""

import html
import json
import random
import re
import socket

import pytest
import requests
from botocore.exceptions import ClientError
from localcloud_cloudformation_fixtures import cloud

from localcloud.iam.conditions import matches

__all__ = ["cloud"]

GROUP = "Resources: {G: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: %s}}}"
DEEP = 20_000
JSON_PROTOCOL = "application/x-amz-json-1.1"


def signed(service: str, **more: str) -> dict[str, str]:
    scope = f"test/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, x"} | more


def doubled(times: int) -> dict:
    """A text of 2 ** times characters, in a few hundred of the template's own."""
    text = "x"
    for _ in range(times):
        text = {"Fn::Sub": ["${a}${a}", {"a": text}]}
    return text


def named(name: object) -> str:
    return json.dumps(
        {"Resources": {"G": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}}}
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("[" * DEEP, "nested too deeply"),
        ('{"Resources": ' + "[" * DEEP, "nested too deeply"),
        (GROUP % ("[" * DEEP), "nested too deeply"),
        (GROUP % ("!Sub [" * 5_000), "nested too deeply"),
        (named("x").replace('"x"', "[" * 900 + "]" * 900), "nested too deeply"),
        ("Metadata: {a: &a [x, x], b: &b [*a, *a]}\n" + GROUP % "x", "YAML aliases are not allowed"),
        (named(doubled(60)), "longer than"),
        (named({"Fn::Join": ["x" * 20_000, {"Fn::Split": [",", "," * 9_000]}]}), "longer than"),
        (named({"Fn::Split": [",", "," * 20_000]}), "more than"),
        (
            "Conditions: {A: !Not [Condition: B], B: !Not [Condition: A]}\n" + GROUP % "x",
            r"conditions \[A, B\]",
        ),
        ("Conditions: {A: !Not [Condition: A]}\n" + GROUP % "x", r"conditions \[A\]"),
    ],
)
def test_templates(cloud, template, message):
    client = cloud.client("cloudformation")
    with pytest.raises(ClientError, match=message) as refused:
        client.create_stack(StackName="hostile", TemplateBody=template)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_stacks(StackName="hostile")


@pytest.mark.parametrize(
    ("pattern", "value", "message"),
    [
        ("(a+)+$", "a" * 60 + "b", "must match pattern"),
        ("x*" * 500, "x" * 2_000 + "y", "it takes more than"),
        ("(" * DEEP, "a", "nested too deeply"),
        ("(a", "a", "not a regular expression"),
        ("[[a-z]&&[^b]]++", "abc", "must match pattern"),
    ],
)
def test_patterns_of_parameters(cloud, pattern, value, message):
    template = {"Parameters": {"P": {"Type": "String", "Default": value, "AllowedPattern": pattern}}}
    with pytest.raises(ClientError, match=re.escape(message)):
        cloud.client("cloudformation").create_stack(
            StackName="hostile", TemplateBody=json.dumps(template | json.loads(named("x")))
        )


def test_a_parameter_of_a_megabyte_of_braces(cloud):
    with pytest.raises(ClientError, match="maximum parameter value of 4096 characters"):
        cloud.client("ssm").put_parameter(Name="p", Value="{{" * 500_000, Type="String")
    with pytest.raises(ClientError, match="can't nest another parameter"):
        cloud.client("ssm").put_parameter(Name="p", Value="a {{b\n}}", Type="String")


@pytest.mark.parametrize(
    ("headers", "path", "status", "code"),
    [
        ({"X-Amz-Meta-Long": "AWS" * 3_000}, "/bucket", 400, "RequestHeaderSectionTooLarge"),
        ({}, "/bucket/" + ".s3-" * 2_500, 414, "RequestURITooLong"),
    ],
)
def test_a_head_that_moto_would_search_for_seconds(cloud, headers, path, status, code):
    answer = requests.get(cloud.url + path, headers=signed("s3") | headers, timeout=60)
    assert (answer.status_code, code in answer.text) == (status, True)


@pytest.mark.parametrize("service", ["nonsense", "a" * 100, "moto_api", "<script>"])
@pytest.mark.parametrize("path", ["/?Action=ListUsers&Version=2010-05-08", "/moto-api/reset", "/bucket/key"])
def test_a_service_that_aws_does_not_have(cloud, service, path):
    for method in ("GET", "POST", "PUT"):
        answer = requests.request(method, cloud.url + path, headers=signed(service), timeout=60)
        assert answer.status_code == 400
        assert f"localcloud does not support the {service} operation" in html.unescape(answer.text)


def test_a_text_of_more_than_128_characters_is_no_access_key(cloud):
    scope = f"{'a' * 129}/20260101/us-east-1/iam/aws4_request"
    answer = requests.post(cloud.url, headers={"Authorization": f"Credential={scope}"}, timeout=60)
    assert answer.status_code == 403
    assert "MissingAuthenticationToken" in answer.text


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"\x81\x00", b"\x9f" * 500, b"\x9b" + b"\xff" * 8, b"\x5b\x7f" + b"\xff" * 7, b"\xa1\x80\x00"],
)
def test_a_body_that_is_no_map_of_cbor(cloud, body):
    url = f"{cloud.url}/service/GraniteServiceVersion20100801/operation/PutMetricData"
    answer = requests.post(url, body, headers=signed("monitoring"), timeout=60)
    assert (answer.status_code, b"SerializationException" in answer.content) == (400, True)


@pytest.mark.parametrize("service", ["sqs", "logs", "dynamodb"])
def test_a_request_that_names_no_operation(cloud, service):
    answer = requests.post(cloud.url, "a=1", headers=signed(service), timeout=60)
    assert (answer.status_code, "does not support" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("path", "status"), [("bucket?cors", 413), ("bucket?delete", 413), ("bucket/key", 100)]
)
def test_only_objects_are_as_large_as_they_may_be(cloud, path, status):
    """A body that is too long is refused by its announced length; any other one is asked for."""
    method = "POST" if path.endswith("delete") else "PUT"
    lines = [f"{method} /{path} HTTP/1.1", f"Host: 127.0.0.1:{cloud.port}", "Expect: 100-continue"]
    lines += ["Content-Length: 9000000", f"Authorization: {signed('s3')['Authorization']}", "", ""]
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert int(connection.recv(65_536).split()[1]) == status


def test_a_prefix_of_queues_is_no_pattern(cloud):
    sqs = cloud.client("sqs")
    sqs.create_queue(QueueName="a" * 70 + "-")
    assert len(sqs.list_queues(QueueNamePrefix="a")["QueueUrls"]) == 1
    with pytest.raises(ClientError, match="Can only include alphanumeric characters"):
        sqs.list_queues(QueueNamePrefix="(a+)+$")


def test_expressions_have_dynamodbs_limit(cloud):
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    update = {
        "TableName": "table",
        "Key": {"k": {"S": "x"}},
        "UpdateExpression": f"SET a{' ' * 200_000}= :v",
        "ExpressionAttributeValues": {":v": {"S": "x"}},
    }
    for call, request in (
        (dynamodb.update_item, update),
        (dynamodb.transact_write_items, {"TransactItems": [{"Update": update}]}),
    ):
        with pytest.raises(ClientError, match="Invalid UpdateExpression: Expression size has exceeded"):
            call(**request)


def test_a_stored_template_has_cloudformations_limit(cloud):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="t", Body=b"#" * 1_048_577)
    with pytest.raises(ClientError, match="at most 1048576 bytes"):
        cloud.client("cloudformation").create_stack(
            StackName="hostile", TemplateURL=f"{cloud.url}/templates/t"
        )


@pytest.mark.parametrize(
    "headers",
    [
        signed("sagemaker", **{"X-Amz-Target": "SageMaker.CreateModel", "Content-Type": JSON_PROTOCOL}),
        signed("dynamodb", **{"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": JSON_PROTOCOL}),
        signed("logs", **{"X-Amz-Target": "Logs_20140328.PutLogEvents", "Content-Type": JSON_PROTOCOL}),
    ],
)
def test_deep_json_for_any_service(cloud, headers):
    answer = requests.post(f"{cloud.url}/", '{"a": ' + "[" * DEEP, headers=headers, timeout=60)
    assert answer.status_code == 400
    assert "nested too deeply" in answer.json()["message"]


def test_deep_json_for_a_function(cloud):
    url = f"{cloud.url}/2015-03-31/functions"
    answer = requests.post(url, "[" * DEEP, headers=signed("lambda"), timeout=60)
    assert answer.status_code == 400
    assert answer.headers["x-amzn-ErrorType"] == "InvalidRequestContentException"


def members(name: str, count: int, *fields: str) -> dict[str, str]:
    """A list of the query protocol with so many structures, each with these fields."""
    return {f"{name}.{i}.{field}": f"k{i}" for i in range(1, count + 1) for field in fields}


@pytest.mark.parametrize(
    ("service", "version", "parameters"),
    [
        ("cloudformation", "2010-05-15", {"Action": "CreateStack"} | members("Tags.member", 10_000, "Key")),
        ("iam", "2010-05-08", {"Action": "CreateUser"} | members("Tags.member", 10_000, "Key", "Value")),
        ("sns", "2010-03-31", {"Action": "CreateTopic"} | members("Tags.member", 10_000, "Key", "Value")),
        (
            *("monitoring", "2010-08-01"),
            {"Action": "PutMetricData"} | members("MetricData.member", 10_000, "MetricName"),
        ),
        (
            *("sqs", "2012-11-05"),
            {"Action": "SendMessageBatch"} | members("SendMessageBatchRequestEntry", 10_000, "Id"),
        ),
        ("sts", "2011-06-15", {"Action": "AssumeRole", "a." * 200_000: "deep"}),
    ],
)
def test_forms_with_many_parameters(cloud, service, version, parameters):
    body = {"Version": version} | parameters
    answer = requests.post(cloud.url, body, headers=signed(service), timeout=60)
    assert answer.status_code == 400
    assert "Error" in answer.text


def test_many_tags(cloud):
    tags = [{"Key": f"k{i}", "Value": ""} for i in range(60_000)]
    headers = signed("sagemaker", **{"X-Amz-Target": "SageMaker.AddTags", "Content-Type": JSON_PROTOCOL})
    body = json.dumps({"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m", "Tags": tags})
    answer = requests.post(cloud.url, body, headers=headers, timeout=60)
    assert answer.status_code == 400
    assert "less than or equal to 50" in answer.json()["message"]


def test_wildcards_of_policies_take_no_longer_than_the_text_is():
    assert not matches("*a" * 500 + "b", "a" * 5_000)
    pick = random.Random(1)
    for _ in range(3_000):
        pattern = "".join(pick.choices("ab*?", k=pick.randrange(7)))
        text = "".join(pick.choices("ab", k=pick.randrange(7)))
        plain = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text)
        assert matches(pattern, text) == bool(plain), (pattern, text)
