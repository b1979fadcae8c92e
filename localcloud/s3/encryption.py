"""Checks the encryption that requests ask for, finds its key, and reports it in answers.

Nothing is actually encrypted, since everything is in this machine's memory.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
"""

from typing import Any

import werkzeug

from localcloud.cloud import Cloud
from localcloud.kms_keys import usable_key
from localcloud.protocol import ApiError
from localcloud.protocol.s3_requests import set_header

ALGORITHM = "x-amz-server-side-encryption"
KEY = "x-amz-server-side-encryption-aws-kms-key-id"
CUSTOMER_KEYS = "x-amz-server-side-encryption-customer-"
WITH_KMS = ("aws:kms", "aws:kms:dsse")
ALGORITHMS = ("AES256", *WITH_KMS)
OF_S3 = "alias/aws/s3"
"""The key of an account for objects whose requests name none."""
ENCRYPTING = ("CopyObject", "CreateMultipartUpload", "PutObject")
TELLING = (
    *("CompleteMultipartUpload", "CreateMultipartUpload", "CopyObject"),
    *("UploadPart", "UploadPartCopy"),
)
"""Operations whose answers from moto lack the encryption."""


def check_encryption(cloud: Cloud, bucket: Any, operation: str, request: werkzeug.Request) -> None:
    """Raises ApiError for unsupported encryption; replaces the KMS key in the request by its ARN."""
    if any(name.lower().startswith(CUSTOMER_KEYS) for name, _ in request.headers.items()):
        message = "localcloud does not support encryption with customer-provided keys (SSE-C)."
        raise ApiError("NotImplemented", message, status=501)
    algorithm, key = request.headers.get(ALGORITHM), request.headers.get(KEY)
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise ApiError("InvalidArgument", "The encryption method specified is not supported", status=400)
    if key is not None and algorithm not in WITH_KMS:
        message = (
            "Server Side Encryption with AWS KMS managed key requires HTTP header "
            "x-amz-server-side-encryption : aws:kms"
        )
        raise ApiError("InvalidArgument", message, status=400)
    if operation not in ENCRYPTING or bucket is None:
        return
    if algorithm is None:
        default = _default(bucket)
        algorithm, key = default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")
    if algorithm in WITH_KMS:
        set_header(request, ALGORITHM, algorithm)
        set_header(request, KEY, usable_key(cloud, key or OF_S3))


def tell_encryption(
    bucket: Any, operation: str, key: str, request: werkzeug.Request, answer: werkzeug.Response
) -> None:
    """Adds the encryption to the answer of an operation in TELLING."""
    stored = bucket.keys.get(key) if operation in ("CompleteMultipartUpload", "CopyObject") else None
    algorithm = getattr(stored, "encryption", None) or request.headers.get(ALGORITHM)
    algorithm = algorithm or _default(bucket).get("SSEAlgorithm")
    if answer.status_code == 200 and algorithm:
        answer.headers[ALGORITHM] = algorithm
        if arn := getattr(stored, "kms_key_id", None) or request.headers.get(KEY):
            answer.headers[KEY] = arn


def _default(bucket: Any) -> dict[str, str]:
    rule = (bucket.encryption or {}).get("Rule") or {}
    default: dict[str, str] = rule.get("ApplyServerSideEncryptionByDefault") or {}
    return default


def check_key(cloud: Cloud, record: Any) -> None:
    """Raises ApiError for an object whose KMS key cannot decrypt it. `record` is moto's."""
    if record.encryption in WITH_KMS and record.kms_key_id:
        usable_key(cloud, record.kms_key_id)
