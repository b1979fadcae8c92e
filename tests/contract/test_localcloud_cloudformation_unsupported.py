"""What a template asks for and localcloud cannot make is refused by name, before anything is made."""

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, stacks

__all__ = ["cloud", "stacks"]


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (
            {"Type": "AWS::EC2::Instance"},
            r"localcloud does not support the resource type AWS::EC2::Instance \(resource Thing\)",
        ),
        ({"Type": "AWS::Foo::Bar"}, r"Template format error: Unrecognized resource types: \[AWS::Foo::Bar\]"),
        (
            {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": {"ZipFile": ""},
                    "Role": "arn:aws:iam::123456789012:role/r",
                    "Handler": "i.h",
                    "Runtime": "nodejs20.x",
                },
            },
            "Thing.*localcloud does not support the runtime nodejs20.x",
        ),
        (
            {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {"Body": {"components": {"securitySchemes": {"a": {}}}}},
            },
            r"localcloud does not support authorizers \(securitySchemes",
        ),
        (
            {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": {"paths": {"/x": ["get"]}}}},
            "the path /x of the API's Body must be an object, as in an OpenAPI definition",
        ),
        *(
            (
                {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}},
                f"{named}, as in an OpenAPI definition",
            )
            for body, named in (
                ('{"openapi": "3.0.1"}', "the API's Body must be an object"),
                ({"paths": {"/x": {"get": "y"}}}, "get /x of the API's Body must be an object"),
                ({"servers": ["https://x"]}, r"servers\[0\] of the API's Body must be an object"),
                ({"tags": "ab"}, "tags of the API's Body must be a list"),
            )
        ),
        (
            {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Body": {
                        "paths": {"/x": {"get": {"x-amazon-apigateway-integration": {"type": "http_proxy"}}}}
                    }
                },
            },
            "localcloud does not support http_proxy integrations, only AWS_PROXY .*GET /x",
        ),
        (
            {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Other"}, "StageName": "s"}},
            "a stage must have AutoDeploy: true",
        ),
        (
            {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {"ApiId": {"Ref": "Other"}, "IntegrationType": "HTTP_PROXY"},
            },
            "localcloud does not support HTTP_PROXY integrations",
        ),
        (
            {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {"ApiId": {"Ref": "Other"}, "RouteKey": "GET /", "AuthorizationType": "JWT"},
            },
            r"localcloud does not support routes with authorization \(JWT\)",
        ),
        (
            {
                "Type": "AWS::CloudFront::Distribution",
                "Properties": {
                    "DistributionConfig": {
                        "Enabled": True,
                        "Aliases": ["www.example.com"],
                        "Origins": [
                            {"Id": "o", "DomainName": {"Fn::GetAtt": "Other.Arn"}, "S3OriginConfig": {}}
                        ],
                        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all"},
                    }
                },
            },
            "localcloud does not support Aliases in distributions",
        ),
        (
            {
                "Type": "AWS::CodeBuild::Project",
                "Properties": {
                    "Artifacts": {"Type": "NO_ARTIFACTS"},
                    "Environment": {
                        "ComputeType": "BUILD_GENERAL1_SMALL",
                        "Image": "i",
                        "Type": "LINUX_CONTAINER",
                    },
                    "ServiceRole": {"Fn::GetAtt": "Other.Arn"},
                    "Source": {"Type": "GITHUB", "Location": "https://github.com/a/b.git"},
                },
            },
            "localcloud supports only S3 for source.type",
        ),
        (
            {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {
                    "ProductionVariants": [
                        {"VariantName": "v", "ModelName": {"Ref": "Other"}, "InitialVariantWeight": 1}
                    ],
                    "DataCaptureConfig": {
                        "EnableCapture": True,
                        "DestinationS3Uri": "s3://bucket/x",
                        "InitialSamplingPercentage": 1,
                        "CaptureOptions": [{"CaptureMode": "Input"}],
                    },
                },
            },
            "localcloud does not support the property DataCaptureConfig",
        ),
        (
            {
                "Type": "AWS::SNS::Topic",
                "Properties": {"Subscription": [{"Protocol": "lambda", "Endpoint": {"Ref": "Other"}}]},
            },
            "localcloud does not support subscriptions with the protocol lambda",
        ),
        ({"Type": "AWS::S3::Bucket", "Properties": {"Nme": 1}}, "Thing.*unsupported property Nme"),
        (
            {
                "Type": "AWS::S3::Bucket",
                "Properties": {"ReplicationConfiguration": {"Role": "r", "Rules": []}},
            },
            r"ReplicationConfiguration.*AWS::S3::Bucket \(resource Thing\)",
        ),
        ({"Type": "AWS::S3::Bucket", "Properties": {"Arn": "a"}}, "read-only"),
        (
            {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "b"}},
            r"required key \[PolicyDocument\]",
        ),
        ({"Type": "AWS::Logs::LogGroup", "DependsOn": "Nothing"}, "Nothing"),
        ({"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Nothing"}}}, "Nothing"),
        (
            {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Fn::GetAtt": "Other.Colour"}}},
            "Other does not support attribute type Colour",
        ),
        (
            {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Thing"}}},
            r"Circular dependency between resources: \[Thing\]",
        ),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is(stacks, resource, message):
    template = {"Resources": {"Other": {"Type": "AWS::Logs::LogGroup"}, "Thing": resource}}
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        stacks.create("refused", template)
    with pytest.raises(botocore.exceptions.ClientError, match="does not exist"):
        stacks.describe("refused")


def serverless_function(**event) -> dict:
    code = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "InlineCode": "def handler(event, context): ...",
    }
    return {"Type": "AWS::Serverless::Function", "Properties": {**code, "Events": {"On": event}}}


# What the samples of `sam init` have: a REST API, a rule of EventBridge, a state machine.
@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (
            serverless_function(Type="Api", Properties={"Path": "/hello", "Method": "get"}),
            "AWS::ApiGateway::RestApi",
        ),
        (
            serverless_function(Type="EventBridgeRule", Properties={"Pattern": {"source": ["aws.ec2"]}}),
            "AWS::Events::Rule",
        ),
        (
            {
                "Type": "AWS::Serverless::StateMachine",
                "Properties": {"Definition": {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}},
            },
            "AWS::StepFunctions::StateMachine",
        ),
    ],
)
def test_unsupported_parts_of_sams_samples_are_refused_by_name(stacks, resource, named):
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"It": resource}}
    with pytest.raises(botocore.exceptions.ClientError, match=f"does not support the resource type {named}"):
        stacks.create("sample", template)
    with pytest.raises(botocore.exceptions.ClientError, match="does not exist"):
        stacks.describe("sample")


