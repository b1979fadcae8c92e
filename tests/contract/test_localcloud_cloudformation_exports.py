"""Exports are unique, and stay as they are while another stack imports them, however it does.

The words are those of "Troubleshooting CloudFormation" and of reports by its users.
"""

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks

__all__ = ["cloud", "stacks"]


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
