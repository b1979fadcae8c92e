"""Configurations of buckets that cannot be set here, and read as those that have never been set.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBucketAnalyticsConfigurations.html
"""

from collections.abc import Mapping
from typing import Any

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.calls import operation_of
from localcloud.protocol.service import write_answer

KINDS = ("Analytics", "IntelligentTiering", "Inventory", "Metrics")
"""The configurations of which a bucket may have many, each with an id."""
EMPTY: Mapping[str, Mapping[str, Any]] = {
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    **{f"ListBucket{kind}Configurations": {"IsTruncated": False} for kind in KINDS},
}
MISSING = {f"{verb}Bucket{kind}Configuration" for kind in KINDS for verb in ("Delete", "Get")}
UNSET = frozenset(EMPTY) | MISSING
"""The operations that read or delete such configurations."""


def answer_unset(bucket: Any, name: str, operation: str, request: werkzeug.Request) -> werkzeug.Response:
    """Answers one of UNSET. `bucket` is moto's record of the bucket `name`, None if it does not exist.

    Raises ApiError for a missing bucket or configuration.
    """
    if bucket is None:
        message = "The specified bucket does not exist"
        raise ApiError("NoSuchBucket", message, status=404, BucketName=name)
    found = operation_of(request, "s3")
    if operation in MISSING or found is None:
        message = "The specified configuration does not exist."
        raise ApiError("NoSuchConfiguration", message, status=404)
    return write_answer(found[0], EMPTY[operation])
