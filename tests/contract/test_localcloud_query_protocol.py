"""The query protocol: parameters in a form or in the address, by POST or by GET, and by no other method."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import requests

from localcloud.cloud import Cloud
from localcloud.server import Server

CALLS = {
    "cloudformation": {"Action": "DescribeStacks", "Version": "2010-05-15", "StackName": "none"},
    "iam": {"Action": "GetAccountSummary", "Version": "2010-05-08"},
    "monitoring": {"Action": "ListMetrics", "Version": "2010-08-01", "Dimensions.member.1.Name": "a"},
    "sns": {"Action": "ListTopics", "Version": "2010-03-31"},
    "sqs": {"Action": "ListQueues", "Version": "2012-11-05", "QueueNamePrefix": "a-b"},
    "sts": {"Action": "GetCallerIdentity", "Version": "2011-06-15"},
}
CREATE_USER = {"Action": "CreateUser", "Version": "2010-05-08", "UserName": "made"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Server(port=0) as running:
        yield running.cloud


def signed(service: str, **more: str) -> dict[str, str]:
    scope = f"test/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, x"} | more


def told(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, re.sub(r"<RequestId>.*?</RequestId>", "", answer.text)


@pytest.mark.parametrize("service", CALLS)
def test_parameters_are_read_wherever_they_are(cloud, service):
    call, headers = CALLS[service], signed(service)
    action = {"Action": call["Action"]}
    rest = {name: value for name, value in call.items() if name != "Action"}
    answer = told(requests.post(cloud.url, call, headers=headers, timeout=60))
    assert f"<{call['Action']}Response" in answer[1] or "Stack with id none does not exist" in answer[1]
    assert told(requests.get(cloud.url, call, headers=headers, timeout=60)) == answer
    assert told(requests.post(f"{cloud.url}/?{urlencode(call)}", headers=headers, timeout=60)) == answer
    divided = requests.post(f"{cloud.url}/?{urlencode(action)}", rest, headers=headers, timeout=60)
    assert told(divided) == answer


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_other_methods_are_refused_by_name_and_do_nothing(cloud, method):
    target = {"X-Amz-Target": "SageMaker.CreateExperiment"}
    for service, request in (
        ("iam", {"params": CREATE_USER}),
        ("iam", {"data": CREATE_USER, "params": {"Action": "CreateUser"}}),
        ("sagemaker", {"json": {"ExperimentName": "made"}, "headers": target}),
    ):
        headers = signed(service) | request.pop("headers", {})
        answer = requests.request(method, cloud.url, headers=headers, timeout=60, **request)
        assert answer.status_code == 400
        assert method == "HEAD" or f"localcloud does not support {method} for the {service}" in answer.text
        assert method == "HEAD" or answer.text.startswith("{" if service == "sagemaker" else "<")
    assert cloud.client("iam").list_users()["Users"] == []
    assert cloud.client("sagemaker").list_experiments()["ExperimentSummaries"] == []


def test_an_error_of_a_get_has_the_form_of_the_protocol(cloud):
    call = {"Action": "NoSuchAction", "Version": "2010-05-08"}
    answer = requests.get(cloud.url, call, headers=signed("iam"), timeout=60)
    assert (answer.status_code, answer.text.startswith("<")) == (400, True)
    assert "localcloud does not support the iam operation NoSuchAction" in answer.text
