"""Puts moto's answers into the form that AWS gives them: its words, members, pages and statuses.

Words and members are those of LocalStack's recordings of AWS (tests/aws/services/*/*.snapshot.json).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import werkzeug
from botocore.parsers import create_parser

from localcloud.cloud import ACCOUNT_ID
from localcloud.moto_parameters import choose_tier
from localcloud.moto_secrets import arn_of
from localcloud.protocol import ApiError
from localcloud.protocol.calls import Target, model_of, operation_of, signature_of
from localcloud.protocol.errors import s3_ids
from localcloud.protocol.service import read_request, write_answer, write_error

if TYPE_CHECKING:
    from moto.core.model import OperationModel

Answer = dict[str, Any]
Request = Mapping[str, Any]
REVISED = ("apigatewayv2", "iam", "secretsmanager", "sns", "ssm", "sts")
"""The services whose answers are revised, by botocore's names."""
ROOT = f"arn:aws:iam::{ACCOUNT_ID}:root"
ID_PREFIXES = {"GroupId": "AGPA", "InstanceProfileId": "AIPA", "PolicyId": "ANPA", "UserId": "AIDA"}
ID_CHARACTERS = 21
MOTO_ID = re.compile(r"[0-9A-Za-z]{20,21}")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""
MISSING = "The {} with name {{0}} cannot be found."
WORDS: Mapping[str, Sequence[tuple[str, str]]] = {
    "iam": (
        (r".* User (\S+) already exists", "User with name {0} already exists."),
        (r".* User (\S+) already has password", "Login Profile for user {0} already exists."),
        (r".* Login profile for (\S+) not found", "Login Profile for User {0} cannot be found."),
        (r".* User (\S+) not found", MISSING.format("user")),
        (r".* Group (\S+) already exists", "Group with name {0} already exists."),
        (r".* Group (\S+) not found", MISSING.format("group")),
        (r".* Role (\S+) not found", MISSING.format("role")),
        (r".* Policy Document (\S+) not attached to role \S+", MISSING.format("role policy")),
        (r"\w+GroupPolicy Policy (\S+) not found", MISSING.format("group policy")),
        (r"\w+UserPolicy Policy (\S+) not found", MISSING.format("user policy")),
        (r".* Instance profile (\S+) not found", "Instance Profile {0} cannot be found."),
        (r".* The Access Key with id (\S+) cannot be found", "The Access Key with id {0} cannot be found."),
        (
            r"(?:Get|Delete)PolicyVersion Policy (?:version )?not found",
            "Policy {PolicyArn} version {VersionId} does not exist or is not attachable.",
        ),
        (r".* Policy (?:arn:\S+ )?not found", "Policy {PolicyArn} was not found."),
    ),
    # The Parameter Store does not say which parameter it has not found.
    "ssm": ((r"\w+ Parameter \S+ not found\.", ""),),
    "sns": ((r"Publish Endpoint does not exist", "Topic does not exist"),),
    "secretsmanager": ((r".*An error occurred \(\w+\)\s+when calling the \w+ operation:\s+(.*)", "{0}"),),
}
"""An operation with moto's message, and AWS's words, which may name members of the request."""
DELIVERY = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }
}
NOT_OF_S3 = ("x-amz-content-sha256", "x-amz-sdk-checksum-algorithm", "x-amzn-requestid")
UNPAGED: Mapping[str, str] = {
    "GetApis": "Items",
    "GetGroup": "Users",
    "GetIntegrations": "Items",
    "GetRoutes": "Items",
    "GetStages": "Items",
    "ListAccessKeys": "AccessKeyMetadata",
    "ListGroupPolicies": "PolicyNames",
    "ListGroups": "Groups",
    "ListGroupsForUser": "Groups",
    "ListInstanceProfiles": "InstanceProfiles",
    "ListInstanceProfilesForRole": "InstanceProfiles",
    "ListPolicyVersions": "Versions",
    "ListRolePolicies": "PolicyNames",
    "ListUserPolicies": "PolicyNames",
    "ListUsers": "Users",
    "ListUserTags": "Tags",
}
"""The lists that moto answers at once, by operation."""


