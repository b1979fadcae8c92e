"""A request that a client sends again, because the answer was slow, is answered as the first one was."""

import json
import threading

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from localcloud_cloudformation_fixtures import SERVICES, Stacks

from localcloud.cloudformation import CloudFormationService
from localcloud.regions import Regional
from localcloud.server import Server

QUICK = 0.5
BODY = json.dumps({"Resources": {"G": {"Type": "AWS::Logs::LogGroup"}}})
OTHER = json.dumps({"Resources": {"H": {"Type": "AWS::Logs::LogGroup"}}})


@pytest.fixture(scope="module")
def server():
    with Server(port=0, services=SERVICES) as running:
        yield running


@pytest.fixture(scope="module")
def stacks(server):
    return Stacks(server.cloud)


@pytest.fixture
def impatient(server):
    """A client that waits half a second for an answer, of a service that is slow until it has asked twice."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    config = Config(read_timeout=QUICK, retries={"mode": "standard", "max_attempts": 10})
    client = session.client("cloudformation", endpoint_url=server.cloud.url, config=config)
    services = [one.instance("us-east-1") for one in server.front.services if isinstance(one, Regional)]
    service = next(one for one in services if isinstance(one, CloudFormationService))
    tries = threading.Semaphore(0)

    def slow(**_):
        held = threading.Event()

        def hold():
            with service.stacks.lock:
                held.set()
                tries.acquire()
                tries.acquire()

        threading.Thread(target=hold).start()
        held.wait()

    client.meta.events.register("before-call", slow)
    client.meta.events.register("before-send", lambda **_: tries.release())
    return client


def test_creating_a_change_set(impatient, stacks):
    request = {"StackName": "planned", "ChangeSetName": "first", "ChangeSetType": "CREATE"}
    answer = impatient.create_change_set(TemplateBody=BODY, **request)
    known = stacks.client.describe_change_set(StackName="planned", ChangeSetName="first")
    assert (answer["Id"], answer["StackId"]) == (known["ChangeSetId"], known["StackId"])
    with pytest.raises(ClientError, match="ChangeSet first already exists"):
        stacks.client.create_change_set(TemplateBody=BODY, **request)
    impatient.execute_change_set(StackName="planned", ChangeSetName="first")
    stacks.settled("planned", "CREATE_COMPLETE")


def test_creating_and_updating_a_stack(impatient, stacks):
    created = impatient.create_stack(StackName="made", TemplateBody=BODY)
    assert created["StackId"] == stacks.describe("made")["StackId"]
    stacks.settled("made", "CREATE_COMPLETE")
    impatient.update_stack(StackName="made", TemplateBody=OTHER)
    stacks.settled("made", "UPDATE_COMPLETE")
    assert set(stacks.resources("made")) == {"H"}


def test_a_client_token_means_the_same_request(stacks):
    request = {"StackName": "token", "ChangeSetName": "one", "ChangeSetType": "CREATE", "ClientToken": "t"}
    ids = {stacks.client.create_change_set(TemplateBody=BODY, **request)["Id"] for _ in range(2)}
    assert len(ids) == 1
    with pytest.raises(ClientError, match="already exists"):
        stacks.client.create_change_set(TemplateBody=OTHER, **request)
