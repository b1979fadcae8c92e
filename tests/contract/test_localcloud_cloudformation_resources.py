"""Resources of stacks, read back through their own services: nothing that a template says gets lost."""

import json
import urllib.error
import urllib.request
from functools import partial

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks, trust

__all__ = ["cloud", "stacks"]


BUCKET = """
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: all-settings
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
      CorsConfiguration:
        CorsRules:
          - {AllowedMethods: [GET], AllowedOrigins: ["https://a.example"], ExposedHeaders: [etag], MaxAge: 60}
      LifecycleConfiguration:
        Rules:
          - {Id: old, Status: Enabled, Prefix: tmp/, ExpirationInDays: "30"}
          - {Id: versions, Status: Enabled, NoncurrentVersionExpiration: {NoncurrentDays: 7}}
          - {Id: uploads, Status: Enabled, AbortIncompleteMultipartUpload: {DaysAfterInitiation: 2}}
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: "true"}
      Tags: [{Key: team, Value: reviews}]
      VersioningConfiguration: {Status: Enabled}
      WebsiteConfiguration: {IndexDocument: index.html, ErrorDocument: error.html}
Outputs:
  Website: {Value: !GetAtt Bucket.WebsiteURL}
"""


def test_a_bucket_keeps_all_its_settings(cloud, stacks):
    outputs = stacks.create("settings", BUCKET)
    assert outputs["Website"] == f"http://all-settings.s3-website.localhost:{cloud.port}"
    s3, bucket = cloud.client("s3"), {"Bucket": "all-settings"}
    encryption = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    cors = s3.get_bucket_cors(**bucket)["CORSRules"][0]
    assert (cors["ExposeHeaders"], cors["MaxAgeSeconds"]) == (["etag"], 60)
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]}
    assert rules["old"]["Expiration"] == {"Days": 30}
    assert rules["versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert rules["uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is True
    assert s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    assert s3.get_bucket_tagging(**bucket)["TagSet"] == [{"Key": "team", "Value": "reviews"}]
    assert s3.get_bucket_website(**bucket)["ErrorDocument"] == {"Key": "error.html"}

    stacks.update(
        "settings", "Resources: {Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: all-settings}}}"
    )
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Suspended"
    for gone in (
        s3.get_bucket_cors,
        s3.get_bucket_lifecycle_configuration,
        s3.get_bucket_website,
        s3.get_bucket_tagging,
    ):
        with pytest.raises(botocore.exceptions.ClientError):
            gone(**bucket)
    stacks.delete("settings")


def test_what_a_lifecycle_rule_says_beyond_what_is_known_is_refused(stacks):
    rule = {"Status": "Enabled", "ExpirationInDays": 1, "ObjectSizeGreaterThan": "5"}
    template = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": {"Rules": [rule]}}}
        }
    }
    with pytest.raises(botocore.exceptions.ClientError, match="ObjectSizeGreaterThan"):
        stacks.create("lossy", template)


def test_roles_and_policies_follow_their_template(cloud, stacks):
    def template(action: str, managed: list[str]) -> dict:
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}],
        }
        return {
            "Resources": {
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
                        "ManagedPolicyArns": managed,
                        "Policies": [{"PolicyName": action.replace(":", "-"), "PolicyDocument": document}],
                    },
                },
                "Extra": {
                    "Type": "AWS::IAM::Policy",
                    "Properties": {
                        "PolicyName": "extra",
                        "PolicyDocument": document,
                        "Roles": [{"Ref": "Role"}],
                    },
                },
            },
            "Outputs": {
                "Role": {"Value": {"Ref": "Role"}},
                "Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
            },
        }

    iam = cloud.client("iam")
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    outputs = stacks.create("roles", template("s3:GetObject", [basic]))
    role = outputs["Role"]
    assert outputs["Arn"] == f"arn:aws:iam::{cloud.account_id}:role/{role}"
    assert iam.get_role(RoleName=role)["Role"]["Description"] == ""  # as in test_lambda.snapshot.json
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["s3-GetObject", "extra"]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"][0]["PolicyArn"] == basic
    stacks.update("roles", template("s3:PutObject", []))
    assert sorted(iam.list_role_policies(RoleName=role)["PolicyNames"]) == ["extra", "s3-PutObject"]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    statement = iam.get_role_policy(RoleName=role, PolicyName="extra")["PolicyDocument"]["Statement"][0]
    assert statement["Action"] == "s3:PutObject"
    stacks.delete("roles")
    assert role not in [one["RoleName"] for one in iam.list_roles()["Roles"]]