def test_all_that_is_not_supported_is_told_at_once(stacks):
    function = serverless_function(Type="HttpApi", Properties={"Path": "/", "Method": "GET"})
    function["Properties"]["VpcConfig"] = {"SecurityGroupIds": ["sg-1"], "SubnetIds": ["subnet-1"]}
    function["Properties"]["Tracing"] = "Active"
    function["Properties"]["Environment"] = {"Variables": {"QUEUE": {"Fn::GetAtt": ["Queue", "Arn"]}}}
    resources = {
        "It": function,
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Open": {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}},
    }
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        stacks.create("much", {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources})
    message = caught.value.response["Error"]["Message"]
    for named in (
        "AWS::SQS::Queue (resource Queue)",
        "AWS::Kinesis::Stream (resource Stream)",
        "['VpcConfig'] of AWS::Lambda::Function (resource It)",
        "does not support tracing by X-Ray",
        "the AccessControl PublicRead, only Private",
    ):
        assert named in message
    assert message.count("localcloud does not support") == 5


def test_a_bucket_may_say_that_it_is_private(stacks):
    private = {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "Private"}}
    stacks.create("private", {"Resources": {"Own": private}})
    stacks.delete("private")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"LoggingConfig": {"LogFormat": "JSON", "LogGroup": {"Ref": "Group"}}}, "logs in JSON"),
        (
            {
                "Events": {
                    "E": {
                        "Type": "HttpApi",
                        "Properties": {"Path": "/", "Method": "GET", "PayloadFormatVersion": "1.0"},
                    }
                }
            },
            "payload format version 1.0; set PayloadFormatVersion to 2.0",
        ),
    ],
)
def test_what_a_function_cannot_have_is_refused_though_it_refers_to_others(stacks, changed, message):
    function = serverless_function(Type="HttpApi", Properties={"Path": "/", "Method": "GET"})
    function["Properties"] |= changed
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"It": function, "Group": {"Type": "AWS::Logs::LogGroup"}},
    }
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        stacks.create("refused", template)
    with pytest.raises(botocore.exceptions.ClientError, match="does not exist"):
        stacks.describe("refused")
