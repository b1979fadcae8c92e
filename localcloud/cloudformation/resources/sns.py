"""AWS::SNS::Topic."""

from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation.errors import ResourceFailed
from localcloud.cloudformation.intrinsics import is_unknown
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    found,
    rollback_on_failure,
)
from localcloud.moto_members import REACHING_OUT_PROTOCOLS

MAX_NAME_LENGTH = 256


class Topic(Provider):
    type = "AWS::SNS::Topic"
    supported = frozenset({"DisplayName", "Subscription", "Tags", "TopicName"})
    attributes = frozenset({"DisplayName", "TopicArn", "TopicName"})
    name_property = "TopicName"

    def check(self, cloud: Cloud, properties: Properties) -> None:
        given = properties.get("Subscription", [])
        for one in [] if is_unknown(given) else given:
            if not is_unknown(one) and one["Protocol"] in REACHING_OUT_PROTOCOLS:
                raise ResourceFailed(
                    f"localcloud does not support subscriptions with the protocol {one['Protocol']}"
                )

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        sns = cloud.client("sns")
        arn = f"arn:aws:sns:{cloud.region}:{cloud.account_id}:{identifier}"
        return found(sns.exceptions.NotFoundException, sns.get_topic_attributes, TopicArn=arn)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        sns = context.client("sns")
        name = properties.get("TopicName") or context.generated_name(MAX_NAME_LENGTH)
        display = properties.get("DisplayName", "")
        attributes = {"Attributes": {"DisplayName": display}} if display else {}
        tags = context.tag_list(properties.get("Tags"))
        arn = sns.create_topic(Name=name, **attributes, **({"Tags": tags} if tags else {}))["TopicArn"]
        created = PhysicalResource(arn, {"DisplayName": display, "TopicArn": arn, "TopicName": name})
        with rollback_on_failure(created):
            _subscribe(sns, arn, properties)
        return created

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        sns, arn = context.client("sns"), current.physical_id
        display = properties.get("DisplayName", "")
        sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue=display)
        dropped = _subscriptions(previous) - _subscriptions(properties)
        for one in _existing(sns, arn):
            if (one["Protocol"], one["Endpoint"]) in dropped:
                sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
        _subscribe(sns, arn, properties)
        tags = context.tags(properties.get("Tags"))
        if gone := context.removed_tags(previous.get("Tags"), tags):
            sns.untag_resource(ResourceArn=arn, TagKeys=gone)
        if tags:
            sns.tag_resource(ResourceArn=arn, Tags=context.tag_list(properties.get("Tags")))
        return PhysicalResource(arn, {**current.attributes, "DisplayName": display})

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        sns = context.client("sns")
        try:
            for one in _existing(sns, current.physical_id):
                sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
            sns.delete_topic(TopicArn=current.physical_id)
        except sns.exceptions.NotFoundException:
            return


def _subscriptions(properties: Properties) -> set[tuple[str, str]]:
    return {(one["Protocol"], one["Endpoint"]) for one in properties.get("Subscription", [])}


def _existing(sns: Any, arn: str) -> list[dict[str, str]]:
    """All subscriptions of a topic, whoever made them."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    return [one for page in pages for one in page["Subscriptions"]]


def _subscribe(sns: Any, arn: str, properties: Properties) -> None:
    """Subscribes the endpoints. As on AWS, repeating a subscription changes nothing."""
    for protocol, endpoint in sorted(_subscriptions(properties)):
        sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)


PROVIDERS = (Topic(),)
