"""AWS::SNS::Topic."""

from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    found,
    rollback_on_failure,
)

MAX_NAME_LENGTH = 256


class Topic(Provider):
    type = "AWS::SNS::Topic"
    supported = frozenset({"DisplayName", "Subscription", "Tags", "TopicName"})
    attributes = frozenset({"DisplayName", "TopicArn", "TopicName"})
    name_property = "TopicName"

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
        wanted = {(one["Protocol"], one["Endpoint"]) for one in properties.get("Subscription", [])}
        for one in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]:
            if (one["Protocol"], one["Endpoint"]) not in wanted:
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
            for one in sns.list_subscriptions_by_topic(TopicArn=current.physical_id)["Subscriptions"]:
                sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
            sns.delete_topic(TopicArn=current.physical_id)
        except sns.exceptions.NotFoundException:
            return


def _subscribe(sns: Any, arn: str, properties: Properties) -> None:
    """Subscribes the endpoints. As on AWS, repeating a subscription changes nothing."""
    for one in properties.get("Subscription", []):
        sns.subscribe(TopicArn=arn, Protocol=one["Protocol"], Endpoint=one["Endpoint"])


PROVIDERS = (Topic(),)
