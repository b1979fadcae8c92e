"""Stacks as boto3 sees them: made, changed, rolled back and deleted, with every resource really there."""

import json
import re

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks

__all__ = ["cloud", "stacks"]

GROUPS = {
    "Parameters": {"Days": {"Type": "Number", "Default": "7"}, "Two": {"Type": "String", "Default": "no"}},
    "Conditions": {"HasSecond": {"Fn::Equals": [{"Ref": "Two"}, "yes"]}},
    "Resources": {
        "First": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}},
        "Second": {
            "Type": "AWS::Logs::LogGroup",
            "Condition": "HasSecond",
            "DependsOn": "First",
            "Properties": {"LogGroupName": {"Fn::Sub": "/second/${AWS::StackName}"}},
        },
    },
    "Outputs": {
        "Name": {"Value": {"Ref": "First"}},
        "Both": {
            "Condition": "HasSecond",
            "Value": {"Fn::Join": [",", [{"Ref": "First"}, {"Ref": "Second"}]]},
        },
    },
}


def groups(cloud, prefix: str) -> dict[str, int | None]:
    found = cloud.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    return {group["logGroupName"]: group.get("retentionInDays") for group in found}


def test_a_stack_lives_through_create_update_and_delete(cloud, stacks):
    outputs = stacks.create("life", GROUPS, Tags=[{"Key": "team", "Value": "reviews"}])
    first = outputs["Name"]
    assert first.startswith("life-First-")
    assert groups(cloud, "life-") == {first: 7}
    assert cloud.client("logs").list_tags_log_group(logGroupName=first)["tags"] == {"team": "reviews"}

    # A condition that comes true adds its resource, and what has not changed stays as it is.
    outputs = stacks.update("life", None, Parameters=[*parameters(Two="yes"), keep("Days")])
    assert outputs == {"Name": first, "Both": f"{first},/second/life"}
    touched = {event["LogicalResourceId"] for event in since(stacks.events("life"), "UPDATE_IN_PROGRESS")}
    assert touched == {"life", "Second"}

    stacks.update("life", None, Parameters=parameters(Two="no", Days="30"))
    assert groups(cloud, "/second/") == {}
    assert groups(cloud, "life-") == {first: 30}
    assert set(stacks.resources("life")) == {"First"}

    kept = [keep("Two"), keep("Days")]
    for tags in ({"team": "films", "more": "1"}, {}):  # those of the stack are its resources', and go with it
        stacks.update("life", None, Parameters=kept, Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
        assert cloud.client("logs").list_tags_log_group(logGroupName=first)["tags"] == tags

    stack_id = stacks.describe("life")["StackId"]
    stacks.delete("life")
    assert stacks.resources(stack_id) == {"First": first}
    described = stacks.client.describe_stack_resources(StackName=stack_id)["StackResources"]
    assert [one["PhysicalResourceId"] for one in described] == [first]
    with pytest.raises(botocore.exceptions.ClientError, match="does not exist"):
        stacks.client.describe_stack_resources(PhysicalResourceId=first)
    assert groups(cloud, "life-") == {}
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(botocore.exceptions.ClientError, match="Stack with id life does not exist"):
        stacks.describe("life")


def keep(name: str) -> dict:
    return {"ParameterKey": name, "UsePreviousValue": True}


def since(events: list[dict], status: str) -> list[dict]:
    """The events since the stack last came to this status."""
    starts = [
        number
        for number, event in enumerate(events)
        if event["ResourceStatus"] == status and event["ResourceType"] == "AWS::CloudFormation::Stack"
    ]
    return events[starts[-1] :]


def test_an_update_without_changes_is_refused_in_the_words_that_clients_look_for(stacks):
    stacks.create("same", GROUPS)
    with pytest.raises(botocore.exceptions.ClientError, match=r"No updates are to be performed\."):
        stacks.client.update_stack(StackName="same", UsePreviousTemplate=True)
    stacks.client.create_change_set(StackName="same", ChangeSetName="none", UsePreviousTemplate=True)
    change_set = stacks.client.describe_change_set(StackName="same", ChangeSetName="none")
    assert (change_set["Status"], change_set["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "The submitted information didn't contain changes" in change_set["StatusReason"]
    with pytest.raises(botocore.exceptions.ClientError, match="cannot be executed"):
        stacks.client.execute_change_set(StackName="same", ChangeSetName="none")
    stacks.delete("same")


def test_change_sets_describe_their_changes_then_create_and_update(stacks):
    request = {"StackName": "sets", "ChangeSetName": "one", "ChangeSetType": "CREATE"}
    stacks.client.create_change_set(**request, TemplateBody=str(GROUPS).replace("'", '"'))
    assert stacks.describe("sets")["StackStatus"] == "REVIEW_IN_PROGRESS"
    stacks.client.execute_change_set(StackName="sets", ChangeSetName="one")
    stacks.client.get_waiter("stack_create_complete").wait(StackName="sets")

    stacks.client.create_change_set(
        StackName="sets",
        ChangeSetName="two",
        UsePreviousTemplate=True,
        Parameters=parameters(Two="yes", Days="14"),
    )
    changes = stacks.client.describe_change_set(StackName="sets", ChangeSetName="two")["Changes"]
    told = {
        one["ResourceChange"]["LogicalResourceId"]: (
            one["ResourceChange"]["Action"],
            one["ResourceChange"].get("Replacement"),
        )
        for one in changes
    }
    assert told == {"First": ("Modify", "False"), "Second": ("Add", None)}
    stacks.client.execute_change_set(StackName="sets", ChangeSetName="two")
    stacks.settled("sets", "UPDATE_COMPLETE")
    stacks.delete("sets")


def failing(**properties) -> dict:
    """A stack whose last resource its service refuses."""
    return {
        "Resources": {
            "Good": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/good", **properties}},
            "Bad": {
                "Type": "AWS::S3::BucketPolicy",
                "DependsOn": "Good",
                "Properties": {"Bucket": "no-such-bucket-anywhere", "PolicyDocument": {"Statement": []}},
            },
        }
    }


def test_a_failed_creation_is_rolled_back_with_its_reason(cloud, stacks):
    stacks.create("fails", failing(), status="ROLLBACK_COMPLETE")
    reason = stacks.reasons("fails")["Bad"]
    assert "The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: " in reason
    assert groups(cloud, "/good") == {}
    statuses = [event["ResourceStatus"] for event in stacks.events("fails")]
    assert statuses[-4:] == [
        "ROLLBACK_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
        "ROLLBACK_COMPLETE",
    ]
    with pytest.raises(
        botocore.exceptions.ClientError, match="ROLLBACK_COMPLETE state and can not be updated"
    ):
        stacks.client.update_stack(StackName="fails", UsePreviousTemplate=True)
    stacks.delete("fails")


def test_a_failed_creation_can_be_kept_or_deleted(cloud, stacks):
    stacks.create("kept", failing(), status="CREATE_FAILED", OnFailure="DO_NOTHING")
    assert "/good" in groups(cloud, "/good")
    stacks.delete("kept")
    stack_id = stacks.client.create_stack(
        StackName="gone", TemplateBody=str(failing()).replace("'", '"'), OnFailure="DELETE"
    )["StackId"]
    stacks.settled(stack_id, "DELETE_COMPLETE")
    assert groups(cloud, "/good") == {}


def test_a_failed_update_leaves_everything_as_it_was(cloud, stacks):
    before = {
        "Resources": {
            "Good": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": "/good", "RetentionInDays": 3},
            },
            "Replaced": {"Type": "AWS::IAM::Role", "Properties": {"Path": "/a/", **TRUST}},
        },
        "Outputs": {"Role": {"Value": {"Ref": "Replaced"}}},
    }
    after = failing(RetentionInDays=14)
    after["Resources"]["Replaced"] = {"Type": "AWS::IAM::Role", "Properties": {"Path": "/b/", **TRUST}}
    after["Resources"]["Bad"]["DependsOn"] = ["Good", "Replaced"]
    role = stacks.create("undone", before)["Role"]

    outputs = stacks.update("undone", after, status="UPDATE_ROLLBACK_COMPLETE")

    assert outputs == {"Role": role}
    assert groups(cloud, "/good") == {"/good": 3}
    roles = [one["RoleName"] for one in cloud.client("iam").list_roles()["Roles"]]
    assert [name for name in roles if name.startswith("undone-")] == [role]
    assert stacks.resources("undone") == {"Good": "/good", "Replaced": role}
    assert "HandlerErrorCode: NotFound" in stacks.reasons("undone")["Bad"]
    # The template that failed is not taken for the stack's own.
    with pytest.raises(botocore.exceptions.ClientError, match="No updates"):
        stacks.client.update_stack(
            StackName="undone", UsePreviousTemplate=True, Capabilities=["CAPABILITY_IAM"]
        )
    stacks.delete("undone")


TRUST = {
    "AssumeRolePolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
}


def test_an_update_that_fails_half_way_is_taken_back(cloud, stacks):
    def template(policy: str, managed: str) -> dict:
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        }
        properties = {
            "Policies": [{"PolicyName": policy, "PolicyDocument": document}],
            "ManagedPolicyArns": [f"arn:aws:iam::aws:policy/{managed}"],
            **TRUST,
        }
        return {
            "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}},
            "Outputs": {"Role": {"Value": {"Ref": "Role"}}},
        }

    role = stacks.create("half", template("old", "ReadOnlyAccess"))["Role"]
    stacks.update("half", template("new", "NoSuchPolicy"), status="UPDATE_ROLLBACK_COMPLETE")
    assert "HandlerErrorCode: NotFound" in stacks.reasons("half")["Role"]
    iam = cloud.client("iam")
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["old"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [one["PolicyName"] for one in attached] == ["ReadOnlyAccess"]
    stacks.delete("half")


def test_without_rollback_an_update_stops_where_it_failed_and_can_be_resumed(cloud, stacks):
    role = {"Type": "AWS::IAM::Role", "Properties": {"Path": "/a/", **TRUST}}
    stacks.create("stop", {"Resources": {"Role": role}})
    old = stacks.resources("stop")["Role"]
    role["Properties"]["Path"] = "/b/"
    bad = failing()["Resources"]["Bad"] | {"DependsOn": "Role"}
    stacks.update(
        "stop", {"Resources": {"Role": role, "Bad": bad}}, status="UPDATE_FAILED", DisableRollback=True
    )
    new = stacks.resources("stop")["Role"]
    names = {one["RoleName"] for one in cloud.client("iam").list_roles()["Roles"]}
    assert {old, new} <= names
    stacks.update("stop", {"Resources": {"Role": role}, "Outputs": {"Role": {"Value": {"Ref": "Role"}}}})
    names = {one["RoleName"] for one in cloud.client("iam").list_roles()["Roles"]}
    assert new in names
    assert old not in names
    stacks.delete("stop")


def test_a_replacement_is_made_before_its_predecessor_goes(stacks):
    template = {
        "Parameters": {"Path": {"Type": "String"}},
        "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Path": {"Ref": "Path"}, **TRUST}}},
    }
    stacks.create("swap", template, Parameters=parameters(Path="/a/"))
    old = stacks.resources("swap")["Role"]
    stacks.update("swap", None, Parameters=parameters(Path="/b/"))
    new = stacks.resources("swap")["Role"]
    seen = [
        (event["PhysicalResourceId"], event["ResourceStatus"])
        for event in since(stacks.events("swap"), "UPDATE_IN_PROGRESS")
        if event["LogicalResourceId"] == "Role" and event["ResourceStatus"].endswith("COMPLETE")
    ]
    assert seen == [(new, "UPDATE_COMPLETE"), (old, "DELETE_COMPLETE")]

    template["Resources"]["Role"]["Properties"]["RoleName"] = "custom"
    stacks.update("swap", template, Parameters=parameters(Path="/b/"))
    stacks.update("swap", None, status="UPDATE_ROLLBACK_COMPLETE", Parameters=parameters(Path="/c/"))
    assert "custom-named resource requires replacing" in stacks.reasons("swap")["Role"]
    assert stacks.resources("swap") == {"Role": "custom"}
    stacks.delete("swap")


