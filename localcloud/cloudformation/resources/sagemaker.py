"""AWS::SageMaker::Model, EndpointConfig and Endpoint."""

import time
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.cloudformation.errors import ResourceFailed
from localcloud.cloudformation.resources.provider import Context, PhysicalResource, Properties, Provider, pick
from localcloud.sagemaker.models import check_endpoint_config, check_model

MAX_NAME_LENGTH = 63
POLL_SECONDS = 0.3
COULD_NOT_FIND = "Could not find"
"""Part of the message of a ValidationException by which SageMaker reports that a resource does not exist."""


class Model(Provider):
    type = "AWS::SageMaker::Model"
    supported = frozenset(
        {
            "Containers",
            "EnableNetworkIsolation",
            "ExecutionRoleArn",
            "ModelName",
            "PrimaryContainer",
            "Tags",
            "VpcConfig",
        }
    )
    attributes = frozenset({"ModelArn", "ModelName"})
    name_property = "ModelName"

    def check(self, cloud: Cloud, properties: Properties) -> None:
        check_model(properties)

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        return _exists(cloud, "model", ModelName=identifier)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("ModelName") or context.generated_name(MAX_NAME_LENGTH)
        arn = context.client("sagemaker").create_model(
            ModelName=name,
            **pick(
                properties,
                "Containers",
                "EnableNetworkIsolation",
                "ExecutionRoleArn",
                "PrimaryContainer",
                "VpcConfig",
            ),
            **_tags(context, properties),
        )["ModelArn"]
        return PhysicalResource(arn, {"ModelArn": arn, "ModelName": name})

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        _retag(context, current, properties, previous)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        _delete(context, "model", ModelName=current.attributes["ModelName"])


class EndpointConfig(Provider):
    type = "AWS::SageMaker::EndpointConfig"
    supported = frozenset(
        {
            "AsyncInferenceConfig",
            "DataCaptureConfig",
            "EndpointConfigName",
            "ProductionVariants",
            "ShadowProductionVariants",
            "Tags",
        }
    )
    attributes = frozenset({"EndpointConfigArn", "EndpointConfigName"})
    name_property = "EndpointConfigName"

    def check(self, cloud: Cloud, properties: Properties) -> None:
        check_endpoint_config(properties)

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        return _exists(cloud, "endpoint_config", EndpointConfigName=identifier)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("EndpointConfigName") or context.generated_name(MAX_NAME_LENGTH)
        arn = context.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name,
            **pick(properties, *self.supported - {"EndpointConfigName", "Tags"}),
            **_tags(context, properties),
        )["EndpointConfigArn"]
        return PhysicalResource(arn, {"EndpointConfigArn": arn, "EndpointConfigName": name})

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        _retag(context, current, properties, previous)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        _delete(context, "endpoint_config", EndpointConfigName=current.attributes["EndpointConfigName"])


class Endpoint(Provider):
    type = "AWS::SageMaker::Endpoint"
    supported = frozenset(
        {
            "DeploymentConfig",
            "EndpointConfigName",
            "EndpointName",
            "ExcludeRetainedVariantProperties",
            "RetainAllVariantProperties",
            "RetainDeploymentConfig",
            "Tags",
        }
    )
    attributes = frozenset({"EndpointArn", "EndpointName"})
    name_property = "EndpointName"

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        return _exists(cloud, "endpoint", EndpointName=identifier)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("EndpointName") or context.generated_name(MAX_NAME_LENGTH)
        config = _last_part(properties["EndpointConfigName"])
        sagemaker = context.client("sagemaker")
        arn = sagemaker.create_endpoint(
            EndpointName=name,
            EndpointConfigName=config,
            **pick(properties, "DeploymentConfig"),
            **_tags(context, properties),
        )["EndpointArn"]
        created = PhysicalResource(arn, {"EndpointArn": arn, "EndpointName": name})
        _wait_until_in_service(sagemaker, name, config, created, context.deadline)
        return created

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        sagemaker, name = context.client("sagemaker"), current.attributes["EndpointName"]
        config = _last_part(properties["EndpointConfigName"])
        if config != sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]:
            sagemaker.update_endpoint(
                EndpointName=name,
                EndpointConfigName=config,
                **pick(
                    properties,
                    "DeploymentConfig",
                    "ExcludeRetainedVariantProperties",
                    "RetainAllVariantProperties",
                    "RetainDeploymentConfig",
                ),
            )
            _wait_until_in_service(sagemaker, name, config, current)
        _retag(context, current, properties, previous)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        name = current.attributes["EndpointName"]
        _delete(context, "endpoint", EndpointName=name)
        _wait_until_gone(context.client("sagemaker"), name)


def _wait_until_in_service(
    sagemaker: Any, name: str, config: str, created: PhysicalResource, deadline: float | None = None
) -> None:
    """Waits for the endpoint. Its start-up has a limit, after which it fails; `deadline` is the stack's."""
    while (endpoint := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"].endswith("ing"):
        if deadline and time.monotonic() > deadline:
            raise ResourceFailed("Resource creation cancelled", created)
        time.sleep(POLL_SECONDS)
    # After a failed update the endpoint is InService, with its old configuration.
    if endpoint["EndpointStatus"] != "InService" or endpoint["EndpointConfigName"] != config:
        reason = endpoint.get("FailureReason") or f"the endpoint is {endpoint['EndpointStatus']}"
        raise ResourceFailed(f"Endpoint {name}: {reason}", created)


def _wait_until_gone(sagemaker: Any, name: str) -> None:
    try:
        while (endpoint := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Deleting":
            time.sleep(POLL_SECONDS)
    except ClientError as failed:
        if _not_found(failed):
            return
        raise
    raise ResourceFailed(f"Endpoint {name} could not be deleted: it is {endpoint['EndpointStatus']}")


def _exists(cloud: Cloud, kind: str, **name: str) -> bool:
    try:
        getattr(cloud.client("sagemaker"), f"describe_{kind}")(**name)
    except ClientError as failed:
        if _not_found(failed):
            return False
        raise
    return True


def _delete(context: Context, kind: str, **name: str) -> None:
    try:
        getattr(context.client("sagemaker"), f"delete_{kind}")(**name)
    except ClientError as failed:
        if not _not_found(failed):
            raise


def _not_found(failed: ClientError) -> bool:
    return COULD_NOT_FIND.lower() in failed.response["Error"].get("Message", "").lower()


def _tags(context: Context, properties: Properties) -> dict[str, list[dict[str, str]]]:
    tags = context.tag_list(properties.get("Tags"))
    return {"Tags": tags} if tags else {}


def _retag(context: Context, current: PhysicalResource, properties: Properties, previous: Properties) -> None:
    sagemaker = context.client("sagemaker")
    tags = context.tags(properties.get("Tags"))
    if gone := context.removed_tags(previous.get("Tags"), tags):
        sagemaker.delete_tags(ResourceArn=current.physical_id, TagKeys=gone)
    if tags:
        sagemaker.add_tags(
            ResourceArn=current.physical_id,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )


def _last_part(name_or_arn: str) -> str:
    return name_or_arn.rpartition("/")[2]


PROVIDERS = (Model(), EndpointConfig(), Endpoint())
