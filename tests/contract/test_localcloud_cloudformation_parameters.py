"""Parameters of the Parameter Store that belong to stacks."""

from typing import Any

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, stacks

__all__ = ["cloud", "stacks"]


def template(**properties: Any) -> dict[str, Any]:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", **properties}}
    outputs = {name: {"Value": {"Fn::GetAtt": ["Parameter", name]}} for name in ("Type", "Value")}
    return {"Resources": {"Parameter": parameter}, "Outputs": outputs}


def tags(ssm: Any, name: str) -> dict[str, str]:
    listed = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    return {tag["Key"]: tag["Value"] for tag in listed if not tag["Key"].startswith("aws:")}


def test_a_parameter_is_created_changed_replaced_and_deleted(cloud, stacks):
    ssm = cloud.client("ssm")
    outputs = stacks.create("kept", template(Value="one", Description="d", Tags={"a": "b"}))
    assert outputs == {"Type": "String", "Value": "one"}
    name = stacks.resources("kept")["Parameter"]
    assert name.startswith("CFN-Parameter-")
    assert tags(ssm, name) == {"a": "b"}

    tagged = [{"Key": "team", "Value": "reviews"}]
    assert stacks.update("kept", template(Value="two", Tags={"c": "d"}), Tags=tagged)["Value"] == "two"
    changed = ssm.get_parameter(Name=name)["Parameter"]
    assert (changed["Value"], changed["Version"]) == ("two", 2)
    assert not ssm.describe_parameters()["Parameters"][0].get("Description")
    assert tags(ssm, name) == {"c": "d", "team": "reviews"}

    stacks.update("kept", template(Value="two", Name="/named"))
    assert [one["Name"] for one in ssm.describe_parameters()["Parameters"]] == ["/named"]
    stacks.delete("kept")
    assert ssm.describe_parameters()["Parameters"] == []


def test_a_parameter_that_the_store_refuses_fails_the_stack(stacks):
    stacks.create("refused", template(Value="one", AllowedPattern="^two$"), status="ROLLBACK_COMPLETE")
    reason = stacks.reasons("refused")["Parameter"]
    assert "cannot be validated against allowedPattern: ^two$ (Service: Ssm, Status Code: 400" in reason
    stacks.delete("refused")
    with pytest.raises(botocore.exceptions.ClientError, match=r"\['Policies'\] of AWS::SSM::Parameter"):
        stacks.create("refused", template(Value="one", Policies="[]"))