def test_a_bucket_with_objects_stops_the_deletion_and_says_why(cloud, stacks):
    bucket = stacks.create(
        "full",
        {
            "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
            "Outputs": {"Bucket": {"Value": {"Ref": "Bucket"}}},
        },
    )["Bucket"]
    s3 = cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="review.txt", Body=b"fine")
    stacks.delete("full", status="DELETE_FAILED")
    # as in the events of a stack that a tool's tests repeat
    assert re.fullmatch(
        r'Resource handler returned message: "The bucket you tried to delete is not empty \(Service: S3, '
        r'Status Code: 409, Request ID: [\w-]+(, Extended Request ID: [^)]+)?\)" '
        r"\(RequestToken: [\w-]+, HandlerErrorCode: GeneralServiceException\)",
        stacks.reasons("full")["Bucket"],
    )
    s3.delete_object(Bucket=bucket, Key="review.txt")
    stacks.delete("full")
    assert bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]


def test_retained_resources_outlive_their_stack(cloud, stacks):
    stacks.create(
        "leaves",
        {
            "Resources": {
                "Kept": {
                    "Type": "AWS::Logs::LogGroup",
                    "DeletionPolicy": "Retain",
                    "Properties": {"LogGroupName": "/kept"},
                }
            }
        },
    )
    stacks.delete("leaves")
    assert "/kept" in groups(cloud, "/kept")
    cloud.client("logs").delete_log_group(logGroupName="/kept")


