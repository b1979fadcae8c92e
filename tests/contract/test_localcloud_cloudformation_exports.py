"""Exports are unique, and stay as they are while another stack imports them, however it does.

The words are those of "Troubleshooting CloudFormation" and of reports by its users.
"""

import json

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks

__all__ = ["cloud", "stacks"]

ABSENT = {"Fn::ImportValue": "absent"}


def exporting(value: str = "v", name: str = "shared") -> dict:
    return {
        "Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {"Out": {"Value": value, "Export": {"Name": name}}},
    }


def importing(name) -> dict:
    return {
        "Parameters": {"Name": {"Type": "String", "Default": "shared"}},
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": name}}}
        },
    }


@pytest.mark.parametrize("way", ["create_stack", "change set"])
def test_the_second_stack_with_an_export_fails(cloud, stacks, way):
    stacks.create("first", exporting())
    if way == "create_stack":
        stacks.create("second", exporting(), status="ROLLBACK_COMPLETE")
    else:
        request = {"StackName": "second", "ChangeSetName": "new"}
        body = str(exporting()).replace("'", '"')
        stacks.client.create_change_set(**request, ChangeSetType="CREATE", TemplateBody=body)
        stacks.client.execute_change_set(**request)
        stacks.settled("second", "ROLLBACK_COMPLETE")
    reason = "Export with name shared is already exported by stack first. Rollback requested by user."
    assert reason in [event.get("ResourceStatusReason") for event in stacks.events("second")]
    assert [one["Name"] for one in stacks.client.list_exports()["Exports"]] == ["shared"]
    stacks.delete("second")
    stacks.delete("first")


