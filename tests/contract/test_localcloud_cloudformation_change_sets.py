"""Change sets: their names, their values and the causes of their changes, as recorded on AWS.

LocalStack's tests/aws/services/cloudformation has the recordings: api/test_changesets.snapshot.json and
test_change_sets.snapshot.json.
"""

import json

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks

__all__ = ["cloud", "stacks"]


def topics(first: str = "one", second: str | None = None, **properties) -> str:
    template = {
        "Parameters": {"Text": {"Type": "String", "Default": "a"}},
        "Resources": {
            "First": {
                "Type": "AWS::SNS::Topic",
                "Properties": {"TopicName": first, "DisplayName": {"Ref": "Text"}, **properties},
            },
        },
    }
    if second:
        template["Resources"]["Second"] = {
            "Type": "AWS::SNS::Topic",
            "Properties": {"DisplayName": {"Fn::GetAtt": f"First.{second}"}},
        }
    return json.dumps(template)


def change_set(stacks, stack: str, name: str, **request) -> dict:
    """Creates and describes a change set."""
    identity = {"StackName": stack, "ChangeSetName": name}
    created = stacks.client.create_change_set(**identity, **request)
    described = stacks.client.describe_change_set(**identity)
    assert created == {**created, "Id": described["ChangeSetId"], "StackId": described["StackId"]}
    return described


def test_an_executed_change_set_frees_its_name(stacks):
    first = change_set(stacks, "freed", "deploy", ChangeSetType="CREATE", TemplateBody=topics())
    request = {"StackName": "freed", "ChangeSetName": "deploy"}
    with pytest.raises(stacks.client.exceptions.AlreadyExistsException):
        stacks.client.create_change_set(**request, ChangeSetType="CREATE", TemplateBody=topics("other"))
    stacks.client.execute_change_set(**request)
    stacks.settled("freed", "CREATE_COMPLETE")
    assert stacks.describe("freed")["ChangeSetId"] == first["ChangeSetId"]
    assert stacks.client.list_change_sets(StackName="freed")["Summaries"] == []
    executed = stacks.client.describe_change_set(ChangeSetName=first["ChangeSetId"])
    assert (executed["Status"], executed["ExecutionStatus"]) == ("CREATE_COMPLETE", "EXECUTE_COMPLETE")
    with pytest.raises(stacks.client.exceptions.InvalidChangeSetStatusException, match="EXECUTE_COMPLETE"):
        stacks.client.execute_change_set(**request)

    second = change_set(stacks, "freed", "deploy", UsePreviousTemplate=True, Parameters=parameters(Text="b"))
    assert second["ChangeSetId"] != first["ChangeSetId"]
    assert second["ExecutionStatus"] == "AVAILABLE"
    stacks.client.execute_change_set(**request)
    stacks.settled("freed", "UPDATE_COMPLETE")
    # What is executed can be described by its id even when the stack is gone.
    stacks.delete("freed")
    described = stacks.client.describe_change_set(ChangeSetName=first["ChangeSetId"])
    assert described["ExecutionStatus"] == "EXECUTE_COMPLETE"


def test_creating_a_stack_under_review_makes_its_change_sets_obsolete(stacks):
    reviewed = change_set(stacks, "reviewed", "c", ChangeSetType="CREATE", TemplateBody=topics())
    assert (
        stacks.client.create_stack(StackName="reviewed", TemplateBody=topics())["StackId"]
        == (reviewed["StackId"])
    )
    stacks.settled("reviewed", "CREATE_COMPLETE")
    described = stacks.client.describe_change_set(ChangeSetName=reviewed["ChangeSetId"])
    assert described["ExecutionStatus"] == "OBSOLETE"
    stacks.delete("reviewed")


def test_a_description_has_the_fields_of_aws(stacks):
    described = change_set(stacks, "fields", "c", ChangeSetType="CREATE", TemplateBody=topics())
    described.pop("ResponseMetadata")
    assert set(described) == {
        "Capabilities",
        "ChangeSetId",
        "ChangeSetName",
        "Changes",
        "CreationTime",
        "ExecutionStatus",
        "IncludeNestedStacks",
        "NotificationARNs",
        "Parameters",
        "RollbackConfiguration",
        "StackId",
        "StackName",
        "Status",
    }
    resource = {"Action": "Add", "LogicalResourceId": "First", "ResourceType": "AWS::SNS::Topic"}
    assert described["Changes"] == [
        {"Type": "Resource", "ResourceChange": {**resource, "Scope": [], "Details": []}}
    ]
    stack = stacks.describe("fields")
    assert set(stack) == {
        "CreationTime",
        "DisableRollback",
        "DriftInformation",
        "EnableTerminationProtection",
        "NotificationARNs",
        "RollbackConfiguration",
        "StackId",
        "StackName",
        "StackStatus",
        "StackStatusReason",
        "Tags",
    }
    stacks.delete("fields")


