"""Requests to stacks whose creation, update or deletion is still in progress."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import WAIT_SECONDS, cloud, stacks

from localcloud.cloudformation.resources import PROVIDERS
from localcloud.cloudformation.stacks import Stack

__all__ = ["cloud", "stacks"]


class Gate:
    """Holds up the actions on resources while the test does something else."""

    def __init__(self) -> None:
        self._is_reached, self._is_open = threading.Event(), threading.Event()

    def before(self, action):
        def gated(*given):
            self._is_reached.set()
            assert self._is_open.wait(WAIT_SECONDS)
            return action(*given)

        return gated

    def wait(self) -> None:
        assert self._is_reached.wait(WAIT_SECONDS)

    def open(self) -> None:
        self._is_open.set()

    def close(self) -> None:
        self._is_open.clear()
        self._is_reached.clear()


@pytest.fixture
def gate(monkeypatch) -> Iterator[Gate]:
    """Before every creation, change and deletion of a topic."""
    gate, topics = Gate(), type(PROVIDERS["AWS::SNS::Topic"])
    for name in ("create", "update", "delete"):
        monkeypatch.setattr(topics, name, gate.before(getattr(topics, name)))
    yield gate
    gate.open()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """For requests that wait for the deployment which they start."""
    with ThreadPoolExecutor() as executor:
        yield executor


def topics(text: str = "a") -> str:
    first = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": text}}
    return json.dumps({"Resources": {"A": first, "B": {"Type": "AWS::SNS::Topic", "DependsOn": "A"}}})


def await_status(stacks, name: str, status: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while stacks.describe(name)["StackStatus"] != status:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stack_may_be_deleted_while_it_is_being_created(cloud, stacks, gate, background):
    background.submit(stacks.client.create_stack, StackName="abandoned", TemplateBody=topics())
    gate.wait()
    stack = stacks.describe("abandoned")["StackId"]
    deleted = background.submit(stacks.client.delete_stack, StackName="abandoned")
    await_status(stacks, stack, "DELETE_IN_PROGRESS")
    stacks.client.delete_stack(StackName="abandoned")  # once more, which changes nothing
    gate.open()
    deleted.result()
    stacks.settled(stack, "DELETE_COMPLETE")
    statuses = [one["ResourceStatus"] for one in stacks.events(stack) if one["LogicalResourceId"] == "A"]
    assert statuses[-2:] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert not any(one["LogicalResourceId"] == "B" for one in stacks.events(stack))
    assert cloud.client("sns").list_topics()["Topics"] == []


@pytest.mark.parametrize("by_change_set", [False, True], ids=["CreateStack", "ExecuteChangeSet"])
def test_a_stack_may_be_deleted_as_soon_as_it_can_be_seen(stacks, background, monkeypatch, by_change_set):
    set_status = Stack.set_status
    deletions = []

    def delete_meanwhile(self, status, *reason):
        if status == "CREATE_IN_PROGRESS":  # which can be seen from now on, although nothing runs yet
            deletions.append(background.submit(stacks.client.delete_stack, StackName=self.name))
            wait(deletions, timeout=1)
        return set_status(self, status, *reason)

    if by_change_set:
        change_set = {"StackName": "seen", "ChangeSetName": "first", "ChangeSetType": "CREATE"}
        stack = stacks.client.create_change_set(**change_set, TemplateBody=topics())["StackId"]
        stacks.client.get_waiter("change_set_create_complete").wait(StackName="seen", ChangeSetName="first")
    monkeypatch.setattr(Stack, "set_status", delete_meanwhile)
    if by_change_set:
        stacks.client.execute_change_set(StackName="seen", ChangeSetName="first")
    else:
        stack = stacks.client.create_stack(StackName="seen", TemplateBody=topics())["StackId"]
    deletions[0].result()
    stacks.settled(stack, "DELETE_COMPLETE")


def test_a_stack_cannot_be_deleted_while_it_is_being_updated(stacks, gate, background):
    gate.open()
    stacks.create("updating", topics())
    gate.close()
    background.submit(stacks.client.update_stack, StackName="updating", TemplateBody=topics("b"))
    gate.wait()
    message = r"Stack \[updating\] cannot be deleted while in status UPDATE_IN_PROGRESS"
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        stacks.client.delete_stack(StackName="updating")
    gate.open()
    stacks.settled("updating", "UPDATE_COMPLETE")
    stacks.delete("updating")
