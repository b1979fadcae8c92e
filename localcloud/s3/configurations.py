"""Configurations of buckets and tags that S3 does not take, though moto would keep them.

The words are those of recordings on AWS: LocalStack's tests/aws/services/s3/*.snapshot.json
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcloud.moto_requests import MALFORMED_XML
from localcloud.protocol import ApiError
from localcloud.s3.lifecycles import check_lifecycle

TAG_TEXT = re.compile(r"[\w\s.:=+/\-@]*")
MAX_TAGS = {"bucket": 50, "object": 10}
RESERVED_TAGS = {
    "new bucket": 'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system tags. '
    'Remove "aws:" from your tag keys and try again.',
    "bucket": "System tags cannot be added/updated by requester",
    "object": "Your TagKey cannot be prefixed with aws:",
}
REPLACED_FIRST = {
    "set_cors": "cors",
    "set_lifecycle": "rules",
    "set_logging": "logging",
    "set_notification_configuration": "notification_configuration",
}
"""moto's methods that replace a setting of a bucket before they have checked the new one."""
Members = Mapping[str, Any]


@functools.cache
def keep_former_settings() -> None:
    """Has moto's buckets keep a setting when they refuse its new value. The change is to moto itself."""
    from moto.s3.models import FakeBucket

    for method, setting in REPLACED_FIRST.items():
        setattr(FakeBucket, method, _replacing(setting, getattr(FakeBucket, method)))


def _replacing(setting: str, method: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(method)
    def replace(bucket: Any, *given: Any) -> None:
        former = getattr(bucket, setting)
        try:
            method(bucket, *given)
        except BaseException:
            setattr(bucket, setting, former)
            raise

    return replace


def check_tags(tags: Sequence[Mapping[str, str]], of: str) -> None:
    """Raises ApiError for tags that a "bucket", a "new bucket" or an "object" cannot have."""
    keys = [tag["Key"] for tag in tags]
    for tag in tags:
        key, value = tag["Key"], tag["Value"]
        if keys.count(key) > 1:
            message = "Cannot provide multiple Tags with the same key"
            raise ApiError("InvalidTag", message, status=400, TagKey=key)
        if key.lower().startswith("aws:"):
            raise ApiError("InvalidTag", RESERVED_TAGS[of], status=400, TagKey=key)
        if not TAG_TEXT.fullmatch(key):
            raise ApiError("InvalidTag", "The TagKey you have provided is invalid", status=400, TagKey=key)
        if not TAG_TEXT.fullmatch(value):
            message = "The TagValue you have provided is invalid"
            raise ApiError("InvalidTag", message, status=400, TagKey=key, TagValue=value)
    kind = "object" if of == "object" else "bucket"
    if len(tags) > MAX_TAGS[kind]:
        message = f"{kind.capitalize()} tags cannot be greater than {MAX_TAGS[kind]}"
        raise ApiError("BadRequest", message, status=400)


def _check_tagging(of: str, members: Members) -> None:
    check_tags(members["Tagging"]["TagSet"] or (), of)


def _check_website(members: Members) -> None:
    website = members["WebsiteConfiguration"]
    if website.get("RedirectAllRequestsTo"):
        if website.keys() & {"IndexDocument", "ErrorDocument", "RoutingRules"}:
            message = "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            raise ApiError("InvalidArgument", message, status=400)
        return
    suffix = (website.get("IndexDocument") or {}).get("Suffix")
    if suffix is None:
        message = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty"
        raise ApiError("InvalidArgument", message, status=400)
    if not suffix or "/" in suffix:
        raise ApiError("InvalidArgument", "The IndexDocument Suffix is not well formed", status=400)
    for rule in website.get("RoutingRules") or ():
        if {"ReplaceKeyWith", "ReplaceKeyPrefixWith"} <= (rule.get("Redirect") or {}).keys():
            message = "You can only define ReplaceKeyPrefix or ReplaceKey but not both."
            raise ApiError("InvalidRequest", message, status=400)
    if website.get("RoutingRules"):
        message = "PutBucketWebsite: localcloud does not support the property RoutingRules."
        raise ApiError("NotImplemented", message, status=501)


def _check_encryption(members: Members) -> None:
    rules = members["ServerSideEncryptionConfiguration"].get("Rules") or []
    default = rules[0].get("ApplyServerSideEncryptionByDefault") if len(rules) == 1 else None
    if not default:
        raise ApiError(*MALFORMED_XML, status=400)
    if default["SSEAlgorithm"] == "AES256" and default.get("KMSMasterKeyID"):
        message = (
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
        )
        raise ApiError("InvalidArgument", message, status=400)


def _check_origins(members: Members) -> None:
    for rule in members["CORSConfiguration"]["CORSRules"]:
        for origin in rule["AllowedOrigins"]:
            if origin.count("*") > 1:
                message = f'AllowedOrigin "{origin}" can not have more than one wildcard.'
                raise ApiError("InvalidRequest", message, status=400)


def _check_versioning(members: Members) -> None:
    if members["VersioningConfiguration"].get("MFADelete") == "Enabled":
        message = "PutBucketVersioning: localcloud does not support the property MfaDelete."
        raise ApiError("NotImplemented", message, status=501)
    if not members["VersioningConfiguration"].get("Status"):
        raise ApiError(
            "IllegalVersioningConfigurationException", "The Versioning element must be specified", status=400
        )


def _check_ownership(members: Members) -> None:
    if len(members["OwnershipControls"]["Rules"]) != 1:
        raise ApiError(*MALFORMED_XML, status=400)


def _check_new_bucket(members: Members) -> None:
    check_tags((members.get("CreateBucketConfiguration") or {}).get("Tags") or (), "new bucket")


CHECKS: Mapping[str, Callable[[Members], None]] = {
    "CreateBucket": _check_new_bucket,
    "PutBucketCors": _check_origins,
    "PutBucketEncryption": _check_encryption,
    "PutBucketLifecycleConfiguration": check_lifecycle,
    "PutBucketOwnershipControls": _check_ownership,
    "PutBucketTagging": lambda members: _check_tagging("bucket", members),
    "PutBucketVersioning": _check_versioning,
    "PutBucketWebsite": _check_website,
    "PutObjectTagging": lambda members: _check_tagging("object", members),
}
"""Checks of the bodies of requests, by operation."""
