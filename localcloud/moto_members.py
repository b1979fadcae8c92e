"""Refuses members of requests that moto would accept but ignore.

`IGNORED` lists the members that moto's source never mentions, by operation. Two kinds are allowed: sizes and
tokens of pages, since moto returns everything at once, and members about features that localcloud lacks, such
as `RequestPayer`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import werkzeug

from localcloud.protocol import ApiError
from localcloud.protocol.calls import Target, call_of, model_of, operation_of
from localcloud.protocol.service import read_request
from localcloud.protocol.validation import OFF

Members = Mapping[str, Any]
DELIVERED = ("sqs", "email", "email-json")
"""Protocols of subscriptions. AWS sends nothing to an e-mail address either, until it is confirmed."""
REACHING_OUT_PROTOCOLS = ("http", "https", "lambda")
"""Protocols by which moto would leave this machine, or run a function in Docker."""


def refuse_members(
    request: werkzeug.Request, signing_name: str, target: Target, *, is_recorded: bool
) -> None:
    """Raises ApiError for a member that would be ignored. `is_recorded` says that the user wants records."""
    called = target.service or "", target.operation
    if ignored := IGNORED.get(called):
        _refuse_ignored(request, signing_name, called, ignored)
    found = operation_of(request, called[0]) if called in PRETENDING else None
    if found is None:
        return
    members = read_request(request, *found)
    if (reach_out := REACHING_OUT.get(called)) and (what := reach_out(members)):
        raise ApiError("UnsupportedOperation", f"{target.operation}: localcloud does not support {what}.")
    if not is_recorded and (what := PRETENDING[called](members)):
        raise ApiError(
            "UnsupportedOperation",
            f"{target.operation}: localcloud does not support {what}. Started with --records "
            f"{target.service}, it stores and shows what such requests say, without carrying them out.",
        )


def _refuse_ignored(
    request: werkzeug.Request,
    signing_name: str,
    called: tuple[str, str],
    ignored: Mapping[str, tuple[str, ...]],
) -> None:
    service, operation = called
    model = model_of(service)
    shape = model.operation_model(operation).input_shape if model else None
    if shape is None:
        return
    parameters = _parameters(request, signing_name)
    for name, harmless in ignored.items():
        place = shape.members[name].serialization
        value = _value(request, parameters, place.get("location"), place.get("name", name))
        if value not in OFF and not set(_all(value)) <= set(harmless):
            raise ApiError(
                "UnsupportedOperation",
                f"{operation}: localcloud does not support the property {name} (given: {value!r:.80}).",
            )


def _parameters(request: werkzeug.Request, signing_name: str) -> Members:
    """The members by their names on the wire; for a form's `List.member.1`, that is the first part."""
    return {
        name.partition(".")[0]: value for name, value in call_of(request, signing_name).parameters.items()
    }


def _value(request: werkzeug.Request, parameters: Members, location: str | None, name: str) -> Any:
    if location == "header":
        return request.headers.get(name)
    return request.args.get(name) if location == "querystring" else parameters.get(name)


