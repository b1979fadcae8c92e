"""AWS::Logs::LogGroup and AWS::Logs::MetricFilter."""

from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    ignoring,
    rollback_on_failure,
)

MAX_NAME_LENGTH = 512


class LogGroup(Provider):
    type = "AWS::Logs::LogGroup"
    supported = frozenset({"KmsKeyId", "LogGroupName", "RetentionInDays", "Tags"})
    attributes = frozenset({"Arn"})
    name_property = "LogGroupName"

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        pages = cloud.client("logs").get_paginator("describe_log_groups")
        groups = (page["logGroups"] for page in pages.paginate(logGroupNamePrefix=identifier))
        return any(group["logGroupName"] == identifier for page in groups for group in page)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        logs = context.client("logs")
        name = properties.get("LogGroupName") or context.generated_name(MAX_NAME_LENGTH)
        key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
        tags = context.tags(properties.get("Tags"))
        logs.create_log_group(logGroupName=name, **key, **({"tags": tags} if tags else {}))
        cloud = context.cloud
        physical = PhysicalResource(
            name, {"Arn": f"arn:aws:logs:{cloud.region}:{cloud.account_id}:log-group:{name}:*"}
        )
        if days := properties.get("RetentionInDays"):
            with rollback_on_failure(physical):
                logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        return physical

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        logs, name = context.client("logs"), current.physical_id
        if days := properties.get("RetentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        elif "RetentionInDays" in previous:
            logs.delete_retention_policy(logGroupName=name)
        if properties.get("KmsKeyId") != previous.get("KmsKeyId"):
            if "KmsKeyId" in properties:
                logs.associate_kms_key(logGroupName=name, kmsKeyId=properties["KmsKeyId"])
            else:
                logs.disassociate_kms_key(logGroupName=name)
        if tags := context.tags(properties.get("Tags")):
            logs.tag_log_group(logGroupName=name, tags=tags)
        if gone := context.removed_tags(previous.get("Tags"), tags):
            logs.untag_log_group(logGroupName=name, tags=gone)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        logs = context.client("logs")
        ignoring(
            logs.exceptions.ResourceNotFoundException, logs.delete_log_group, logGroupName=current.physical_id
        )


class MetricFilter(Provider):
    type = "AWS::Logs::MetricFilter"
    is_only_stored = True
    supported = frozenset({"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"})

    def identifiers(self, properties: Properties) -> frozenset[str]:
        name = properties.get("FilterName")
        return frozenset([f"{properties['LogGroupName']}|{name}"] if name else [])

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        logs = cloud.client("logs")
        group, _, name = identifier.rpartition("|")
        try:
            filters = logs.describe_metric_filters(logGroupName=group, filterNamePrefix=name)["metricFilters"]
        except logs.exceptions.ResourceNotFoundException:
            return False
        return any(one["filterName"] == name for one in filters)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("FilterName") or context.generated_name(MAX_NAME_LENGTH)
        self._put(context, name, properties)
        return PhysicalResource(name)

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        self._put(context, current.physical_id, properties)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        logs = context.client("logs")
        ignoring(
            logs.exceptions.ResourceNotFoundException,
            logs.delete_metric_filter,
            logGroupName=properties["LogGroupName"],
            filterName=current.physical_id,
        )

    def _put(self, context: Context, name: str, properties: Properties) -> None:
        context.client("logs").put_metric_filter(
            logGroupName=properties["LogGroupName"],
            filterName=name,
            filterPattern=properties["FilterPattern"],
            metricTransformations=[_transformation(one) for one in properties["MetricTransformations"]],
        )


def _transformation(properties: Properties) -> dict[str, Any]:
    transformation = {name[0].lower() + name[1:]: value for name, value in properties.items()}
    if "dimensions" in transformation:
        transformation["dimensions"] = {one["Key"]: one["Value"] for one in transformation["dimensions"]}
    return transformation


PROVIDERS = (LogGroup(), MetricFilter())
