"""Reads objects from a bucket as CloudFront does: as a service that the bucket's policy must allow."""

from xml.sax.saxutils import escape

import werkzeug

from localcloud.cloud import Cloud
from localcloud.cloudfront.configuration import Origin
from localcloud.iam.buckets import visitor_may
from localcloud.iam.condition_keys import Keys, of_anonymous, of_place, of_s3_resource, of_service
from localcloud.iam.policy import Access, allows, parse
from localcloud.moto_backends import backend_of
from localcloud.s3.objects import StoredObject

SERVICE = "cloudfront.amazonaws.com"
OF_VISITORS: Keys = {"aws:referer": [], "aws:useragent": ["Amazon CloudFront"]}
"""Condition keys of what CloudFront asks for without an origin access control, as anybody may.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
"""


class ObjectRefused(Exception):
    """S3 refuses the object. `code` is S3's error code."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status = status
        self.code = code

    def response(self) -> werkzeug.Response:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(str(self))}</Message></Error>"
        )
        return werkzeug.Response(body, self.status, content_type="application/xml")


def read(cloud: Cloud, origin: Origin, key: str, distribution_arn: str) -> StoredObject:
    """Reads an object for a distribution. Raises ObjectRefused if the bucket's policy does not allow that."""
    from moto.s3.models import s3_backends

    bucket = backend_of(s3_backends, cloud.account_id, "aws").buckets.get(origin.bucket)
    if bucket is None:
        raise ObjectRefused(404, "NoSuchBucket", "The specified bucket does not exist")

    def may(action: str, suffix: str) -> bool:
        resource = f"arn:aws:s3:::{origin.bucket}{suffix}"
        of_resource = of_s3_resource(cloud.account_id, action, resource)
        if origin.access_control_id is None:
            context = {**of_place(cloud.account_id, bucket.region_name), **of_anonymous(), **OF_VISITORS}
            return visitor_may(cloud, bucket, Access(action, resource, {**context, **of_resource}))
        context = of_service(SERVICE, cloud.account_id, bucket.region_name)
        context |= {"aws:sourcearn": [distribution_arn], **of_resource}
        documents = [parse(bucket.policy.decode())] if bucket.policy else []
        return allows(documents, Access(action, resource, context), {"Service": frozenset([SERVICE])})

    stored = bucket.keys.get(key) if key else None
    # A deleted object of a versioned bucket is a delete marker, without a value.
    if hasattr(stored, "value") and may("s3:GetObject", f"/{key}"):
        return StoredObject.of(stored)
    # Without s3:ListBucket, a missing key is answered 403.
    if not hasattr(stored, "value") and key and may("s3:ListBucket", ""):
        raise ObjectRefused(404, "NoSuchKey", "The specified key does not exist.")
    raise ObjectRefused(403, "AccessDenied", "Access Denied")
