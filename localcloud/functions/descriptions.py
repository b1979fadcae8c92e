"""Describes functions as the Lambda API does."""

import datetime
import hashlib
import uuid
from typing import Any

from localcloud.functions.names import FunctionReference

CREATING = "The function is being created."
IN_PROGRESS = {
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": CREATING,
    "LastUpdateStatusReasonCode": "Creating",
}
PENDING = {"State": "Pending", "StateReason": CREATING, "StateReasonCode": "Creating"}


def describe(record: Any, reference: FunctionReference | None = None) -> dict[str, Any]:
    """A function's configuration, from moto's record; the ARN is qualified if the reference is."""
    # AWS has versions of a runtime for each architecture.
    runtime = hashlib.sha256(f"{record.run_time} {record.architectures}".encode()).hexdigest()
    return _settings(record, reference.qualified_arn if reference else record.function_arn) | {
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "RuntimeVersionConfig": {"RuntimeVersionArn": f"arn:aws:lambda:{record.region}::runtime:{runtime}"},
    }


def describe_created(record: Any) -> dict[str, Any]:
    """The answer to CreateFunction, with the state that a function has on AWS at that moment."""
    answer = describe_updated(record) | PENDING
    return {name: value for name, value in answer.items() if name not in IN_PROGRESS}


def describe_updated(record: Any) -> dict[str, Any]:
    """The answer to an update, which on AWS is still in progress, but here is complete.

    As on AWS, the function has another revision when it is described next.
    """
    now = datetime.datetime.now(datetime.UTC)
    record.last_modified = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+0000"
    record.revision_id = str(uuid.uuid4())
    return describe(record) | IN_PROGRESS | {"RevisionId": str(uuid.uuid4())}


def describe_in_list(record: Any, suffix: str = "") -> dict[str, Any]:
    """A function's entry in a list, which lacks some members; `suffix` is appended to its ARN."""
    return _settings(record, record.function_arn + suffix)


def _settings(record: Any, arn: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "Architectures": record.architectures,
        "CodeSha256": record.code_sha_256,
        "CodeSize": record.code_size,
        "Description": record.description,
        "EphemeralStorage": {"Size": record.ephemeral_storage},
        "FunctionArn": arn,
        "FunctionName": record.function_name,
        "Handler": record.handler,
        "LastModified": record.last_modified,
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": record.logs_group_name},
        "MemorySize": int(record.memory_size),
        "PackageType": record.package_type,
        "RevisionId": record.revision_id,
        "Role": record.role,
        "Runtime": record.run_time,
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "Timeout": int(record.timeout),
        "TracingConfig": record.tracing_config,
        "Version": "$LATEST",
    }
    if record.has_environment:
        settings["Environment"] = {"Variables": record.environment_vars}
    return settings