def test_changes_tell_their_causes_and_values(stacks):
    stacks.create("causes", topics(second="TopicName"))
    ids = stacks.resources("causes")
    request = {"TemplateBody": topics("two", second="TopicName"), "Parameters": parameters(Text="b")}
    described = change_set(stacks, "causes", "c", **request)
    first, second = (one["ResourceChange"] for one in described["Changes"])
    display = {"Attribute": "Properties", "Name": "DisplayName", "RequiresRecreation": "Never"}
    name = {"Attribute": "Properties", "Name": "TopicName", "RequiresRecreation": "Always"}
    by_parameter = {"ChangeSource": "ParameterReference", "CausingEntity": "Text"}
    assert first == {
        "Action": "Modify",
        "LogicalResourceId": "First",
        "PhysicalResourceId": ids["First"],
        "PolicyAction": "ReplaceAndDelete",
        "Replacement": "True",
        "ResourceType": "AWS::SNS::Topic",
        "Scope": ["Properties"],
        "Details": [
            {"Target": display, "Evaluation": "Static", **by_parameter},
            {"Target": display, "Evaluation": "Dynamic", "ChangeSource": "DirectModification"},
            {"Target": name, "Evaluation": "Static", "ChangeSource": "DirectModification"},
        ],
    }
    by_attribute = {"ChangeSource": "ResourceAttribute", "CausingEntity": "First.TopicName"}
    assert second["Replacement"] == "False"
    assert second["Details"] == [{"Target": display, "Evaluation": "Static", **by_attribute}]

    valued = stacks.client.describe_change_set(
        StackName="causes", ChangeSetName="c", IncludePropertyValues=True
    )
    first, second = (one["ResourceChange"] for one in valued["Changes"])
    assert json.loads(first["BeforeContext"]) == {"Properties": {"TopicName": "one", "DisplayName": "a"}}
    assert json.loads(first["AfterContext"]) == {"Properties": {"TopicName": "two", "DisplayName": "b"}}
    assert first["Details"][-1]["Target"] == {
        **name,
        "AfterValue": "two",
        "BeforeValue": "one",
        "AttributeChangeType": "Modify",
        "Path": "/Properties/TopicName",
    }
    assert second["Details"][0]["Target"]["AfterValue"] == "{{changeSet:KNOWN_AFTER_APPLY}}"
    assert [one["Evaluation"] for one in second["Details"]] == ["Dynamic", "Static"]
    stacks.delete("causes")


def test_an_attribute_of_a_resource_that_changes_in_place_may_change(stacks):
    stacks.create("dynamic", topics(second="TopicName"))
    described = change_set(stacks, "dynamic", "c", UsePreviousTemplate=True, Parameters=parameters(Text="b"))
    second = described["Changes"][1]["ResourceChange"]
    assert (second["Action"], second["Replacement"]) == ("Modify", "False")
    detail = {"Evaluation": "Dynamic", "ChangeSource": "ResourceAttribute"}
    assert second["Details"][0].items() >= {**detail, "CausingEntity": "First.TopicName"}.items()
    valued = stacks.client.describe_change_set(
        StackName="dynamic", ChangeSetName="c", IncludePropertyValues=True
    )
    assert [one["ResourceChange"]["LogicalResourceId"] for one in valued["Changes"]] == ["First"]
    stacks.delete("dynamic")


def test_an_attribute_may_be_a_property(cloud, stacks):
    """test_change_set_fn_get_attr.snapshot.json, test_direct_attribute_value_change."""
    stacks.create("chained", topics(second="DisplayName"))
    stacks.update("chained", topics(second="DisplayName"), Parameters=parameters(Text="b"))
    topic = cloud.client("sns").get_topic_attributes(TopicArn=stacks.resources("chained")["Second"])
    assert topic["Attributes"]["DisplayName"] == "b"
    stacks.delete("chained")


def test_changes_are_in_the_order_of_their_names(stacks):
    """test_change_set_conditions.snapshot.json, test_condition_update_removes_resource."""

    def template(*names: str) -> str:
        return json.dumps({"Resources": {name: {"Type": "AWS::SNS::Topic"} for name in names}})

    stacks.create("ordered", template("B", "A"))
    described = change_set(stacks, "ordered", "c", TemplateBody=template("D", "B", "C"))
    changes = [
        (one["ResourceChange"]["Action"], one["ResourceChange"]["LogicalResourceId"])
        for one in described["Changes"]
    ]
    assert changes == [("Remove", "A"), ("Add", "C"), ("Add", "D")]
    stacks.delete("ordered")