def test_exports_are_imported_and_cannot_go_while_in_use(stacks):
    exporting = {
        "Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {"Group": {"Value": {"Ref": "Group"}, "Export": {"Name": "the-group"}}},
    }
    importing = {
        "Resources": {
            "Other": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {
                    "LogGroupName": {"Fn::Join": ["/", ["", {"Fn::ImportValue": "the-group"}]]},
                },
            }
        }
    }
    group = stacks.create("exporter", exporting)["Group"]
    stacks.create("importer", importing)
    assert stacks.resources("importer")["Other"] == f"/{group}"
    assert stacks.client.list_imports(ExportName="the-group")["Imports"] == ["importer"]
    assert stacks.client.list_exports()["Exports"][0]["Value"] == group
    with pytest.raises(botocore.exceptions.ClientError, match="in use by importer"):
        stacks.client.delete_stack(StackName="exporter")
    stacks.delete("importer")
    stacks.delete("exporter")


@pytest.mark.parametrize("name", ["my_stack", "my stack", "1st", "s" * 129])
def test_a_name_that_no_stack_can_have_is_refused(stacks, name):
    with pytest.raises(botocore.exceptions.ClientError, match="at 'stackName' failed to satisfy constraint"):
        stacks.create(name, GROUPS)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"Parameters": [*parameters(Two="yes"), *parameters(Two="no")]},
            r"\[Two\] are given more than once",
        ),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "Duplicate tag keys"),
    ],
)
def test_duplicates_are_refused(stacks, request_, message):
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        stacks.create("twice", GROUPS, **request_)