CRUD = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Bucket: {Type: "AWS::S3::Bucket"}
  Keep:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: "def handler(event, context): ..."
      Policies: [S3CrudPolicy: {BucketName: !Ref Bucket}]
Outputs: {Role: {Value: !Ref KeepRole}}
"""


def test_sams_policy_templates_deploy_though_they_have_no_version(cloud, stacks):
    role = stacks.create("crud", CRUD)["Role"]
    iam = cloud.client("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    assert "Version" not in document
    assert "s3:PutObject" in document["Statement"][0]["Action"]
    stacks.delete("crud")


@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}])
def test_policies_of_the_older_version_are_valid_everywhere(cloud, stacks, version):
    document = {**version, "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
    role = {
        "AssumeRolePolicyDocument": {**version, "Statement": trust("lambda.amazonaws.com")["Statement"]},
        "Policies": [{"PolicyName": "inline", "PolicyDocument": document}],
        "ManagedPolicyArns": [{"Ref": "Managed"}],
    }
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}
    stacks.create(
        "older", {"Resources": {"Managed": managed, "Role": {"Type": "AWS::IAM::Role", "Properties": role}}}
    )
    stacks.delete("older")
    with pytest.raises(botocore.exceptions.ClientError, match="MalformedPolicyDocument"):
        cloud.client("iam").create_policy(
            PolicyName="none", PolicyDocument=json.dumps({**document, "Version": "2012-10-18"})
        )


def test_alarms_metric_filters_and_topics_are_kept(cloud, stacks):
    template = """
Parameters: {Limit: {Type: Number, Default: 5}}
Resources:
  Topic: {Type: "AWS::SNS::Topic", Properties: {Subscription: [{Protocol: email, Endpoint: a@example.org}]}}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmActions: [!Ref Topic]
      Metrics:
        - Id: m
          ReturnData: false
          MetricStat: {Metric: {Namespace: N, MetricName: L}, Stat: p90, Period: 300}
        - {Id: s, Expression: m / 1000}
      EvaluationPeriods: 3
      DatapointsToAlarm: 2
      Threshold: !Ref Limit
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
  Group: {Type: "AWS::Logs::LogGroup"}
  Filter:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref Group
      FilterPattern: ERROR
      MetricTransformations: [{MetricName: Errors, MetricNamespace: N, MetricValue: "1", DefaultValue: 0}]