def test_metadata_and_tags_may_refer_to_parameters(stacks):
    """test_stacks.snapshot.json, test_no_echo_parameter."""
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"Tags": [{"Key": "k", "Value": {"Ref": "Secret"}}]},
        "Metadata": {"Data": {"Ref": "Secret"}},
    }
    template = json.dumps(
        {"Parameters": {"Secret": {"Type": "String", "NoEcho": True}}, "Resources": {"B": bucket}}
    )
    stacks.create("referring", template, Parameters=parameters(Secret="one"))
    detail = stacks.client.describe_stack_resource(StackName="referring", LogicalResourceId="B")
    assert json.loads(detail["StackResourceDetail"]["Metadata"]) == {"Data": "one"}
    described = change_set(
        stacks, "referring", "c", TemplateBody=template, Parameters=parameters(Secret="two")
    )
    (change,) = (one["ResourceChange"] for one in described["Changes"])
    metadata = {"Attribute": "Metadata", "RequiresRecreation": "Never"}
    tags = {"Attribute": "Properties", "Name": "Tags", "RequiresRecreation": "Never"}
    reference = {
        "Evaluation": "Static",
        "ChangeSource": "ParameterReference",
        "CausingEntity": "Secret",
    }
    direct = {"Evaluation": "Dynamic", "ChangeSource": "DirectModification"}
    assert change["Scope"] == ["Metadata", "Properties"]
    assert change["Details"] == [
        {"Target": metadata, **reference},
        {"Target": tags, **reference},
        {"Target": metadata, **direct},
        {"Target": tags, **direct},
    ]
    stacks.delete("referring")


def test_tags_of_the_stack_are_no_property(stacks):
    stacks.create("tagged", topics("tagged"))
    described = change_set(stacks, "tagged", "c", UsePreviousTemplate=True, Tags=[{"Key": "k", "Value": "v"}])
    (change,) = (one["ResourceChange"] for one in described["Changes"])
    assert (change["Scope"], change["Details"]) == (
        ["Tags"],
        [
            {
                "Target": {"Attribute": "Tags", "RequiresRecreation": "Never"},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
        ],
    )
    stacks.delete("tagged")


def test_a_stack_shows_its_last_change_set_and_capabilities(stacks):
    """test_stacks.snapshot.json, test_no_echo_parameter."""
    capabilities = ["CAPABILITY_IAM"]
    request = {"StackName": "shown", "ChangeSetName": "c"}
    stacks.client.create_change_set(
        **request, ChangeSetType="CREATE", TemplateBody=topics("shown"), Capabilities=capabilities
    )
    stacks.client.execute_change_set(**request)
    stacks.settled("shown", "CREATE_COMPLETE")
    created = stacks.describe("shown")
    assert {"ChangeSetId", "LastUpdatedTime"} <= set(created)
    change = {"UsePreviousTemplate": True, "Parameters": parameters(Text="b")}
    stacks.client.update_stack(StackName="shown", **change)
    stacks.settled("shown", "UPDATE_COMPLETE")
    updated = stacks.describe("shown")
    assert updated["Capabilities"] == capabilities
    assert "ChangeSetId" not in updated
    stacks.delete("shown")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"ChangeSetName": "c"}, "StackName must be specified if ChangeSetName is not specified as an ARN."),
        ({"ChangeSetName": "c", "StackName": "nostack"}, "Stack [nostack] does not exist"),
    ],
)
def test_a_change_set_that_cannot_be_found(stacks, request_, message):
    for call in (stacks.client.describe_change_set, stacks.client.delete_change_set):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call(**request_)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
        assert refused.value.response["Error"]["Message"] == message


def test_deleting_a_change_set_that_is_not_there_succeeds(stacks):
    """As `cdk deploy` relies on before it creates one."""
    stacks.create("empty", topics())
    stacks.client.delete_change_set(StackName="empty", ChangeSetName="none")
    with pytest.raises(stacks.client.exceptions.ChangeSetNotFoundException):
        stacks.client.describe_change_set(StackName="empty", ChangeSetName="none")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.client.create_change_set(
            StackName="empty", ChangeSetName="again", ChangeSetType="CREATE", TemplateBody=topics()
        )
    assert refused.value.response["Error"]["Message"] == (
        "Stack [empty] already exists and cannot be created again with the changeSet [again]."
    )
    stacks.delete("empty")