def test_an_update_has_one_template(stacks):
    stacks.create("one-template", GROUPS)
    body = json.dumps(GROUPS)
    with pytest.raises(botocore.exceptions.ClientError, match="UsePreviousTemplate cannot be given with"):
        stacks.client.update_stack(StackName="one-template", UsePreviousTemplate=True, TemplateBody=body)
    stacks.delete("one-template")


def test_roles_need_an_acknowledgement(stacks):
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": TRUST}}}
    with pytest.raises(stacks.client.exceptions.InsufficientCapabilitiesException, match="CAPABILITY_IAM"):
        stacks.create("iam", template, Capabilities=[])


def test_unknown_operations_are_refused_by_name(stacks):
    with pytest.raises(botocore.exceptions.ClientError, match="DetectStackDrift"):
        stacks.client.detect_stack_drift(StackName="any")


def test_templates_come_from_s3_by_path_and_by_host(cloud, stacks):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="templates")
    body = "Parameters: {Secret: {Type: String, NoEcho: true, Default: x}}\n"
    body += "Resources: {Group: {Type: 'AWS::Logs::LogGroup'}}\n"
    s3.put_object(Bucket="templates", Key="a/b.yaml", Body=body)
    port = cloud.port
    for number, url in enumerate(
        (
            f"http://127.0.0.1:{port}/templates/a/b.yaml",
            f"http://localhost:{port}/templates/a/b.yaml",
            "https://s3.us-east-1.amazonaws.com/templates/a/b.yaml",
            "https://templates.s3.amazonaws.com/a/b.yaml",
        )
    ):
        name = f"from-url-{number}"
        stacks.client.create_stack(StackName=name, TemplateURL=url)
        stacks.settled(name, "CREATE_COMPLETE")
        shown = stacks.describe(name)["Parameters"]
        assert shown == [{"ParameterKey": "Secret", "ParameterValue": "****"}]
        assert stacks.client.get_template(StackName=name)["TemplateBody"] == body
        stacks.delete(name)
    with pytest.raises(botocore.exceptions.ClientError, match="S3 error"):
        stacks.client.create_stack(StackName="x", TemplateURL=f"http://127.0.0.1:{port}/templates/no.yaml")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        # LocalStack's test_templates.snapshot.json, test_create_stack_from_s3_template_url
        ("s3://templates/b.yaml", "S3 error: Domain name specified in templates is not a valid S3 domain"),
        ("https://example.com/dummy.yml", "TemplateURL must be a supported URL."),
        ("https://example.com/templates/a/b.yaml", "TemplateURL must be a supported URL."),
        ("ftp://templates.s3.amazonaws.com/b.yaml", "TemplateURL must be a supported URL."),
        ("http://[::1/templates/b.yaml", "TemplateURL must be a supported URL."),
        ("http://127.0.0.1:99999/templates/b.yaml", "TemplateURL must be a supported URL."),
    ],
)
def test_templates_come_from_nowhere_else(stacks, url, message):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stacks.client.create_stack(StackName="x", TemplateURL=url)
    assert refused.value.response["Error"]["Message"] == message


def test_a_summary_names_parameters_types_and_capabilities(stacks):
    summary = stacks.client.get_template_summary(
        TemplateBody="Transform: AWS::Serverless-2016-10-31\n"
        "Parameters: {Size: {Type: Number, Default: 3}}\n"
        "Resources: {F: {Type: 'AWS::Serverless::Function'}}"
    )
    assert summary["Parameters"][0]["DefaultValue"] == "3"
    assert summary["ResourceTypes"] == ["AWS::Serverless::Function"]
    assert "CAPABILITY_AUTO_EXPAND" in summary["Capabilities"]