@pytest.mark.parametrize(
    "name",
    [
        "shared",
        {"Fn::Sub": "${Name}"},
        {"Ref": "Name"},
        {"Fn::Join": ["", ["sha", "red"]]},
        {"Fn::If": ["Never", "other", {"Ref": "Name"}]},
    ],
)
def test_an_import_protects_its_export_however_it_is_written(stacks, name):
    stacks.create("exporter", exporting())
    stacks.create("importer", importing(name))
    assert stacks.client.list_imports(ExportName="shared")["Imports"] == ["importer"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.client.delete_stack(StackName="exporter")
    message = "Export shared cannot be deleted as it is in use by importer"
    assert refused.value.response["Error"]["Message"] == message
    assert stacks.describe("exporter")["StackStatus"] == "CREATE_COMPLETE"
    stacks.delete("importer")
    with pytest.raises(botocore.exceptions.ClientError, match="is not imported by any stack"):
        stacks.client.list_imports(ExportName="shared")
    stacks.delete("exporter")


def test_an_imported_export_neither_changes_nor_goes_by_an_update(stacks):
    stacks.create("exporter", exporting())
    stacks.create("importer", importing("shared"))
    stacks.update("exporter", exporting("w"), status="UPDATE_ROLLBACK_COMPLETE")
    reasons = [event.get("ResourceStatusReason") for event in stacks.events("exporter")]
    assert "Export shared cannot be updated as it is in use by importer" in reasons
    stacks.update("exporter", exporting(name="renamed"), status="UPDATE_ROLLBACK_COMPLETE")
    reasons = [event.get("ResourceStatusReason") for event in stacks.events("exporter")]
    assert "Export shared cannot be deleted as it is in use by importer" in reasons
    assert stacks.client.list_exports()["Exports"][0]["Value"] == "v"

    # The import ends with the update that no longer has it.
    stacks.update("importer", {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    stacks.update("exporter", exporting("w"))
    stacks.delete("importer")
    stacks.delete("exporter")


def test_a_creation_that_failed_imports_nothing(stacks):
    stacks.create("exporter", exporting())
    failing = importing({"Ref": "Name"})
    failing["Resources"]["Policy"] = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": "no-such-bucket-anywhere", "PolicyDocument": {"Statement": []}},
    }
    stacks.create("fails", failing, status="ROLLBACK_COMPLETE", Parameters=parameters(Name="shared"))
    stacks.delete("exporter")
    stacks.delete("fails")


@pytest.mark.parametrize("way", ["create_stack", "change set"])
def test_a_creation_looks_for_its_exports_when_it_starts(stacks, way):
    """LocalStack's test_change_set_exports_imports.py shows that a change set does not need them on AWS."""
    reason = "No export named absent found. Rollback requested by user."
    if way == "create_stack":
        stacks.create("early", importing("absent"), status="ROLLBACK_COMPLETE")
    else:
        request = {"StackName": "early", "ChangeSetName": "new"}
        body = json.dumps(importing("absent"))
        stacks.client.create_change_set(**request, ChangeSetType="CREATE", TemplateBody=body)
        stacks.client.execute_change_set(**request)
        stacks.settled("early", "ROLLBACK_COMPLETE")
    assert reason in [event.get("ResourceStatusReason") for event in stacks.events("early")]
    assert stacks.resources("early") == {}
    stacks.delete("early")


ROLE = "arn:aws:iam::123456789012:role/some"
INTEGRATION = {"ApiId": "abc", "IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0"}
BUILD = {
    "Artifacts": {"Type": "NO_ARTIFACTS"},
    "Environment": {
        "ComputeType": "BUILD_GENERAL1_SMALL",
        "Image": "aws/codebuild/standard:7.0",
        "Type": "LINUX_CONTAINER",
    },
    "ServiceRole": ROLE,
    "Source": {"Type": "S3", "Location": "bucket/key", "BuildSpec": "version: 0.2"},
}


def openapi(kind: dict | str, version: dict | str) -> dict:
    integration = {"type": kind, "payloadFormatVersion": version}
    return {"Body": {"paths": {"/": {"get": {"x-amazon-apigateway-integration": integration}}}}}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::ApiGatewayV2::Api", {"Name": "a", "ProtocolType": ABSENT}),
        ("AWS::ApiGatewayV2::Api", openapi(ABSENT, "2.0")),
        ("AWS::ApiGatewayV2::Api", openapi("aws_proxy", ABSENT)),
        ("AWS::ApiGatewayV2::Integration", {**INTEGRATION, "IntegrationType": ABSENT}),
        ("AWS::ApiGatewayV2::Integration", {**INTEGRATION, "PayloadFormatVersion": ABSENT}),
        (
            "AWS::ApiGatewayV2::Route",
            {"ApiId": "abc", "RouteKey": "GET /", "AuthorizationType": ABSENT},
        ),
        ("AWS::CodeBuild::Project", {**BUILD, "Artifacts": {"Type": ABSENT}}),
        (
            "AWS::Lambda::Function",
            {"Role": ROLE, "Code": {"ZipFile": "x"}, "Handler": "index.f", "Runtime": ABSENT},
        ),
        ("AWS::S3::Bucket", {"AccessControl": ABSENT}),
    ],
)
def test_a_value_that_is_not_imported_yet_is_not_refused(stacks, kind, properties):
    template = {"Resources": {"One": {"Type": kind, "Properties": properties}}}
    stacks.create("early", template, status="ROLLBACK_COMPLETE")
    reasons = [event.get("ResourceStatusReason") for event in stacks.events("early")]
    assert "No export named absent found. Rollback requested by user." in reasons
    stacks.delete("early")


def test_a_value_that_was_not_known_before_is_refused_when_it_is(cloud, stacks):
    """Or the bucket would be created, and not be public."""
    secret = cloud.client("secretsmanager").create_secret(Name="acl", SecretString="PublicRead")["ARN"]
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"AccessControl": "{{resolve:secretsmanager:acl}}"},
    }
    stacks.create("late", {"Resources": {"Bucket": bucket}}, status="ROLLBACK_COMPLETE")
    reason = "localcloud does not support the AccessControl PublicRead, only Private"
    assert stacks.reasons("late")["Bucket"] == reason
    stacks.delete("late")
    cloud.client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


def test_the_export_of_a_change_set_may_come_after_it(cloud, stacks):
    request = {"StackName": "importer", "ChangeSetName": "new"}
    body = json.dumps(importing("late"))
    stacks.client.create_change_set(**request, ChangeSetType="CREATE", TemplateBody=body)
    stacks.create("exporter", exporting(name="late"))
    stacks.client.execute_change_set(**request)
    stacks.settled("importer", "CREATE_COMPLETE")
    topic = cloud.client("sns").get_topic_attributes(TopicArn=stacks.resources("importer")["Topic"])
    assert topic["Attributes"]["DisplayName"] == "v"
    stacks.delete("importer")
    stacks.delete("exporter")


def test_an_update_needs_its_exports_at_once(stacks):
    stacks.create("updated", {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    with pytest.raises(botocore.exceptions.ClientError, match="No export named absent found"):
        stacks.update("updated", importing("absent"))
    stacks.delete("updated")
