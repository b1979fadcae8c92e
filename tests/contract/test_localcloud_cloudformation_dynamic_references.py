"""Dynamic references to the Parameter Store and Secrets Manager, in AWS's words.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

import json

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks

__all__ = ["cloud", "stacks"]


@pytest.fixture(scope="module")
def values(cloud) -> None:
    ssm, secrets = cloud.client("ssm"), cloud.client("secretsmanager")
    for value in ("one", "two"):
        ssm.put_parameter(Name="/p", Value=value, Type="String", Overwrite=True)
    ssm.put_parameter(Name="/days", Value="14", Type="String")
    ssm.put_parameter(Name="/list", Value="a,b, c", Type="StringList")
    ssm.put_parameter(Name="/secure", Value="s", Type="SecureString")
    secrets.create_secret(Name="plain", SecretString="whole")
    secrets.create_secret(Name="json", SecretString=json.dumps({"user": "ann", "port": 5}))
    secrets.put_secret_value(SecretId="json", SecretString=json.dumps({"user": "bob", "port": 5}))


def topic(display: str, name: str = "referring") -> dict:
    properties = {"TopicName": name, "DisplayName": display}
    return {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": properties}}}


def display_name(cloud, name: str = "referring") -> str:
    arn = f"arn:aws:sns:{cloud.region}:{cloud.account_id}:{name}"
    return cloud.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"]


def test_references_become_their_values(cloud, stacks, values):
    arn = cloud.client("secretsmanager").describe_secret(SecretId="json")["ARN"]
    for reference, value in (
        ("{{resolve:ssm:/p}}", "two"),
        ("a {{resolve:ssm:/p:1}} b {{resolve:ssm:/p:2}}", "a one b two"),
        ({"Fn::Sub": "${AWS::Region} {{resolve:ssm:/p:1}}"}, f"{cloud.region} one"),
        ("{{resolve:ssm:/list}}", "a,b, c"),
        ("{{resolve:secretsmanager:plain}}", "whole"),
        ("{{resolve:secretsmanager:plain:SecretString}}", "whole"),
        ("{{resolve:secretsmanager:json:SecretString:user}}", "bob"),
        ("{{resolve:secretsmanager:json:SecretString:port}}", "5"),
        ("{{resolve:secretsmanager:json:SecretString:user:AWSPREVIOUS}}", "ann"),
        (f"{{{{resolve:secretsmanager:{arn}:SecretString:user}}}}", "bob"),
    ):
        stacks.create("refers", topic(reference))
        assert display_name(cloud) == value, reference
        stacks.delete("refers")


def test_a_new_value_changes_a_parameters_resource_and_not_a_secrets(cloud, stacks, values):
    secrets, ssm = cloud.client("secretsmanager"), cloud.client("ssm")
    secrets.create_secret(Name="rotated", SecretString="old")
    ssm.put_parameter(Name="/changing", Value="1", Type="String")
    text = "{{resolve:secretsmanager:rotated}}"
    stacks.create("rotates", topic(text))
    secrets.put_secret_value(SecretId="rotated", SecretString="new")
    with pytest.raises(botocore.exceptions.ClientError, match="No updates"):
        stacks.client.update_stack(StackName="rotates", UsePreviousTemplate=True)
    stacks.update("rotates", topic(text + "{{resolve:ssm:/changing}}"))
    assert display_name(cloud) == "new1"
    ssm.put_parameter(Name="/changing", Value="2", Type="String", Overwrite=True)
    stacks.update("rotates", None)
    assert display_name(cloud) == "new2"
    shown = [event.get("ResourceProperties", "") for event in stacks.events("rotates")]
    assert not any("new" in properties for properties in shown), "events show the reference, not the secret"
    stacks.delete("rotates")


def test_numbers_and_parameters_may_be_references(cloud, stacks, values):
    template = """
Parameters:
  Days: {Type: "AWS::SSM::Parameter::Value<String>"}
  Listed: {Type: "AWS::SSM::Parameter::Value<List<String>>", Default: "/list:1"}
  Text: {Type: String, Default: "{{resolve:ssm:/p:1}}"}
Resources:
  Group: {Type: "AWS::Logs::LogGroup", Properties: {RetentionInDays: "{{resolve:ssm:/days}}"}}
Outputs:
  Days: {Value: !Ref Days}
  Listed: {Value: !Join ["|", !Ref Listed]}
  Text: {Value: !Ref Text}
"""
    outputs = stacks.create("typed", template, Parameters=parameters(Days="/days:1"))
    assert outputs == {"Days": "14", "Listed": "a|b|c", "Text": "one"}
    shown = {one["ParameterKey"]: one["ResolvedValue"] for one in stacks.describe("typed")["Parameters"]}
    assert shown == {"Days": "14", "Listed": "a,b,c", "Text": "one"}
    group = stacks.resources("typed")["Group"]
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert groups[0]["retentionInDays"] == 14
    stacks.delete("typed")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{resolve:ssm:/none}}", r"Parameters: \[ssm:/none\] cannot be found"),
        ("{{resolve:ssm:/p:9}}", r"Parameters: \[ssm:/p:9\] cannot be found"),
        ("{{resolve:ssm:/p:label}}", "Incorrect format is used in the following SSM reference"),
        ("{{resolve:ssm:/secure}}", "Non-secure ssm prefix was used for secure parameter /secure"),
        (
            "{{resolve:ssm-secure:/secure:1}}",
            r"SSM Secure reference is not supported in: \[AWS::SNS::Topic/Properties/DisplayName\]",
        ),
        ("{{resolve:secretsmanager:json:SecretBinary}}", "Incorrect format"),
        ("{{resolve:vault:x}}", "vault"),
    ],
)
def test_references_that_cannot_be_resolved_are_refused(stacks, values, text, message):
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        stacks.create("unresolved", topic(text))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("nope", "can't find the specified secret"),
        ("json:SecretString:nope", "Could not find a value associated with JSONKey in SecretString"),
        ("plain:SecretString:user", "Could not parse SecretString JSON"),
    ],
)
def test_a_missing_secret_fails_its_resource(stacks, values, key, message):
    stacks.create("secretless", topic(f"{{{{resolve:secretsmanager:{key}}}}}"), status="ROLLBACK_COMPLETE")
    assert message in stacks.reasons("secretless")["Topic"]
    stacks.delete("secretless")


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("AWS::SSM::Parameter::Value<String>", "/none", r"Unable to fetch parameters \[/none\]"),
        ("AWS::SSM::Parameter::Value<String>", "/secure", "types not supported by CloudFormation"),
        ("AWS::SSM::Parameter::Value<String>", "/list", "defined in CFN template and SSM are incompatible"),
        ("String", "{{resolve:ssm:/p}}", "parameter P should not contain ssm versionless resolver"),
    ],
)
def test_parameters_that_cannot_be_resolved_are_refused(stacks, values, kind, value, message):
    template = {"Parameters": {"P": {"Type": kind}}, **topic("x")}
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        stacks.create("unresolved", template, Parameters=parameters(P=value))
