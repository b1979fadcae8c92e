"""Finds the KMS keys that requests to other services name."""

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.protocol import ApiError


def usable_key(cloud: Cloud, key: str) -> str:
    """The ARN of a key, by its id, its alias or an ARN. Raises ApiError for a missing or a disabled one.

    Keys of other accounts and regions count as missing. The words are those of LocalStack's recordings on AWS
    (test_s3.snapshot.json).
    """
    missing = ApiError("KMS.NotFoundException", f"Key '{key}' does not exist", status=400)
    try:
        found = cloud.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    except ClientError as error:
        raise missing from error
    arn: str = found["Arn"]
    if key.startswith("arn:") and _owner(key) != _owner(arn):
        raise missing
    if found["KeyState"] == "Disabled":
        raise ApiError("KMS.DisabledException", f"{arn} is disabled.", status=400)
    if found["KeyState"] == "PendingDeletion":
        raise ApiError("KMS.KMSInvalidStateException", f"{arn} is pending deletion.", status=400)
    return arn


def _owner(arn: str) -> list[str]:
    """The service, the region and the account, which moto does not look at."""
    return arn.split(":")[2:5]
