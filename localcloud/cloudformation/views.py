"""Converts records of stacks to the form of the API's answers."""

import json
from typing import Any

from localcloud.addresses import localise
from localcloud.cloud import Cloud
from localcloud.cloudformation.stacks import DELETED, ChangeSet, Event, Resource, Stack


def stack(cloud: Cloud, record: Stack) -> dict[str, Any]:
    """An entry of DescribeStacks, with local addresses in its outputs."""
    source = record.source
    is_deleted = record.status == DELETED
    shown = {
        "StackId": record.id,
        "StackName": record.name,
        "ChangeSetId": None if is_deleted else record.change_set_id,
        "Description": source.expanded.get("Description") if source else None,
        "Parameters": (source.shown_parameters if source else []) or None,
        "CreationTime": record.created,
        "LastUpdatedTime": record.updated,
        "DeletionTime": record.deleted,
        "RollbackConfiguration": {},
        "StackStatus": record.status,
        "StackStatusReason": record.reason,
        "DisableRollback": record.disable_rollback,
        "NotificationARNs": source.notification_arns if source else [],
        "TimeoutInMinutes": record.timeout_minutes,
        "Capabilities": (source.capabilities if source else []) or None,
        "Outputs": [_output(cloud, one) for one in record.outputs] or None,
        "RoleARN": source.role_arn if source else None,
        "Tags": [{"Key": key, "Value": value} for key, value in (source.tags if source else {}).items()],
        "EnableTerminationProtection": None if is_deleted else record.termination_protection,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return {key: value for key, value in shown.items() if value is not None}


def _output(cloud: Cloud, output: dict[str, Any]) -> dict[str, Any]:
    return {**output, "OutputValue": localise(cloud, output["OutputValue"])}


def summary(record: Stack) -> dict[str, Any]:
    """An entry of ListStacks."""
    return {
        "StackId": record.id,
        "StackName": record.name,
        "TemplateDescription": record.source.expanded.get("Description") if record.source else None,
        "CreationTime": record.created,
        "LastUpdatedTime": record.updated,
        "DeletionTime": record.deleted,
        "StackStatus": record.status,
        "StackStatusReason": record.reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def event(one: Event) -> dict[str, Any]:
    """An entry of DescribeStackEvents."""
    return {
        "StackId": one.stack_id,
        "EventId": one.id,
        "StackName": one.stack_name,
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical_id,
        "ResourceType": one.type,
        "Timestamp": one.timestamp,
        "ResourceStatus": one.status,
        "ResourceStatusReason": one.reason,
        "ResourceProperties": one.properties,
        "ClientRequestToken": one.token,
    }


def resource(record: Stack, one: Resource) -> dict[str, Any]:
    """An entry of DescribeStackResources and ListStackResources."""
    return {
        "StackName": record.name,
        "StackId": record.id,
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical_id,
        "ResourceType": one.type,
        "Timestamp": one.timestamp,
        "LastUpdatedTimestamp": one.timestamp,
        "ResourceStatus": one.status,
        "ResourceStatusReason": one.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def resource_detail(record: Stack, one: Resource) -> dict[str, Any]:
    """The answer of DescribeStackResource."""
    return {**resource(record, one), "Metadata": json.dumps(one.metadata or {})}


def change_set(record: Stack, one: ChangeSet) -> dict[str, Any]:
    """The members of DescribeChangeSet and ListChangeSets without the changes."""
    return {
        "ChangeSetName": one.name,
        "ChangeSetId": one.id,
        "StackId": record.id,
        "StackName": record.name,
        "Description": one.description,
        "Parameters": one.source.shown_parameters or None,
        "CreationTime": one.created,
        "ExecutionStatus": one.execution_status,
        "Status": one.status,
        "StatusReason": one.reason,
        "NotificationARNs": one.source.notification_arns,
        "Capabilities": one.source.capabilities,
        "RollbackConfiguration": {},
        "Tags": [{"Key": key, "Value": value} for key, value in one.source.tags.items()] or None,
        "OnStackFailure": one.on_stack_failure,
        "IncludeNestedStacks": one.include_nested_stacks,
    }