Outputs: {Alarm: {Value: !Ref Alarm}, Topic: {Value: !Ref Topic}, Group: {Value: !Ref Group}}
"""
    outputs = stacks.create("watch", template)
    cloudwatch = cloud.client("cloudwatch")
    alarm = cloudwatch.describe_alarms(AlarmNames=[outputs["Alarm"]])["MetricAlarms"][0]
    assert (alarm["Threshold"], alarm["DatapointsToAlarm"]) == (5.0, 2)
    assert alarm["AlarmActions"] == [outputs["Topic"]]
    assert alarm["Metrics"][0]["MetricStat"]["Stat"] == "p90"
    subscriptions = cloud.client("sns").list_subscriptions_by_topic(TopicArn=outputs["Topic"])[
        "Subscriptions"
    ]
    assert [one["Endpoint"] for one in subscriptions] == ["a@example.org"]
    filters = cloud.client("logs").describe_metric_filters(logGroupName=outputs["Group"])["metricFilters"]
    assert filters[0]["metricTransformations"][0]["metricName"] == "Errors"
    stacks.update("watch", None, Parameters=parameters(Limit="9"))
    assert cloudwatch.describe_alarms(AlarmNames=[outputs["Alarm"]])["MetricAlarms"][0]["Threshold"] == 9.0
    stacks.delete("watch")
    assert cloudwatch.describe_alarms(AlarmNames=[outputs["Alarm"]])["MetricAlarms"] == []


HTTP_API = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Word: {Type: String, Default: hello}, Burst: {Type: Number, Default: 5}}
Resources:
  Say:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Architectures: [arm64]
      Handler: index.handler
      Timeout: 9
      MemorySize: 192
      ReservedConcurrentExecutions: 2
      Environment: {Variables: {WORD: !Ref Word}}
      LoggingConfig: {LogGroup: !Ref Logs}
      InlineCode: |
        import os
        def handler(event, context):
            return {"statusCode": 200, "body": os.environ["WORD"]}
      Events: {Say: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /say, Method: GET}}}
  Logs: {Type: "AWS::Logs::LogGroup"}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: {AllowOrigins: ["https://a.example"], AllowMethods: [GET], MaxAge: 10}
      DefaultRouteSettings: {ThrottlingBurstLimit: !Ref Burst, ThrottlingRateLimit: 2}
      AccessLogSettings: {DestinationArn: !GetAtt Logs.Arn, Format: $context.requestId}
Outputs:
  Url: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
  Api: {Value: !Ref Api}
  Function: {Value: !Ref Say}
"""


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.slow
def test_a_serverless_function_answers_behind_its_http_api(cloud, stacks):
    outputs = stacks.create("say", HTTP_API)
    assert outputs["Url"] == f"{cloud.url}/_aws/execute-api/{outputs['Api']}"
    assert get(f"{outputs['Url']}/say") == (200, "hello")
    functions, gateway = cloud.client("lambda"), cloud.client("apigatewayv2")
    configuration = functions.get_function_configuration(FunctionName=outputs["Function"])
    assert (configuration["Timeout"], configuration["MemorySize"]) == (9, 192)
    assert configuration["Architectures"] == ["arm64"]
    assert configuration["LoggingConfig"]["LogGroup"].startswith("say-Logs-")
    concurrency = functions.get_function_concurrency(FunctionName=outputs["Function"])
    assert concurrency["ReservedConcurrentExecutions"] == 2
    assert gateway.get_api(ApiId=outputs["Api"])["CorsConfiguration"]["AllowOrigins"] == ["https://a.example"]
    stage = gateway.get_stage(ApiId=outputs["Api"], StageName="$default")
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] == 5
    assert stage["AccessLogSettings"]["Format"] == "$context.requestId"

    stacks.update("say", HTTP_API.replace("/say", "/speak"), Parameters=parameters(Word="bye", Burst="6"))
    assert get(f"{outputs['Url']}/speak") == (200, "bye")
    assert get(f"{outputs['Url']}/say")[0] == 404
    stage = gateway.get_stage(ApiId=outputs["Api"], StageName="$default")
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] == 6

    # An event without path and method is the route $default.
    default = HTTP_API.replace(
        "Method: GET}}}", "Method: GET}}, Else: {Type: HttpApi, Properties: {ApiId: !Ref Api}}}"
    )
    stacks.update("say", default, Parameters=parameters(Word="else", Burst="6"))
    assert get(f"{outputs['Url']}/no/such/path") == (200, "else")

    closed = default.replace(
        "    Properties:\n      CorsC", "    Properties:\n      DisableExecuteApiEndpoint: true\n      CorsC"
    ).replace("      LoggingConfig: {LogGroup: !Ref Logs}\n", "")
    stacks.update("say", closed, Parameters=parameters(Word="else", Burst="6"))
    assert get(f"{outputs['Url']}/no/such/path")[0] == 404
    assert gateway.get_api(ApiId=outputs["Api"])["DisableExecuteApiEndpoint"] is True
    logging = functions.get_function_configuration(FunctionName=outputs["Function"])["LoggingConfig"]
    assert logging["LogGroup"] == f"/aws/lambda/{outputs['Function']}"

    stacks.delete("say")
    assert get(f"{outputs['Url']}/speak")[0] == 404
    assert functions.list_functions()["Functions"] == []


