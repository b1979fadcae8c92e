"""Translates API calls into the terms of IAM policies: actions, resources and condition keys.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
The services that localcloud runs are spelled out. A call to any other is checked as an action on "*", as
AWS does for actions without resource types: a statement that lists particular resources does not allow it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import werkzeug

from localcloud.iam.condition_keys import of_s3_request, of_sts
from localcloud.iam.conditions import Context
from localcloud.iam.policy import Access
from localcloud.protocol.calls import Call
from localcloud.protocol.s3_requests import copy_source_of, members_of

PREFIXES = {"monitoring": "cloudwatch", "events": "events", "email": "ses", "api.ecr": "ecr"}
"""Signing names that differ from the prefix of the service's actions."""


@dataclass(frozen=True)
class Place:
    """The account and region of a call, for ARNs."""

    account_id: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"


def accesses(call: Call, request: werkzeug.Request, place: Place) -> list[Access]:
    """All actions that a call needs permissions for, with their resources."""
    prefix = PREFIXES.get(call.service, call.service)
    if prefix == "s3":
        found = _s3(call, request)
    elif prefix == "apigateway":
        # The actions of the management API are HTTP methods, its resources are paths.
        path = request.path.removeprefix("/v2")
        found = [Access(f"apigateway:{request.method}", f"arn:aws:apigateway:{place.region}::{path}")]
    else:
        action = ACTIONS.get((prefix, call.operation), f"{prefix}:{call.operation}")
        resources = RESOURCES[prefix](call, place) if prefix in RESOURCES else []
        context = KEYS[prefix](call) if prefix in KEYS else {}
        found = [Access(action, resource, context) for resource in resources or ["*"]]
    return found + _passed_role(prefix, call)


ACTIONS = {
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("lambda", "InvokeAsync"): "lambda:InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "lambda:InvokeFunction",
}
SAGEMAKER = (
    ("TransformJobName", "transform-job"),
    ("TrainingJobName", "training-job"),
    ("ProcessingJobName", "processing-job"),
    ("EndpointName", "endpoint"),
    ("EndpointConfigName", "endpoint-config"),
    ("ModelName", "model"),
    ("TrialComponentName", "experiment-trial-component"),
    ("TrialName", "experiment-trial"),
    ("ExperimentName", "experiment"),
    ("ModelPackageName", "model-package"),
    ("ModelPackageArn", "model-package"),
    ("ModelPackageGroupName", "model-package-group"),
    ("ModelCardName", "model-card"),
)
BOTH_ENDPOINT_AND_CONFIG = ("CreateEndpoint", "UpdateEndpoint")


def _sagemaker(call: Call, place: Place) -> list[str]:
    if arn := call.parameters.get("ResourceArn"):
        return [arn]
    if call.operation.startswith("List"):
        return []
    found = [
        value if str(value).startswith("arn:") else place.arn("sagemaker", f"{kind}/{value}")
        for name, kind in SAGEMAKER
        if (value := call.parameters.get(name))
    ]
    return found if call.operation in BOTH_ENDPOINT_AND_CONFIG else found[:1]


def _logs(call: Call, place: Place) -> list[str]:
    """ARNs as AWS evaluates them: those of groups name a stream too, so policies need the ending ":*"."""
    if arn := call.parameters.get("resourceArn"):
        return [arn]
    group = call.parameters.get("logGroupName") or call.parameters.get("logGroupIdentifier") or ""
    if group.startswith("arn:"):
        group = group.split(":", 6)[6].removesuffix(":*")
    return [place.arn("logs", f"log-group:{group}:log-stream:{call.parameters.get('logStreamName', '')}")]


def _lambda(call: Call, place: Place) -> list[str]:
    name = unquote(call.parameters.get("FunctionName") or "")
    if not name:
        return []
    if name.startswith("arn:"):
        return [":".join(name.split(":")[:7])]
    return [place.arn("lambda", f"function:{re.sub(r'^.*function:', '', name).partition(':')[0]}")]


def _iam(call: Call, place: Place) -> list[str]:
    parameters = call.parameters
    for name, kind in (
        ("RoleName", "role"),
        ("UserName", "user"),
        ("GroupName", "group"),
        ("InstanceProfileName", "instance-profile"),
    ):
        if parameters.get(name):
            return [f"arn:aws:iam::{place.account_id}:{kind}/{parameters[name]}"]
    if call.operation == "CreatePolicy":
        return [f"arn:aws:iam::{place.account_id}:policy/{parameters.get('PolicyName', '')}"]
    return [arn for name in ("PolicyArn", "PolicySourceArn") if (arn := parameters.get(name))]


def _cloudwatch(call: Call, place: Place) -> list[str]:
    name = call.parameters.get("AlarmName")
    return [place.arn("cloudwatch", f"alarm:{name}")] if name else []


