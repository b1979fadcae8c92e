"""Reads objects from a bucket as CloudFront does: as a service that the bucket's policy must let in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import werkzeug

from localcloud.cloud import Cloud
from localcloud.cloudfront.configuration import Origin
from localcloud.iam.buckets import anonymous_may
from localcloud.iam.policy import Access, Decision, evaluate, parse

SERVICE = "cloudfront.amazonaws.com"
PASSED_ON = {"cache-control", "content-disposition", "content-encoding", "content-language", "expires"}


@dataclass(frozen=True)
class StoredObject:
    body: bytes
    headers: Mapping[str, str]
    """As stored with the object, names in lower case."""
    etag: str
    last_modified: datetime

    @classmethod
    def of(cls, stored: Any) -> "StoredObject":
        """From moto's record of an object."""
        headers = {name.lower(): str(value) for name, value in stored.metadata.items()}
        return cls(stored.value, headers, stored.etag.strip('"'), stored.last_modified.replace(tzinfo=UTC))

    def response(self) -> werkzeug.Response:
        """The object with the headers that were stored with it."""
        response = werkzeug.Response(self.body)
        # S3 gives objects without a type this one; nothing is guessed from the name.
        response.headers["Content-Type"] = self.headers.get("content-type", "binary/octet-stream")
        for name, value in self.headers.items():
            if name in PASSED_ON or name.startswith("x-amz-meta-"):
                response.headers[name] = value
        response.set_etag(self.etag)
        response.last_modified = self.last_modified
        return response


class ObjectRefused(Exception):
    """S3 did not give the object."""

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
    """One object, if the bucket's policy lets this distribution have it. Raises ObjectRefused."""
    from moto.s3.models import s3_backends

    bucket = s3_backends[cloud.account_id]["aws"].buckets.get(origin.bucket)
    if bucket is None:
        raise ObjectRefused(404, "NoSuchBucket", "The specified bucket does not exist")

    def may(action: str, suffix: str) -> bool:
        access = Access(
            action,
            f"arn:aws:s3:::{origin.bucket}{suffix}",
            {
                # Requests to a loopback address need no TLS to be safe from others.
                "aws:securetransport": ["true"],
                "aws:sourceaccount": [cloud.account_id],
                "aws:sourcearn": [distribution_arn],
            },
        )
        if origin.access_control_id is None:
            return anonymous_may(cloud, bucket, access)
        documents = [parse(bucket.policy.decode())] if bucket.policy else []
        return evaluate(documents, access, {"Service": frozenset([SERVICE])}) is Decision.ALLOWED

    stored = bucket.keys.get(key) if key else None
    # A delete marker stands in for a deleted object of a versioned bucket.
    if hasattr(stored, "value") and may("s3:GetObject", f"/{key}"):
        return StoredObject.of(stored)
    # Only who may list a bucket learns that a key does not exist.
    if not hasattr(stored, "value") and key and may("s3:ListBucket", ""):
        raise ObjectRefused(404, "NoSuchKey", "The specified key does not exist.")
    raise ObjectRefused(403, "AccessDenied", "Access Denied")
