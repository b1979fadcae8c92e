"""The options of requests: which are supported, and which are refused by name."""

import fnmatch
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation import requests, stack_policies
from localcloud.cloudformation.errors import ValidationError
from localcloud.iam import NotAssumable, require_trust

_TEMPLATE = {"TemplateBody", "TemplateURL"}
_SOURCE = _TEMPLATE | {
    "Capabilities",
    "NotificationARNs",
    "Parameters",
    "ResourceTypes",
    "RoleARN",
    "RollbackConfiguration",
    "StackName",
    "Tags",
}
_DIRECT = _SOURCE | {
    "ClientRequestToken",
    "DisableRollback",
    "RetainExceptOnCreate",
    "StackPolicyBody",
    "StackPolicyURL",
}
SUPPORTED_MEMBERS: Mapping[str, set[str]] = {
    "CreateStack": _DIRECT | {"EnableTerminationProtection", "OnFailure", "TimeoutInMinutes"},
    "UpdateStack": _DIRECT
    | {"StackPolicyDuringUpdateBody", "StackPolicyDuringUpdateURL", "UsePreviousTemplate"},
    "CreateChangeSet": _SOURCE
    | {
        "ChangeSetName",
        "ChangeSetType",
        "ClientToken",
        "Description",
        "IncludeNestedStacks",
        "OnStackFailure",
        "UsePreviousTemplate",
    },
    "GetTemplateSummary": _TEMPLATE | {"StackName"},
    "ValidateTemplate": _TEMPLATE,
}
"""The supported members of operations whose functions take the whole request. For others, the functions'
parameters are the supported members."""
NEUTRAL: Mapping[str, Any] = {
    "DeletionMode": "STANDARD",
    "DisableValidation": False,
    "ImportExistingResources": False,
}
"""Values of unsupported members that have no effect."""
CLOUDFORMATION = "cloudformation.amazonaws.com"


def checked(operation: str, perform: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps the function of an operation, so that it refuses requests with members that it would ignore."""

    def checking(**request: Any) -> Any:
        supported = SUPPORTED_MEMBERS.get(operation) or set(inspect.signature(perform).parameters)
        for name in sorted(set(request) - supported):
            if name not in NEUTRAL or request[name] != NEUTRAL[name]:
                raise ValidationError(f"localcloud does not support {name} in {operation}.")
        if request.get("NotificationARNs"):
            raise ValidationError(
                f"localcloud does not support NotificationARNs in {operation}: it publishes no stack events."
            )
        if any((request.get("RollbackConfiguration") or {}).values()):
            raise ValidationError(
                f"localcloud does not support RollbackConfiguration in {operation}: it evaluates no alarms."
            )
        neutral = {name for name in request if name in NEUTRAL and name not in supported}
        return perform(**{name: value for name, value in request.items() if name not in neutral})

    return checking


def check_role(cloud: Cloud, role_arn: str | None) -> None:
    """Raises ValidationError unless CloudFormation may assume the role."""
    try:
        if role_arn:
            require_trust(cloud, role_arn, CLOUDFORMATION)
    except NotAssumable as error:
        raise ValidationError(f"Role {role_arn} is invalid or cannot be assumed") from error


def check_types(allowed: list[str] | None, types: Iterable[str]) -> None:
    """Raises ValidationError for a type that the parameter ResourceTypes does not list.

    AWS::*, AWS::S3::* and the like stand for all types with that beginning.
    """
    for kind in sorted(set(types)) if allowed else []:
        if not any(fnmatch.fnmatchcase(kind, pattern) for pattern in allowed or []):
            raise ValidationError(
                f"Resource type {kind} is not allowed by parameter ResourceTypes [{', '.join(allowed or [])}]"
            )


def stack_policy(cloud: Cloud, request: Mapping[str, Any], prefix: str = "StackPolicy") -> str | None:
    """The text of a stack policy from a request or from S3, checked. Raises ValidationError."""
    body, url = request.get(f"{prefix}Body"), request.get(f"{prefix}URL")
    if body and url:
        raise ValidationError(f"You cannot specify both {prefix}URL and {prefix}Body")
    if url:
        body = requests.download(cloud, url, f"{prefix}URL")
    if body:
        stack_policies.parse(body)
    return body or None
