"""Queues of SQS and topics of SNS: what they refuse, and what they tell of themselves and of messages."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.server import Server

numbers = itertools.count()


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Server(port=0, services=[]) as server:
        yield server.cloud


@pytest.fixture
def sqs(cloud: Cloud) -> Any:
    return cloud.client("sqs")


@pytest.fixture
def queue(sqs: Any) -> str:
    url: str = sqs.create_queue(QueueName=f"queue-{next(numbers)}")["QueueUrl"]
    return url


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_attribute_names_of_a_receipt_name_attributes_of_messages(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    names = ["SentTimestamp", "ApproximateReceiveCount"]
    [message] = sqs.receive_message(QueueUrl=queue, AttributeNames=names)["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"].keys() >= set(names)


def test_times_of_a_queue_are_whole_seconds(sqs: Any, queue: str) -> None:
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["CreatedTimestamp"].isdecimal()
    assert attributes["LastModifiedTimestamp"].isdecimal()


def test_a_queue_keeps_the_policy_that_a_change_does_not_name(sqs: Any, queue: str) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def told() -> dict[str, str]:
        answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy", "DelaySeconds"])
        attributes: dict[str, str] = answer["Attributes"]
        return attributes

    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "3"})
    assert told() == {"Policy": policy, "DelaySeconds": "3"}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    assert told() == {"DelaySeconds": "3"}


@pytest.mark.parametrize(
    ("operation", "members", "code", "message"),
    [
        ("send_message", {"MessageBody": "a\0b"}, "InvalidMessageContents", "character '#x0' was found"),
        (
            "send_message_batch",
            {"Entries": [{"Id": "1", "MessageBody": "fine"}, {"Id": "2", "MessageBody": "\uffff"}]},
            "InvalidMessageContents",
            "'#xFFFF'",
        ),
        ("send_message", {"MessageBody": ""}, "MissingParameter", "must contain the parameter MessageBody"),
        *(
            (
                "set_queue_attributes",
                {"Attributes": {name: value}},
                "InvalidAttributeValue",
                f"Invalid value for the parameter {name}.",
            )
            for name, value in (("VisibilityTimeout", "43201"), ("DelaySeconds", "-1"), ("DelaySeconds", "x"))
        ),
        ("receive_message", {"MaxNumberOfMessages": 11}, "InvalidParameterValue", "Value 11 for parameter"),
        (
            "set_queue_attributes",
            {"Attributes": {"RedrivePolicy": "bad"}},
            "InvalidParameterValue",
            "bad for parameter RedrivePolicy is invalid. Reason: Redrive policy is not a valid JSON map.",
        ),
        (
            "set_queue_attributes",
            {"Attributes": {"Policy": "bad"}},
            "InvalidAttributeValue",
            "Invalid value for the parameter Policy.",
        ),
    ],
)
def test_sqs_refuses(
    sqs: Any, queue: str, operation: str, members: dict[str, Any], code: str, message: str
) -> None:
    refused, words = refusal(lambda: getattr(sqs, operation)(QueueUrl=queue, **members))
    assert (refused, message in words) == (code, True)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"Message": ""}, "Empty message"),
        ({"Message": "text"}, "Message Structure - JSON message body failed to parse"),
        ({"Message": '{"sqs": "x"}'}, "Message Structure - No default entry in JSON message body"),
    ],
)
def test_sns_refuses_a_message_without_text(cloud: Cloud, message: dict[str, str], reason: str) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    refused = refusal(lambda: sns.publish(TopicArn=topic, MessageStructure="json", **message))
    assert refused == ("InvalidParameter", f"Invalid parameter: {reason}")


def test_sns_refuses_a_filter_that_is_no_json(cloud: Cloud, sqs: Any, queue: str) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    subscription = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": attributes["QueueArn"]}
    expected = ("InvalidParameter", "Invalid parameter: FilterPolicy: failed to parse JSON.")
    assert refusal(lambda: sns.subscribe(**subscription, Attributes={"FilterPolicy": "{bad"})) == expected
    arn = sns.subscribe(**subscription)["SubscriptionArn"]
    change = {"SubscriptionArn": arn, "AttributeName": "FilterPolicy", "AttributeValue": "{bad"}
    assert refusal(lambda: sns.set_subscription_attributes(**change)) == expected


def test_a_queue_gets_the_text_that_is_for_queues(cloud: Cloud, sqs: Any, queue: str) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"], Attributes=raw)
    texts = json.dumps({"default": "for all", "sqs": "for queues"})
    sns.publish(TopicArn=topic, MessageStructure="json", Message=texts)
    assert [one["Body"] for one in sqs.receive_message(QueueUrl=queue)["Messages"]] == ["for queues"]


def test_a_message_to_a_missing_topic_is_refused_in_the_words_of_sns(cloud: Cloud) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:missing"
    refused = refusal(lambda: cloud.client("sns").publish(TopicArn=topic, Message="text"))
    assert refused == ("NotFound", "Topic does not exist")


def test_statements_of_partiql_are_refused(cloud: Cloud) -> None:
    dynamodb = cloud.client("dynamodb")
    code, message = refusal(lambda: dynamodb.execute_statement(Statement="SELECT COUNT(*) FROM t"))
    assert code == "UnsupportedOperationException"
    assert "ExecuteStatement" in message
