"""Functions of stacks: their settings after updates that fail, and the tags that tell whose they are."""

import json
from typing import Any

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, stacks

__all__ = ["cloud", "stacks"]

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
FAILING = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "none", "PolicyDocument": {}}}


def template(**properties: Any) -> dict[str, Any]:
    """A function with these properties."""
    return {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [TRUST]}},
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": {"ZipFile": "def handler(event, context): pass"},
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Runtime": "python3.12",
                    **properties,
                },
            },
        }
    }


@pytest.mark.parametrize("before", [{}, {"LoggingConfig": {"LogFormat": "Text"}}])
def test_an_update_that_fails_gives_a_function_its_log_group_back(cloud, stacks, before):
    stacks.create("logging", template(**before))
    name = stacks.resources("logging")["Function"]
    failing = template(LoggingConfig={"LogFormat": "Text", "LogGroup": "/new"})
    failing["Resources"]["Last"] = {**FAILING, "DependsOn": "Function"}
    stacks.update("logging", failing, status="UPDATE_ROLLBACK_COMPLETE")
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=name)
    assert configuration["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    stacks.delete("logging")


def test_a_function_has_the_tags_of_its_stack(cloud, stacks):
    """Those that begin with aws: count towards no quota, and nobody but AWS gives or takes them."""
    functions = cloud.client("lambda")
    own = [{"Key": str(number), "Value": ""} for number in range(50)]
    stacks.create("tagged", template(Tags=own))
    stack_id, name = stacks.describe("tagged")["StackId"], stacks.resources("tagged")["Function"]
    system = {
        "aws:cloudformation:logical-id": "Function",
        "aws:cloudformation:stack-id": stack_id,
        "aws:cloudformation:stack-name": "tagged",
    }
    function = functions.get_function(FunctionName=name)
    assert function["Tags"] == {**{str(number): "" for number in range(50)}, **system}
    arn = function["Configuration"]["FunctionArn"]
    with pytest.raises(botocore.exceptions.ClientError, match="which is reserved"):
        functions.untag_resource(Resource=arn, TagKeys=["aws:cloudformation:stack-name"])

    stacks.update("tagged", json.dumps(template()), Tags=[{"Key": "team", "Value": "reviews"}])
    assert functions.list_tags(Resource=arn)["Tags"] == {"team": "reviews", **system}
    stacks.delete("tagged")


OPENAPI = """
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Body:
        openapi: 3.0.1
        info: {title: numbers}
        paths:
          /:
            get:
              x-amazon-apigateway-integration:
                type: aws_proxy
                uri: arn:aws:lambda:us-east-1:123456789012:function:films
                payloadFormatVersion: 2.0
                timeoutInMillis: "3000"
Outputs: {Api: {Value: !Ref Api}}
"""


def test_yaml_may_write_the_payload_format_version_as_a_number(cloud, stacks):
    """As public OpenAPI definitions do."""
    api = stacks.create("numbers", OPENAPI)["Api"]
    integration = cloud.client("apigatewayv2").get_integrations(ApiId=api)["Items"][0]
    assert (integration["PayloadFormatVersion"], integration["TimeoutInMillis"]) == ("2.0", 3000)
    stacks.delete("numbers")
    client = stacks.client
    with pytest.raises(botocore.exceptions.ClientError, match=r"payload format version 1\.0; set"):
        client.create_stack(StackName="numbers", TemplateBody=OPENAPI.replace("2.0", "1.0"))