def logging_stage(settings: dict | None) -> dict:
    """A template of an API with a stage, and of the log group for it."""
    stage = {"ApiId": {"Ref": "Api"}, "StageName": "live", "AutoDeploy": True}
    return {
        "Resources": {
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "a", "ProtocolType": "HTTP"}},
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "live-access"}},
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": stage | ({"AccessLogSettings": settings} if settings else {}),
            },
        },
        "Outputs": {"Api": {"Value": {"Ref": "Api"}}},
    }


def test_a_stage_logs_to_a_group_that_exists(cloud, stacks):
    nowhere = f"arn:aws:logs:{cloud.region}:{cloud.account_id}:log-group:nowhere"
    wrong = {"DestinationArn": nowhere, "Format": "$context.requestId"}
    stacks.create("nowhere", logging_stage(wrong), status="ROLLBACK_COMPLETE")
    assert (
        "Cannot enable logging. LogDestination: nowhere does not exist" in stacks.reasons("nowhere")["Stage"]
    )
    stacks.delete("nowhere")

    logs = {"Fn::GetAtt": ["Logs", "Arn"]}
    right = {"DestinationArn": logs, "Format": "$context.requestId"}
    api = stacks.create("logging", logging_stage(right))["Api"]
    stage = partial(cloud.client("apigatewayv2").get_stage, ApiId=api, StageName="live")
    assert stage()["AccessLogSettings"]["Format"] == "$context.requestId"
    stacks.update("logging", logging_stage(wrong), status="UPDATE_ROLLBACK_COMPLETE")
    assert stage()["AccessLogSettings"]["DestinationArn"].endswith(":log-group:live-access:*")
    without_id = {"DestinationArn": logs, "Format": "$context.status"}
    stacks.update("logging", logging_stage(without_id), status="UPDATE_ROLLBACK_COMPLETE")
    assert "must include either $context.requestId" in stacks.reasons("logging")["Stage"]
    stacks.update("logging", logging_stage(None))
    assert "AccessLogSettings" not in stage()
    stacks.update("logging", logging_stage(right))
    assert stage()["AccessLogSettings"]["Format"] == "$context.requestId"
    stacks.delete("logging")


def routed(path: str, name: str) -> dict:
    """A template of an API with a body, and of another API with a resource for its route."""
    function = "arn:aws:lambda:us-east-1:123456789012:function:films"
    integration = {"type": "AWS_PROXY", "uri": function, "payloadFormatVersion": "2.0"}
    get = {"get": {"x-amazon-apigateway-integration": integration}}
    body = {"openapi": "3.0.1", "info": {"title": "whole"}, "paths": {path: get}}
    return {
        "Resources": {
            "Whole": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}},
            "Parts": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "p", "ProtocolType": "HTTP"}},
            name: {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {"ApiId": {"Ref": "Parts"}, "RouteKey": f"GET {path}"},
            },
        },
        "Outputs": {"Whole": {"Value": {"Ref": "Whole"}}, "Parts": {"Value": {"Ref": "Parts"}}},
    }


