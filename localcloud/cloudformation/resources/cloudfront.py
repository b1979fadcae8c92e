"""AWS::CloudFront::Distribution, OriginAccessControl and ResponseHeadersPolicy."""

from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from localcloud.cloud import Cloud
from localcloud.cloudformation.errors import ResourceFailed
from localcloud.cloudformation.intrinsics import is_unknown
from localcloud.cloudformation.resources.provider import Context, PhysicalResource, Properties, Provider
from localcloud.cloudfront import configuration, response_headers

RENAMED = {"IPV6Enabled": "IsIPV6Enabled"}
"""Members whose names in CloudFormation and in the API differ."""


class Distribution(Provider):
    type = "AWS::CloudFront::Distribution"
    supported = frozenset({"DistributionConfig", "Tags"})
    attributes = frozenset({"DomainName", "Id"})

    def check(self, cloud: Cloud, properties: Properties) -> None:
        configuration.check_members(_config(cloud.client("cloudfront"), properties, ""))

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        cloudfront = context.client("cloudfront")
        tags = context.tag_list(properties.get("Tags"))
        config = _config(cloudfront, properties, context.generated_name())
        created = cloudfront.create_distribution_with_tags(
            DistributionConfigWithTags={"DistributionConfig": config, "Tags": {"Items": tags}}
        )["Distribution"]
        return PhysicalResource(created["Id"], {"Id": created["Id"], "DomainName": created["DomainName"]})

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        cloudfront, identity = context.client("cloudfront"), current.physical_id
        now = cloudfront.get_distribution(Id=identity)
        reference = now["Distribution"]["DistributionConfig"]["CallerReference"]
        config = _config(cloudfront, properties, reference)
        cloudfront.update_distribution(Id=identity, IfMatch=now["ETag"], DistributionConfig=config)
        tags = context.tags(properties.get("Tags"))
        arn = now["Distribution"]["ARN"]
        if gone := context.removed_tags(previous.get("Tags"), tags):
            cloudfront.untag_resource(Resource=arn, TagKeys={"Items": gone})
        if tags:
            cloudfront.tag_resource(Resource=arn, Tags={"Items": context.tag_list(properties.get("Tags"))})
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        cloudfront = context.client("cloudfront")
        try:
            now = cloudfront.get_distribution_config(Id=current.physical_id)
        except cloudfront.exceptions.NoSuchDistribution:
            return
        off = {**now["DistributionConfig"], "Enabled": False}
        disabled = cloudfront.update_distribution(
            Id=current.physical_id, IfMatch=now["ETag"], DistributionConfig=off
        )
        cloudfront.delete_distribution(Id=current.physical_id, IfMatch=disabled["ETag"])


class OriginAccessControl(Provider):
    type = "AWS::CloudFront::OriginAccessControl"
    supported = frozenset({"OriginAccessControlConfig"})
    attributes = frozenset({"Id"})

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        created = context.client("cloudfront").create_origin_access_control(**properties)
        identity = created["OriginAccessControl"]["Id"]
        return PhysicalResource(identity, {"Id": identity})

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        cloudfront, identity = context.client("cloudfront"), current.physical_id
        etag = cloudfront.get_origin_access_control(Id=identity)["ETag"]
        cloudfront.update_origin_access_control(Id=identity, IfMatch=etag, **properties)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        cloudfront = context.client("cloudfront")
        try:
            etag = cloudfront.get_origin_access_control(Id=current.physical_id)["ETag"]
        except cloudfront.exceptions.NoSuchOriginAccessControl:
            return
        cloudfront.delete_origin_access_control(Id=current.physical_id, IfMatch=etag)


class ResponseHeadersPolicy(Provider):
    type = "AWS::CloudFront::ResponseHeadersPolicy"
    supported = frozenset({"ResponseHeadersPolicyConfig"})
    attributes = frozenset({"Id", "LastModifiedTime"})

    def check(self, cloud: Cloud, properties: Properties) -> None:
        name = "ResponseHeadersPolicyConfig"
        response_headers.check(_in_api_form(cloud.client("cloudfront"), name, properties[name]))

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        cloudfront = context.client("cloudfront")
        config = _in_api_form(
            cloudfront, "ResponseHeadersPolicyConfig", properties["ResponseHeadersPolicyConfig"]
        )
        created = cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig=config)
        policy = created["ResponseHeadersPolicy"]
        modified = policy["LastModifiedTime"].isoformat()
        return PhysicalResource(policy["Id"], {"Id": policy["Id"], "LastModifiedTime": modified})

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        cloudfront, identity = context.client("cloudfront"), current.physical_id
        config = _in_api_form(
            cloudfront, "ResponseHeadersPolicyConfig", properties["ResponseHeadersPolicyConfig"]
        )
        etag = cloudfront.get_response_headers_policy(Id=identity)["ETag"]
        cloudfront.update_response_headers_policy(
            Id=identity, IfMatch=etag, ResponseHeadersPolicyConfig=config
        )
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        cloudfront = context.client("cloudfront")
        try:
            etag = cloudfront.get_response_headers_policy(Id=current.physical_id)["ETag"]
        except cloudfront.exceptions.NoSuchResponseHeadersPolicy:
            return
        cloudfront.delete_response_headers_policy(Id=current.physical_id, IfMatch=etag)


def _config(cloudfront: Any, properties: Properties, reference: str) -> dict[str, Any]:
    config = _in_api_form(cloudfront, "DistributionConfig", properties["DistributionConfig"])
    return {"Comment": "", **config, "CallerReference": reference}


def _in_api_form(cloudfront: Any, shape_name: str, value: Any) -> Any:
    """Converts a CloudFormation configuration to that of the API.

    The two differ in their lists, which the API wraps into Quantity and Items, and in a few names.
    """
    model = cloudfront.meta.service_model
    return _converted(value, model.shape_for(shape_name), shape_name)


def _converted(value: Any, shape: Shape, path: str) -> Any:
    if is_unknown(value):
        return value
    if isinstance(shape, ListShape):
        return [_converted(item, shape.member, path) for item in value]
    if not isinstance(shape, StructureShape):
        return str(value) if shape.type_name == "string" else value
    if "Quantity" in shape.members and "Items" in shape.members:
        items = value if isinstance(value, list) else value.get("Items") or []
        others = {} if isinstance(value, list) else {key: one for key, one in value.items() if key != "Items"}
        converted = [_converted(item, shape.members["Items"].member, path) for item in items]
        # The API accepts no empty list of items, only a quantity of 0.
        return {**others, "Quantity": len(converted), **({"Items": converted} if converted else {})}
    created = {}
    value = dict(value)
    cached = value.pop("CachedMethods", None)
    for name, entry in value.items():
        member = RENAMED.get(name, name)
        if member not in shape.members:
            raise ResourceFailed(f"localcloud does not support {path}.{name}")
        created[member] = _converted(entry, shape.members[member], f"{path}.{name}")
    if cached and "AllowedMethods" in created:
        created["AllowedMethods"]["CachedMethods"] = {"Quantity": len(cached), "Items": cached}
    return created


PROVIDERS = (Distribution(), OriginAccessControl(), ResponseHeadersPolicy())