def _metric_namespace(call: Call) -> dict[str, list[str]]:
    namespace = call.parameters.get("Namespace")
    return {"cloudwatch:namespace": [namespace]} if namespace else {}


def _cloudformation(call: Call, place: Place) -> list[str]:
    name = call.parameters.get("StackName")
    if not name:
        return []
    return [name if name.startswith("arn:") else place.arn("cloudformation", f"stack/{name}/*")]


def _codebuild(call: Call, place: Place) -> list[str]:
    given = call.parameters
    builds = [build.partition(":")[0] for build in given.get("ids") or [given.get("id") or ""]]
    names = [given.get("projectName") or given.get("name"), *(given.get("names") or builds)]
    return [place.arn("codebuild", f"project/{name}") for name in dict.fromkeys(names) if name]


def _ecr(call: Call, place: Place) -> list[str]:
    name = call.parameters.get("repositoryName")
    return [place.arn("ecr", f"repository/{name}")] if name else []


RESOURCES: Mapping[str, Callable[[Call, Place], list[str]]] = {
    "cloudformation": _cloudformation,
    "cloudwatch": _cloudwatch,
    "codebuild": _codebuild,
    "ecr": _ecr,
    "iam": _iam,
    "lambda": _lambda,
    "logs": _logs,
    "sagemaker": _sagemaker,
    "sts": lambda call, place: [arn for arn in [call.parameters.get("RoleArn")] if arn],
}

KEYS: Mapping[str, Callable[[Call], dict[str, list[str]]]] = {"cloudwatch": _metric_namespace, "sts": of_sts}

S3_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PostObject": "PutObject",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
NUMBERED_CONFIGURATION = re.compile(
    r"(Get|Put|Delete|List)Bucket((?:Analytics|IntelligentTiering|Inventory|Metrics)Configuration)s?"
)
"""Configurations of which a bucket has many. Their actions omit "Bucket" and are only Get and Put."""
VERSIONED = {
    "GetObject",
    "DeleteObject",
    "DeleteObjectTagging",
    "GetObjectAttributes",
    "GetObjectTagging",
    "PutObjectTagging",
    "GetObjectAcl",
    "PutObjectAcl",
}


def s3_action(operation: str) -> str:
    """The action, without its prefix, that an operation of S3's API needs."""
    if found := NUMBERED_CONFIGURATION.fullmatch(operation):
        return {"Delete": "Put", "List": "Get"}.get(found[1], found[1]) + found[2]
    return S3_ACTIONS.get(operation, operation)


def _s3(call: Call, request: werkzeug.Request) -> list[Access]:
    """The actions of S3, which differ from its operations. Copying reads one object and writes another."""
    bucket, key = call.parameters.get("Bucket"), call.parameters.get("Key")
    action, context = s3_action(call.operation), of_s3_request(call, request)
    if bucket is None:
        return [Access(f"s3:{action}", "*", context)]
    if call.operation == "DeleteObjects":
        objects = (members_of(request) or {"Delete": {"Objects": []}})["Delete"]["Objects"]
        return [_on_object("DeleteObject", bucket, one["Key"], one.get("VersionId")) for one in objects]
    if not key:
        return [Access(f"s3:{action}", f"arn:aws:s3:::{bucket}", context)]
    version = request.args.get("versionId")
    found = [_on_object(action, bucket, key, version, context)]
    if call.operation == "GetObjectAttributes":
        found.append(_on_object("GetObject", bucket, key, version))
    if call.operation in ("CopyObject", "UploadPartCopy"):
        source = copy_source_of(request)
        found.append(_on_object("GetObject", source.bucket, source.key, source.version))
    return found


def _on_object(
    action: str, bucket: str, key: str, version: str | None, context: Context | None = None
) -> Access:
    """An action on an object, or on a version of it: S3 has actions of their own for versions."""
    keys = dict(context or {})
    if version is not None:
        keys["s3:versionid"] = [version]
        if action in VERSIONED:
            action = action.replace("Object", "ObjectVersion")
    return Access(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}", keys)


PASSED_ROLES = {
    "lambda": ("Role", ("CreateFunction", "UpdateFunctionConfiguration")),
    "cloudformation": ("RoleARN", ()),
    "sagemaker": ("RoleArn", ()),
}


def _passed_role(prefix: str, call: Call) -> list[Access]:
    """The permission iam:PassRole that a call with a role for a service needs."""
    name, operations = PASSED_ROLES.get(prefix, ("", ()))
    role: Any = call.parameters.get(name) or (
        call.parameters.get("ExecutionRoleArn") if prefix == "sagemaker" else None
    )
    if not isinstance(role, str) or not role.startswith("arn:aws:iam:"):
        return []
    if operations and call.operation not in operations:
        return []
    return [Access("iam:PassRole", role, {"iam:passedtoservice": [f"{prefix}.amazonaws.com"]})]