def test_events_have_the_fields_and_the_order_of_aws(stacks):
    """test_stacks.snapshot.json, test_list_events_after_deployment."""
    stacks.create("events", topics("evented"))
    told = [
        (
            one["LogicalResourceId"],
            one["ResourceStatus"],
            one.get("ResourceStatusReason"),
            bool(one["PhysicalResourceId"]),
            "ResourceProperties" in one,
        )
        for one in stacks.events("events")
    ]
    assert told == [
        ("events", "CREATE_IN_PROGRESS", "User Initiated", True, False),
        ("First", "CREATE_IN_PROGRESS", None, False, True),
        ("First", "CREATE_IN_PROGRESS", "Resource creation Initiated", True, True),
        ("First", "CREATE_COMPLETE", None, True, True),
        ("events", "CREATE_COMPLETE", None, True, False),
    ]
    assert stacks.events("events")[1]["EventId"].startswith("First-CREATE_IN_PROGRESS-20")
    deleted = stacks.describe("events")["StackId"]
    stacks.delete("events")
    assert all("ResourceProperties" in one for one in stacks.events(deleted)[-3:-1])
    assert "EnableTerminationProtection" not in stacks.describe(deleted)
    assert stacks.describe(deleted)["DeletionTime"]


def test_events_of_a_replacement_tell_which_resource_they_are_about(stacks):
    """test_change_set_parameters.snapshot.json, test_update_parameter_default_value."""
    stacks.create("replaced", topics("before"))
    old = stacks.resources("replaced")["First"]
    stacks.update("replaced", topics("after"))
    new = stacks.resources("replaced")["First"]
    events = [one for one in stacks.events("replaced") if one["LogicalResourceId"] == "First"][3:]
    assert [(one["ResourceStatus"], one["PhysicalResourceId"]) for one in events] == [
        ("UPDATE_IN_PROGRESS", old),
        ("UPDATE_IN_PROGRESS", new),
        ("UPDATE_COMPLETE", new),
        ("DELETE_IN_PROGRESS", old),
        ("DELETE_COMPLETE", old),
    ]
    assert ["ResourceProperties" in one for one in events] == [True, True, True, False, False]
    assert ["DELETE" in one["EventId"] for one in events[3:]] == [False, False]
    stacks.delete("replaced")


def test_a_resource_that_is_not_there(stacks):
    """test_resources.snapshot.json: the message names the stack as the request does."""
    stacks.create("without", topics("without"))
    for name in ("without", stacks.describe("without")["StackId"]):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            stacks.client.describe_stack_resource(StackName=name, LogicalResourceId="None")
        message = f"Resource None does not exist for stack {name}"
        assert refused.value.response["Error"]["Message"] == message
    stacks.delete("without")


def test_secret_parameters_are_masked_in_events_and_changes(stacks):
    """ "Parameters", NoEcho, in the user guide: such values show as asterisks."""
    secret = {"Text": {"Type": "String", "NoEcho": True}}
    template = json.dumps(json.loads(topics("masked")) | {"Parameters": secret})
    stacks.create("masks", template, Parameters=parameters(Text="open sesame"))
    request = {"StackName": "masks", "ChangeSetName": "c"}
    change = {"UsePreviousTemplate": True, "Parameters": parameters(Text="swordfish")}
    stacks.client.create_change_set(**request, **change)
    described = stacks.client.describe_change_set(**request, IncludePropertyValues=True)
    told = json.dumps([described, stacks.events("masks")], default=str)
    assert "****" in told
    assert "sesame" not in told
    assert "swordfish" not in told
    stacks.delete("masks")


def test_a_change_of_metadata_alone_is_an_update(stacks):
    """The detail is as in change sets of AWS that users publish."""

    def template(**metadata: str) -> str:
        return json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Metadata": metadata}}})

    stacks.create("told", template(Owner="one"))
    topic = stacks.resources("told")["T"]
    described = change_set(stacks, "told", "c", TemplateBody=template(Owner="two"))
    assert described["Status"] == "CREATE_COMPLETE"
    (change,) = described["Changes"]
    assert change["ResourceChange"] == {
        "Action": "Modify",
        "LogicalResourceId": "T",
        "PhysicalResourceId": topic,
        "ResourceType": "AWS::SNS::Topic",
        "Replacement": "False",
        "Scope": ["Metadata"],
        "Details": [
            {
                "Target": {"Attribute": "Metadata", "RequiresRecreation": "Never"},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
        ],
    }
    stacks.update("told", template(Owner="two"))
    detail = stacks.client.describe_stack_resource(StackName="told", LogicalResourceId="T")
    assert json.loads(detail["StackResourceDetail"]["Metadata"]) == {"Owner": "two"}
    assert stacks.resources("told") == {"T": topic}
    with pytest.raises(botocore.exceptions.ClientError, match="No updates are to be performed"):
        stacks.update("told", template(Owner="two"))
    stacks.delete("told")
