"""A model, its endpoint configuration and its endpoint are resources of a stack, and really start."""

import io
import json
import tarfile
import threading
import time

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks, trust

__all__ = ["cloud", "stacks"]


EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ENDPOINT = {
    "Parameters": {"Data": {"Type": "String"}},
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": trust("sagemaker.amazonaws.com"),
                "Policies": [
                    {
                        "PolicyName": "all",
                        "PolicyDocument": EVERYTHING,
                    }
                ],
            },
        },
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {
                "ExecutionRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "PrimaryContainer": {
                    "Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312",
                    "ModelDataUrl": {"Ref": "Data"},
                    "Environment": {
                        "SAGEMAKER_PROGRAM": "inference.py",
                        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                    },
                },
            },
        },
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        "VariantName": "AllTraffic",
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                        "InitialVariantWeight": 1,
                        "ServerlessConfig": {"MaxConcurrency": "2", "MemorySizeInMB": 1024},
                    }
                ]
            },
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": "Reviews",
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
            },
        },
    },
    "Outputs": {"Arn": {"Value": {"Ref": "Endpoint"}}},
}


def model(answer: str) -> bytes:
    """A model.tar.gz whose entry point gives this answer, a Python expression."""
    script = f"""
answer = {answer}
def model_fn(folder): return None
def input_fn(body, content_type): return None
def predict_fn(data, model): return answer
def output_fn(prediction, accept): return prediction
"""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("code/inference.py")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script.encode()))
    return packed.getvalue()


@pytest.mark.slow
def test_an_endpoint_really_starts_changes_and_survives_a_broken_model(cloud, stacks):
    s3, sagemaker = cloud.client("s3"), cloud.client("sagemaker")
    s3.create_bucket(Bucket="models")
    for name, answer in (("one", "'one'"), ("two", "'two'"), ("broken", "1 / 0")):
        s3.put_object(Bucket="models", Key=name, Body=model(answer))

    def ask() -> str:
        runtime = cloud.client("sagemaker-runtime")
        return runtime.invoke_endpoint(EndpointName="Reviews", Body=b"x")["Body"].read().decode()

    def data(name: str) -> dict:
        return {"Parameters": parameters(Data=f"s3://models/{name}")}

    stacks.create("serve", ENDPOINT, status="ROLLBACK_COMPLETE", **data("broken"))
    assert "ping health check" in stacks.reasons("serve")["Endpoint"]
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_models()["Models"] == []
    stacks.delete("serve")

    arn = stacks.create("serve", ENDPOINT, **data("one"))["Arn"]
    assert arn == sagemaker.describe_endpoint(EndpointName="Reviews")["EndpointArn"]
    assert ask() == "one"
    stacks.update("serve", None, **data("two"))
    assert ask() == "two"
    assert len(sagemaker.list_models()["Models"]) == 1, "the old model goes once the new one serves"

    stacks.update("serve", None, status="UPDATE_ROLLBACK_COMPLETE", **data("broken"))
    assert "ping health check" in stacks.reasons("serve")["Endpoint"]
    assert ask() == "two"
    assert len(sagemaker.list_models()["Models"]) == 1
    assert len(sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 1

    stacks.delete("serve")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_models()["Models"] == []
    s3.delete_object(Bucket="models", Key="one")


@pytest.mark.slow
def test_other_requests_are_answered_while_a_stack_is_being_made(cloud, stacks):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="slow-models")
    s3.put_object(Bucket="slow-models", Key="m", Body=model("__import__('time').sleep(3)"))
    request = {
        "StackName": "slow",
        "TemplateBody": json.dumps(ENDPOINT).replace("Reviews", "Slow"),
        "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": parameters(Data="s3://slow-models/m"),
    }
    threading.Thread(target=stacks.client.create_stack, kwargs=request, daemon=True).start()
    while not any(event["LogicalResourceId"] == "Endpoint" for event in events_so_far(stacks, "slow")):
        time.sleep(0.05)
    s3.list_buckets()
    assert stacks.describe("slow")["StackStatus"] == "CREATE_IN_PROGRESS"
    with pytest.raises(botocore.exceptions.ClientError, match="CREATE_IN_PROGRESS"):
        stacks.client.update_stack(StackName="slow", UsePreviousTemplate=True)
    stacks.settled("slow", "CREATE_COMPLETE")
    stacks.delete("slow")


def events_so_far(stacks, name: str) -> list[dict]:
    try:
        return stacks.events(name)
    except botocore.exceptions.ClientError:  # not there yet
        return []