def revised_headers(target: Target, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of moto's answer as AWS would give them.

    Among an object's headers, moto returns some of the request that stored it.
    """
    if target.service != "s3":
        return list(headers)
    kept = [(name, value) for name, value in headers if name.lower() not in NOT_OF_S3]
    return [*kept, *s3_ids().items()]


def revised(
    request: werkzeug.Request, target: Target, response: werkzeug.Response
) -> werkzeug.Response | None:
    """moto's answer as AWS would give it; None for one that stays as it is."""
    service = model_of(target.service or "")
    found = operation_of(request, target.service or "")
    if service is None or found is None or target.service not in REVISED or response.status_code >= 500:
        return None
    model, _ = found
    members = read_request(request, *found)
    answer = _parsed(model, response)
    if response.status_code >= 300:
        error = answer["Error"]
        status = None if service.protocol == "json" else response.status_code
        message = _words(target, members, error["Message"])
        return write_error(service, ApiError(error["Code"], message, status=status))
    _name_ids(answer)
    try:
        if change := CHANGES.get((target.service, target.operation)):
            change(answer, members)
        if located := CHANGES_IN_REGION.get((target.service, target.operation)):
            signature = signature_of(request)
            located(answer, members, signature.region if signature else "")
        if listed := UNPAGED.get(target.operation):
            _cut(answer, listed, members)
    except ApiError as refused:
        return write_error(service, refused)
    return write_answer(model, answer)


def _name_ids(value: Any) -> None:
    """Gives moto's random ids the prefixes that tell what they are of."""
    if isinstance(value, list):
        for one in value:
            _name_ids(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            prefix = ID_PREFIXES.get(name)
            if prefix and MOTO_ID.fullmatch(one) and not one.startswith(prefix):
                value[name] = f"{prefix}{one.upper()}"[:ID_CHARACTERS]
            else:
                _name_ids(one)


def _parsed(model: "OperationModel", response: werkzeug.Response) -> Answer:
    parts = {
        "headers": dict(response.headers),
        "status_code": response.status_code,
        "body": response.get_data(),
    }
    answer: Answer = create_parser(model.service_model.protocol).parse(parts, model.output_shape)
    answer.pop("ResponseMetadata")
    return answer


def _words(target: Target, members: Request, message: str) -> str:
    for pattern, words in WORDS.get(target.service or "", ()):
        if found := re.fullmatch(pattern, f"{target.operation} {message}"):
            return " ".join(words.format(*found.groups(), **members).split())
    return message


def _cut(answer: Answer, listed: str, members: Request) -> None:
    """Leaves the page that was asked for. A token is the number of elements before it."""
    every = answer.get(listed, [])
    is_of_iam = "Marker" in members or "MaxItems" in members
    token = members.get("Marker", members.get("NextToken", "0"))
    wanted = str(members.get("MaxItems", members.get("MaxResults", len(every))))
    for name, number in {"Marker" if is_of_iam else "NextToken": token, "MaxResults": wanted}.items():
        if not re.fullmatch("[0-9]{1,9}", number):
            raise ApiError("ValidationError" if is_of_iam else "BadRequestException", f"Invalid {name}")
    size = int(wanted) or len(every)
    end = int(token) + size
    answer[listed] = every[int(token) : end]
    next_token = {"Marker" if "MaxItems" in members else "NextToken": str(end)} if end < len(every) else {}
    answer |= next_token
    if "IsTruncated" in answer:
        answer["IsTruncated"] = bool(next_token)


def _of_role(answer: Answer, _: Request) -> None:
    for unshown in ("MaxSessionDuration", "RoleLastUsed"):
        answer["Role"].pop(unshown, None)
    _without_empty_tags(answer["Role"])


def _of_described_role(answer: Answer, _: Request) -> None:
    answer["Role"].setdefault("RoleLastUsed", {})
    _without_empty_tags(answer["Role"])


def _of_roles(answer: Answer, _: Request) -> None:
    for role in answer["Roles"]:
        role.pop("RoleLastUsed", None)
        role.pop("Tags", None)


def _of_new_policy(answer: Answer, _: Request) -> None:
    _without_empty_tags(answer["Policy"])
    answer["Policy"]["PermissionsBoundaryUsageCount"] = 0


def _of_policy(answer: Answer, _: Request) -> None:
    policy = answer["Policy"]
    policy.setdefault("Tags", [])
    policy["PermissionsBoundaryUsageCount"] = _boundary_of(policy["Arn"])


def _of_policies(answer: Answer, _: Request) -> None:
    for policy in answer["Policies"]:
        policy.pop("Tags", None)
        policy["PermissionsBoundaryUsageCount"] = _boundary_of(policy["Arn"])


def _boundary_of(policy: str) -> int:
    """How many roles have this policy as their boundary."""
    return sum(role.permissions_boundary_arn == policy for role in list(_iam().roles.values()))


def _iam() -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[ACCOUNT_ID]["aws"]


def _of_new_version(answer: Answer, _: Request) -> None:
    answer["PolicyVersion"].pop("Document", None)


def _of_versions(answer: Answer, _: Request) -> None:
    for version in answer["Versions"]:
        version.pop("Document", None)
    answer["Versions"].sort(key=lambda version: int(version["VersionId"][1:]), reverse=True)


def _of_profile(answer: Answer, _: Request) -> None:
    answer["InstanceProfile"].pop("Tags", None)


def _of_described_profile(answer: Answer, _: Request) -> None:
    answer["InstanceProfile"].setdefault("Tags", [])


def _without_empty_tags(entity: Answer) -> None:
    if not entity.get("Tags"):
        entity.pop("Tags", None)


def _of_user(answer: Answer, members: Request) -> None:
    """Shows the account's owner, for whom moto makes up a user."""
    if not members.get("UserName") and answer["User"]["UserName"] == "default_user":
        answer["User"] = {"Arn": ROOT, "CreateDate": answer["User"]["CreateDate"], "UserId": ACCOUNT_ID}


def _of_caller(answer: Answer, _: Request) -> None:
    """Shows the account's owner, whom moto calls a user of its own, and the role's id in a session's."""
    if answer["Arn"] == f"arn:aws:sts::{ACCOUNT_ID}:user/moto":
        answer |= {"Arn": ROOT, "UserId": ACCOUNT_ID}
    elif ":assumed-role/" in answer["Arn"]:
        answer["UserId"] = _id_of_session(answer["Arn"], answer["UserId"])


def _of_session(answer: Answer, members: Request) -> None:
    user = answer["AssumedRoleUser"]
    user["AssumedRoleId"] = _id_of_session(user["Arn"], user["AssumedRoleId"])
    if not members.get("Policy"):
        answer.pop("PackedPolicySize", None)


def _id_of_session(arn: str, moto_id: str) -> str:
    """The id of the role's session; moto's own if there is no such role, or no longer."""
    _, role, session = arn.split("/")
    found = [one.id for one in list(_iam().roles.values()) if one.name == role]
    return f"{found[0]}:{session}" if found else moto_id


def _of_integration(answer: Answer, _: Request) -> None:
    answer.setdefault("ConnectionType", "INTERNET")


def _of_integrations(answer: Answer, _: Request) -> None:
    for integration in answer["Items"]:
        integration.setdefault("ConnectionType", "INTERNET")


def _of_route(answer: Answer, _: Request) -> None:
    if not answer.get("RequestParameters"):
        answer.pop("RequestParameters", None)


def _of_routes(answer: Answer, members: Request) -> None:
    for route in answer["Items"]:
        _of_route(route, members)


def _of_secret_versions(answer: Answer, members: Request, region: str) -> None:
    """Shows the ARN of the secret, for which moto takes its name."""
    answer["ARN"] = arn_of(members["SecretId"], region) or answer["ARN"]
    if not answer.get("NextToken"):
        answer.pop("NextToken", None)


def _of_topic(answer: Answer, _: Request) -> None:
    """Shows SNS's own policy of delivery for a topic that has none."""
    attributes = answer["Attributes"]
    if not attributes.get("DeliveryPolicy"):
        attributes.pop("DeliveryPolicy", None)
        attributes["EffectiveDeliveryPolicy"] = json.dumps(DELIVERY, separators=(",", ":"))


CHANGES: Mapping[tuple[str, str], Callable[[Answer, Request], None]] = {
    ("apigatewayv2", "CreateIntegration"): _of_integration,
    ("apigatewayv2", "CreateRoute"): _of_route,
    ("apigatewayv2", "GetIntegration"): _of_integration,
    ("apigatewayv2", "GetIntegrations"): _of_integrations,
    ("apigatewayv2", "GetRoute"): _of_route,
    ("apigatewayv2", "GetRoutes"): _of_routes,
    ("apigatewayv2", "UpdateIntegration"): _of_integration,
    ("apigatewayv2", "UpdateRoute"): _of_route,
    ("iam", "CreateInstanceProfile"): _of_profile,
    ("iam", "CreatePolicy"): _of_new_policy,
    ("iam", "CreatePolicyVersion"): _of_new_version,
    ("iam", "CreateRole"): _of_role,
    ("iam", "GetInstanceProfile"): _of_described_profile,
    ("iam", "GetPolicy"): _of_policy,
    ("iam", "GetRole"): _of_described_role,
    ("iam", "GetUser"): _of_user,
    ("iam", "ListPolicies"): _of_policies,
    ("iam", "ListPolicyVersions"): _of_versions,
    ("iam", "ListRoles"): _of_roles,
    ("iam", "UpdateRoleDescription"): _of_role,
    ("sns", "GetTopicAttributes"): _of_topic,
    ("sts", "AssumeRole"): _of_session,
    ("sts", "GetCallerIdentity"): _of_caller,
}
CHANGES_IN_REGION: Mapping[tuple[str, str], Callable[[Answer, Request, str], None]] = {
    ("secretsmanager", "ListSecretVersionIds"): _of_secret_versions,
    ("ssm", "PutParameter"): choose_tier,
}
"""Those that look for records in the region of the request."""
