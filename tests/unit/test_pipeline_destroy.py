"""Taking down a stack whose creation failed: it has no outputs, and may hold buckets all the same."""

from __future__ import annotations

from botocore.exceptions import ClientError

from pipeline import aws, destroy, model_packages, stack
from pipeline.settings import Settings


class FakeCloudFormation:
    def __init__(self, resources):
        self.resources = resources

    def describe_stack_resources(self, StackName):
        if self.resources is None:
            error = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": error}, "DescribeStackResources")
        return {"StackResources": self.resources}


def run(monkeypatch, resources):
    """What destroy does to such a stack: the buckets it empties, then "deleted" if it deletes the stack."""
    done = []
    monkeypatch.setattr(aws, "client", lambda service: FakeCloudFormation(resources))
    monkeypatch.setattr(aws, "empty_bucket", lambda bucket: done.append(bucket) or 0)
    monkeypatch.setattr(model_packages, "delete", lambda settings: None)
    monkeypatch.setattr(stack, "sam_delete", lambda settings: done.append("deleted"))
    destroy.run(Settings())
    return done


def resource(kind, name, status):
    return {"ResourceType": kind, "PhysicalResourceId": name, "ResourceStatus": status}


def test_a_half_made_stack_is_emptied_and_deleted(monkeypatch):
    resources = [
        resource("AWS::S3::Bucket", "kept", "DELETE_FAILED"),
        resource("AWS::S3::Bucket", "gone", "DELETE_COMPLETE"),
        resource("AWS::IAM::Role", "role", "DELETE_COMPLETE"),
    ]
    assert run(monkeypatch, resources) == ["kept", "deleted"]


def test_without_a_stack_there_is_nothing_to_do(monkeypatch):
    assert run(monkeypatch, None) == []
