"""AWS::ECR::Repository."""

import json
from typing import Any

from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    rollback_on_failure,
)

MAX_NAME_LENGTH = 256


class Repository(Provider):
    type = "AWS::ECR::Repository"
    supported = frozenset(
        {
            "EmptyOnDelete",
            "EncryptionConfiguration",
            "ImageScanningConfiguration",
            "ImageTagMutability",
            "LifecyclePolicy",
            "RepositoryName",
            "RepositoryPolicyText",
            "Tags",
        }
    )
    attributes = frozenset({"Arn", "RepositoryUri"})
    name_property = "RepositoryName"

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        ecr = context.client("ecr")
        name = properties.get("RepositoryName") or context.generated_name(MAX_NAME_LENGTH, lower=True)
        chosen: dict[str, Any] = {}
        if encryption := properties.get("EncryptionConfiguration"):
            given = {key[0].lower() + key[1:]: value for key, value in encryption.items()}
            chosen["encryptionConfiguration"] = given
        if tags := context.tag_list(properties.get("Tags")):
            chosen["tags"] = tags
        made = ecr.create_repository(repositoryName=name, **chosen)["repository"]
        attributes = {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]}
        created = PhysicalResource(name, attributes)
        with rollback_on_failure(created):
            _configure(ecr, name, properties)
        return created

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        ecr, name = context.client("ecr"), current.physical_id
        _configure(ecr, name, properties)
        if "LifecyclePolicy" in previous and "LifecyclePolicy" not in properties:
            ecr.delete_lifecycle_policy(repositoryName=name)
        if "RepositoryPolicyText" in previous and "RepositoryPolicyText" not in properties:
            ecr.delete_repository_policy(repositoryName=name)
        tags = context.tags(properties.get("Tags"))
        arn = current.attributes["Arn"]
        if gone := context.removed_tags(previous.get("Tags"), tags):
            ecr.untag_resource(resourceArn=arn, tagKeys=gone)
        if tags:
            ecr.tag_resource(resourceArn=arn, tags=context.tag_list(properties.get("Tags")))
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        ecr = context.client("ecr")
        try:
            # Without EmptyOnDelete, a repository that holds images is refused, as on AWS.
            force = parse_bool(properties.get("EmptyOnDelete"))
            ecr.delete_repository(repositoryName=current.physical_id, force=force)
        except ecr.exceptions.RepositoryNotFoundException:
            return


def parse_bool(value: Any) -> bool:
    """A boolean of a template, which may be written as a string."""
    return str(value).lower() == "true"


def _configure(ecr: Any, name: str, properties: Properties) -> None:
    scanning = properties.get("ImageScanningConfiguration", {})
    ecr.put_image_scanning_configuration(
        repositoryName=name,
        imageScanningConfiguration={"scanOnPush": parse_bool(scanning.get("ScanOnPush"))},
    )
    ecr.put_image_tag_mutability(
        repositoryName=name, imageTagMutability=properties.get("ImageTagMutability", "MUTABLE")
    )
    if text := properties.get("LifecyclePolicy", {}).get("LifecyclePolicyText"):
        ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    if policy := properties.get("RepositoryPolicyText"):
        ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(policy))


PROVIDERS = (Repository(),)
