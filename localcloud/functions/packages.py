"""Gets the deployment package of a request, and checks whether Lambda would accept it."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.functions.errors import LambdaError, invalid_parameter
from localcloud.moto_backends import backend_of

MAX_UNPACKED_BYTES = 262_144_000
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
MAX_ZIP_FILE_BYTES = 50 << 20
"""The maximum size of a package within a request; larger ones come from S3."""


def package_of(cloud: Cloud, code: Mapping[str, Any]) -> bytes:
    """The zip file that a request gives directly or in S3. Raises LambdaError for any other content."""
    if "ZipFile" in code and "S3Bucket" in code:
        raise invalid_parameter(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if "ZipFile" in code:
        content: bytes = code["ZipFile"]
        if len(content) > MAX_ZIP_FILE_BYTES:
            message = f"Zipped size must be smaller than {MAX_ZIP_FILE_BYTES} bytes"
            raise LambdaError("RequestEntityTooLargeException", message, status=413)
    elif "S3Bucket" in code and "S3Key" in code:
        content = _stored(cloud, code["S3Bucket"], code["S3Key"], code.get("S3ObjectVersion"))
    else:
        raise invalid_parameter("Please provide a source for function code.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise invalid_parameter(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error
    if not members:
        raise invalid_parameter("Uploaded file must be a non-empty zip")
    if sum(member.file_size for member in members) >= MAX_UNPACKED_BYTES:
        raise invalid_parameter(f"Unzipped size must be smaller than {MAX_UNPACKED_BYTES} bytes")
    return content


def _stored(cloud: Cloud, bucket: str, key: str, version: str | None) -> bytes:
    from moto.s3.exceptions import MissingBucket
    from moto.s3.models import s3_backends

    code, message = "NoSuchKey", "The specified key does not exist."
    try:
        found: Any = backend_of(s3_backends, cloud.account_id, "aws").get_object(bucket, key, version)
    except MissingBucket:
        found = None
        code, message = "NoSuchBucket", "The specified bucket does not exist"
    if not hasattr(found, "value"):  # None, or the marker of a deleted object
        raise invalid_parameter(
            f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
        )
    content: bytes = found.value
    return content
