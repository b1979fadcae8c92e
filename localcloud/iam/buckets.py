"""Access to buckets by anonymous callers and by the account's owner."""

from typing import Any

import werkzeug

from localcloud.addresses import EXECUTE_API
from localcloud.cloud import Cloud
from localcloud.iam.policy import Access, Decision, evaluate, surely
from localcloud.iam.resources import resource_policies
from localcloud.moto_backends import backend_of
from localcloud.protocol.calls import bucket_of_host

READS = ("s3:GetObject", "s3:GetObjectVersion")
OTHER_HOSTS = (".execute-api.", ".s3-website")
"""Parts of the host names of services that check permissions themselves, as APIs do under their path."""
ALWAYS_ALLOWED_TO_OWNER = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")
"""Actions that are always allowed, so that no policy locks the owner out for good."""


def bucket_named_in(cloud: Cloud, request: werkzeug.Request) -> Any | None:
    """moto's record of the bucket that an S3 request names by host or path; None if it does not exist."""
    from moto.s3.models import s3_backends

    if EXECUTE_API.fullmatch(request.path) or any(other in request.host for other in OTHER_HOSTS):
        return None
    name = bucket_of_host(request) or request.path.lstrip("/").partition("/")[0]
    return backend_of(s3_backends, cloud.account_id, "aws").buckets.get(name)


def skip_policy_check_of_moto(bucket: Any) -> None:
    """Makes moto skip its own check of this bucket's policy, after the enforcement has allowed the request.

    moto ignores the conditions of policies: a statement that denies requests without TLS would deny all.
    """
    from moto.iam.access_control import PermissionResult

    bucket.get_permission = lambda action, resource: PermissionResult.PERMITTED


def anonymous_may(cloud: Cloud, bucket: Any, access: Access) -> bool:
    """Whether anonymous callers may do this, by the bucket's policy or, for reads, by the object's ACL.

    Raises Undecided.
    """
    block = bucket.public_access_block
    decision = evaluate(resource_policies(cloud, access.resource), access, {"AWS": frozenset()})
    if decision is Decision.ALLOWED:
        return not _blocks(block, "restrict_public_buckets")
    if (
        decision is Decision.EXPLICIT_DENY
        or access.action not in READS
        or _blocks(block, "ignore_public_acls")
    ):
        return False
    key = bucket.keys.get(access.resource.partition("/")[2])
    return bool(key and key.acl and key.acl.public_read)


def visitor_may(cloud: Cloud, bucket: Any, access: Access) -> bool:
    """`anonymous_may` for websites. Where the policy leaves it open, they may not, and the log says so."""
    return surely(lambda: anonymous_may(cloud, bucket, access))


def listing_for(cloud: Cloud, access: Access) -> Access | None:
    """The listing that a read of an object needs too if the object does not exist; None for any other access.

    S3 tells only those who may list a bucket that it has no such object.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    if access.action != "s3:GetObject":
        return None
    from moto.s3.models import FakeKey, s3_backends

    name, _, key = access.resource.removeprefix("arn:aws:s3:::").partition("/")
    bucket = backend_of(s3_backends, cloud.account_id, "aws").buckets.get(name)
    if bucket is None or isinstance(bucket.keys.get(key), FakeKey):
        return None
    return Access("s3:ListBucket", f"arn:aws:s3:::{name}")


def owner_may(cloud: Cloud, access: Access) -> bool:
    """Whether the owner may do this. Only the bucket's policy can deny it, and the owner can change that.

    Raises Undecided.
    """
    if access.action in ALWAYS_ALLOWED_TO_OWNER:
        return True
    owner = {"AWS": frozenset([cloud.account_id, f"arn:aws:iam::{cloud.account_id}:root"])}
    return evaluate(resource_policies(cloud, access.resource), access, owner) is not Decision.EXPLICIT_DENY


def _blocks(block: Any, setting: str) -> bool:
    return block is not None and getattr(block, setting)