def test_the_variable_of_a_route_is_renamed_only_in_place(cloud, stacks):
    """A new resource for the route is made before the old one goes, and conflicts with it, as in
    https://github.com/plutomi/plutomi/issues/271.
    """
    outputs = stacks.create("routed", routed("/films/{id}", "Route"))
    gateway = cloud.client("apigatewayv2")

    def keys(api: str) -> list[str]:
        return [route["RouteKey"] for route in gateway.get_routes(ApiId=outputs[api])["Items"]]

    stacks.update("routed", routed("/films/{film}", "Route"))
    assert (keys("Whole"), keys("Parts")) == (["GET /films/{film}"], ["GET /films/{film}"])
    assert len(gateway.get_integrations(ApiId=outputs["Whole"])["Items"]) == 1
    stacks.update("routed", routed("/films/{name}", "Other"), status="UPDATE_ROLLBACK_COMPLETE")
    said = (
        '"GET /films/{name}" has a conflicting variable on the same hierarchical level as "GET /films/{film}"'
    )
    assert said in stacks.reasons("routed")["Other"]
    assert (keys("Whole"), keys("Parts")) == (["GET /films/{film}"], ["GET /films/{film}"])
    stacks.delete("routed")


IMAGES = """
Parameters: {Mutability: {Type: String, Default: IMMUTABLE}, Emptied: {Type: String, Default: "false"}}
Resources:
  Repository:
    Type: AWS::ECR::Repository
    Properties:
      EmptyOnDelete: !Ref Emptied
      ImageTagMutability: !Ref Mutability
      ImageScanningConfiguration: {ScanOnPush: true}
      Tags: [{Key: team, Value: reviews}]
      LifecyclePolicy:
        LifecyclePolicyText: '{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType":
          "imageCountMoreThan", "countNumber": 5}, "action": {"type": "expire"}}]}'
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: TRUST
  Builder:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: builder
      ServiceRole: !GetAtt Role.Arn
      TimeoutInMinutes: "7"
      Artifacts: {Type: NO_ARTIFACTS}
      Environment:
        {Type: LINUX_CONTAINER, ComputeType: BUILD_GENERAL1_SMALL, Image: standard, PrivilegedMode: "true",
        EnvironmentVariables: [{Name: REPOSITORY, Value: !GetAtt Repository.RepositoryUri}]}
      Source: {Type: S3, Location: bucket/source.zip, BuildSpec: "version: 0.2"}
Outputs:
  Uri: {Value: !GetAtt Repository.RepositoryUri}
  Arn: {Value: !GetAtt Builder.Arn}
""".replace("TRUST", json.dumps(trust("codebuild.amazonaws.com")))


def test_repositories_of_images_and_projects_that_build_them(cloud, stacks):
    outputs = stacks.create("images", IMAGES)
    name = stacks.resources("images")["Repository"]
    assert outputs["Uri"] == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{name}"
    ecr, codebuild = cloud.client("ecr"), cloud.client("codebuild")

    def repository():
        return ecr.describe_repositories(repositoryNames=[name])["repositories"][0]

    assert repository()["imageTagMutability"] == "IMMUTABLE"
    assert repository()["imageScanningConfiguration"] == {"scanOnPush": True}
    assert {"Key": "team", "Value": "reviews"} in ecr.list_tags_for_resource(
        resourceArn=repository()["repositoryArn"]
    )["tags"]
    assert "imageCountMoreThan" in ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
    [project] = codebuild.batch_get_projects(names=["builder"])["projects"]
    assert (project["arn"], project["timeoutInMinutes"]) == (outputs["Arn"], 7)
    assert project["environment"]["privilegedMode"] is True
    assert project["environment"]["environmentVariables"][0]["value"] == outputs["Uri"]
    assert project["source"]["buildspec"] == "version: 0.2"

    stacks.update("images", None, Parameters=parameters(Mutability="MUTABLE", Emptied="false"))
    assert repository()["imageTagMutability"] == "MUTABLE"
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "layers": []})
    ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="one")
    # As on AWS, what holds images stays unless the template says otherwise.
    stacks.delete("images", "DELETE_FAILED")
    assert repository()
    stacks.client.delete_stack(StackName="images", RetainResources=["Repository"])
    stacks.create("emptied", IMAGES, Parameters=parameters(Emptied="true"))
    name = stacks.resources("emptied")["Repository"]
    ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="one")
    stacks.delete("emptied")
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        repository()
    assert codebuild.list_projects()["projects"] == []
