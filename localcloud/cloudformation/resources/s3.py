"""AWS::S3::Bucket and AWS::S3::BucketPolicy."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.cloudformation.errors import ResourceFailed
from localcloud.cloudformation.intrinsics import has_unknown
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    rollback_on_failure,
)

MAX_NAME_LENGTH = 63
PRIVATE = "Private"
"""The ACL that says what holds without any."""


class Bucket(Provider):
    type = "AWS::S3::Bucket"
    supported = frozenset(
        {
            "AccessControl",
            "BucketEncryption",
            "BucketName",
            "CorsConfiguration",
            "LifecycleConfiguration",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
            "WebsiteConfiguration",
        }
    )
    attributes = frozenset({"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"})
    name_property = "BucketName"

    def check(self, cloud: Cloud, properties: Properties) -> None:
        if (acl := properties.get("AccessControl", PRIVATE)) != PRIVATE:
            raise ResourceFailed(f"localcloud does not support the AccessControl {acl}, only {PRIVATE}")
        for key, (_, _, convert) in CONFIGURATIONS.items():
            if key in properties and not has_unknown(properties[key]):
                convert(properties[key])

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        try:
            cloud.client("s3").head_bucket(Bucket=identifier)
        except ClientError as failed:
            # Any other answer, such as 403 for someone else's bucket, means that it exists.
            return bool(failed.response["ResponseMetadata"]["HTTPStatusCode"] != 404)
        return True

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("BucketName") or context.generated_name(MAX_NAME_LENGTH, lower=True)
        region = context.cloud.region
        s3 = context.client("s3")
        # S3 refuses us-east-1 as a location constraint.
        elsewhere = {"LocationConstraint": region}
        s3.create_bucket(
            Bucket=name, **({} if region == "us-east-1" else {"CreateBucketConfiguration": elsewhere})
        )
        physical = PhysicalResource(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
                "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
            },
        )
        with rollback_on_failure(physical):
            self._configure(context, name, properties, {})
        return physical

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        self._configure(context, current.physical_id, properties, previous)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        s3 = context.client("s3")
        try:
            s3.delete_bucket(Bucket=current.physical_id)
        except s3.exceptions.NoSuchBucket:
            return

    def _configure(self, context: Context, name: str, wanted: Properties, previous: Properties) -> None:
        """Sets the configurations that the properties have and deletes those that they no longer have."""
        s3 = context.client("s3")
        for key, (put, argument, convert) in CONFIGURATIONS.items():
            if key in wanted:
                getattr(s3, put)(Bucket=name, **{argument: convert(wanted[key])})
            elif key in previous:
                _remove(s3, name, key)
        if tags := context.tag_list(wanted.get("Tags")):
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        elif "Tags" in previous or context.former_tags:
            s3.delete_bucket_tagging(Bucket=name)


def _remove(s3: Any, bucket: str, key: str) -> None:
    if key == "VersioningConfiguration":  # versioning can be suspended, never removed
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    else:
        getattr(s3, CONFIGURATIONS[key][0].replace("put_", "delete_").replace("_configuration", ""))(
            Bucket=bucket
        )


def _encryption(configuration: Mapping[str, Any]) -> dict[str, Any]:
    rules = []
    for rule in configuration["ServerSideEncryptionConfiguration"]:
        _no_others("BucketEncryption", rule, {"ServerSideEncryptionByDefault", "BucketKeyEnabled"})
        renamed = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
        rules.append(_renamed(rule, **renamed, BucketKeyEnabled="BucketKeyEnabled"))
    return {"Rules": rules}


def _lifecycle(configuration: Mapping[str, Any]) -> dict[str, Any]:
    _no_others("LifecycleConfiguration", configuration, {"Rules"})
    return {"Rules": [_lifecycle_rule(rule) for rule in configuration["Rules"]]}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a lifecycle rule, all of whose members have other names in the API."""
    converted = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        converted["ID"] = rule["Id"]
    expiration = {}
    for name, key in (
        ("ExpirationInDays", "Days"),
        ("ExpirationDate", "Date"),
        ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
    ):
        if name in rule:
            expiration[key] = rule[name]
    if expiration:
        converted["Expiration"] = expiration
    if "AbortIncompleteMultipartUpload" in rule:
        converted["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    if "NoncurrentVersionExpiration" in rule:
        converted["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    elif "NoncurrentVersionExpirationInDays" in rule:
        converted["NoncurrentVersionExpiration"] = {
            "NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]
        }
    if "Transitions" in rule:
        converted["Transitions"] = [
            {
                "StorageClass": one["StorageClass"],
                **_renamed(one, TransitionInDays="Days", TransitionDate="Date"),
            }
            for one in rule["Transitions"]
        ]
    _no_others(
        "LifecycleConfiguration rule",
        rule,
        {
            "AbortIncompleteMultipartUpload",
            "ExpirationDate",
            "ExpirationInDays",
            "ExpiredObjectDeleteMarker",
            "Id",
            "NoncurrentVersionExpiration",
            "NoncurrentVersionExpirationInDays",
            "Prefix",
            "Status",
            "Transitions",
        },
    )
    return converted


def _cors(configuration: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        _renamed(
            rule,
            AllowedHeaders="AllowedHeaders",
            AllowedMethods="AllowedMethods",
            AllowedOrigins="AllowedOrigins",
            ExposedHeaders="ExposeHeaders",
            Id="ID",
            MaxAge="MaxAgeSeconds",
        )
        for rule in configuration["CorsRules"]
    ]
    return {"CORSRules": rules}


def _website(configuration: Mapping[str, Any]) -> dict[str, Any]:
    _no_others("WebsiteConfiguration", configuration, {"IndexDocument", "ErrorDocument"})
    converted = {}
    if "IndexDocument" in configuration:
        converted["IndexDocument"] = {"Suffix": configuration["IndexDocument"]}
    if "ErrorDocument" in configuration:
        converted["ErrorDocument"] = {"Key": configuration["ErrorDocument"]}
    return converted


def _renamed(given: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {new: given[old] for old, new in names.items() if old in given}


def _no_others(place: str, given: Mapping[str, Any], known: set[str]) -> None:
    if others := sorted(set(given) - known):
        raise ResourceFailed(f"localcloud does not support {others} in {place}.")


CONFIGURATIONS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "BucketEncryption": ("put_bucket_encryption", "ServerSideEncryptionConfiguration", _encryption),
    "CorsConfiguration": ("put_bucket_cors", "CORSConfiguration", _cors),
    "LifecycleConfiguration": ("put_bucket_lifecycle_configuration", "LifecycleConfiguration", _lifecycle),
    "OwnershipControls": ("put_bucket_ownership_controls", "OwnershipControls", dict),
    "PublicAccessBlockConfiguration": ("put_public_access_block", "PublicAccessBlockConfiguration", dict),
    "VersioningConfiguration": ("put_bucket_versioning", "VersioningConfiguration", dict),
    "WebsiteConfiguration": ("put_bucket_website", "WebsiteConfiguration", _website),
}
"""For each property the call that sets it, the argument of that call and the conversion to the API's form."""


class BucketPolicy(Provider):
    type = "AWS::S3::BucketPolicy"
    supported = frozenset({"Bucket", "PolicyDocument"})

    def identifiers(self, properties: Properties) -> frozenset[str]:
        return frozenset([properties["Bucket"]])

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        try:
            cloud.client("s3").get_bucket_policy(Bucket=identifier)
        except ClientError as failed:
            if failed.response["Error"]["Code"] in ("NoSuchBucketPolicy", "NoSuchBucket"):
                return False
            raise
        return True

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        self._put(context, properties)
        return PhysicalResource(properties["Bucket"])

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        self._put(context, properties)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        s3 = context.client("s3")
        try:
            s3.delete_bucket_policy(Bucket=properties["Bucket"])
        except s3.exceptions.NoSuchBucket:
            return

    def _put(self, context: Context, properties: Properties) -> None:
        document = properties["PolicyDocument"]
        text = document if isinstance(document, str) else json.dumps(document)
        context.client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=text)


PROVIDERS = (Bucket(), BucketPolicy())