def _all(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _notifications(members: Members) -> str | None:
    given = sorted(name for name, value in members["NotificationConfiguration"].items() if value is not None)
    return f"notifications of a bucket ({', '.join(given)})" if given else None


def _subscription(members: Members) -> str | None:
    protocol = members.get("Protocol")
    return None if protocol in DELIVERED else f"subscriptions with the protocol {protocol}"


def _subscription_that_runs(members: Members) -> str | None:
    protocol = members.get("Protocol")
    return f"subscriptions with the protocol {protocol}" if protocol in REACHING_OUT_PROTOCOLS else None


def _recipient(members: Members) -> str | None:
    given = [name for name in ("PhoneNumber", "TargetArn") if members.get(name)]
    return f"messages to a {given[0]}, only those to a TopicArn" if given else None


PRETENDING: Mapping[tuple[str, str], Callable[[Members], str | None]] = {
    ("s3", "PutBucketNotificationConfiguration"): _notifications,
    ("sns", "Subscribe"): _subscription,
    ("sns", "Publish"): _recipient,
}
"""What an operation, by botocore's names, would pretend to do for these members; None for nothing."""
REACHING_OUT: Mapping[tuple[str, str], Callable[[Members], str | None]] = {
    ("sns", "Subscribe"): _subscription_that_runs,
}
"""Of these, what is refused even where records were asked for."""


def _ignored(text: str) -> dict[str, tuple[str, ...]]:
    """Names of members, some with the value that is AWS's default, as in "logGroupClass=STANDARD"."""
    words = [word.partition("=") for word in text.split()]
    return {name: (default,) if default else () for name, _, default in words}


EVENT_HOLDS = "ObjectLockEventHold ObjectLockEventHoldDurationDays ObjectLockEventHoldDurationYears"
IGNORED: Mapping[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("apigatewayv2", "CreateApi"): _ignored("IpAddressType=ipv4"),
    ("apigatewayv2", "CreateStage"): _ignored("DeploymentId"),
    ("apigatewayv2", "UpdateApi"): _ignored("IpAddressType=ipv4"),
    ("cloudwatch", "DescribeAlarms"): _ignored(
        "AlarmTypes=MetricAlarm ChildrenOfAlarmName ParentsOfAlarmName"
    ),
    ("cloudwatch", "GetMetricData"): _ignored("LabelOptions MaxDatapoints"),
    ("cloudwatch", "ListMetrics"): _ignored("IncludeLinkedAccounts OwningAccount RecentlyActive"),
    ("cloudwatch", "PutMetricAlarm"): _ignored(
        "ActionConfiguration EvaluationCriteria EvaluationInterval EvaluationWindow WarmUpConfiguration"
    ),
    ("cloudwatch", "PutMetricData"): _ignored("EntityMetricData"),
    ("dynamodb", "CreateTable"): _ignored(
        "GlobalTableSettingsReplicationMode GlobalTableSourceArn OnDemandThroughput VectorIndexes"
    ),
    ("dynamodb", "UpdateTable"): _ignored(
        "DisassociationProtectionEnabled GlobalTableSettingsReplicationMode GlobalTableWitnessUpdates "
        "MultiRegionConsistency OnDemandThroughput ReplicaUpdates VectorIndexUpdates"
    ),
    ("iam", "CreateLoginProfile"): _ignored("PasswordResetRequired=false"),
    ("iam", "CreateUser"): _ignored("PermissionsBoundary"),
    ("kms", "CreateKey"): _ignored("CustomKeyStoreId XksKeyId"),
    ("kms", "Decrypt"): _ignored("DryRunModifiers Recipient"),
    ("kms", "EnableKeyRotation"): _ignored("RotationPeriodInDays=365"),
    ("kms", "GenerateDataKey"): _ignored("Recipient"),
    ("kms", "GenerateRandom"): _ignored("CustomKeyStoreId Recipient"),
    ("kms", "ReEncrypt"): _ignored(
        "DestinationEncryptionAlgorithm=SYMMETRIC_DEFAULT DryRunModifiers "
        "SourceEncryptionAlgorithm=SYMMETRIC_DEFAULT"
    ),
    ("logs", "CreateLogGroup"): _ignored("deletionProtectionEnabled logGroupClass=STANDARD"),
    ("logs", "DescribeLogGroups"): _ignored(
        "accountIdentifiers includeLinkedAccounts logGroupClass=STANDARD logGroupIdentifiers"
    ),
    ("logs", "PutMetricFilter"): _ignored(
        "applyOnTransformedLogs emitSystemFieldDimensions fieldSelectionCriteria"
    ),
    ("s3", "AbortMultipartUpload"): _ignored("IfMatchInitiatedTime"),
    ("s3", "CopyObject"): _ignored(f"AnnotationDirective {EVENT_HOLDS}"),
    ("s3", "CreateMultipartUpload"): _ignored(EVENT_HOLDS),
    ("s3", "DeleteObject"): _ignored("IfMatchLastModifiedTime IfMatchSize MFA"),
    ("s3", "DeleteObjects"): _ignored("MFA"),
    ("s3", "ListObjectVersions"): _ignored("OptionalObjectAttributes"),
    ("s3", "ListObjects"): _ignored("OptionalObjectAttributes"),
    ("s3", "ListObjectsV2"): _ignored("OptionalObjectAttributes"),
    ("s3", "PutBucketVersioning"): _ignored("MFA"),
    ("s3", "PutObject"): _ignored(f"WriteOffsetBytes {EVENT_HOLDS}"),
    ("secretsmanager", "CreateSecret"): _ignored("CrossAccountPrimaryARN"),
    ("secretsmanager", "ListSecretVersionIds"): _ignored("IncludeDeprecated"),
    ("secretsmanager", "ListSecrets"): _ignored("SortBy SortOrder"),
    ("secretsmanager", "PutSecretValue"): _ignored("RotationToken"),
    ("sns", "CreateTopic"): _ignored("DataProtectionPolicy"),
    ("ssm", "CreateDocument"): _ignored("DisplayName"),
    ("sts", "AssumeRole"): _ignored(
        "PolicyArns ProvidedContexts SerialNumber SourceIdentity Tags TokenCode TransitiveTagKeys"
    ),
    ("sts", "GetSessionToken"): _ignored("SerialNumber TokenCode"),
}
"""By botocore's names."""
