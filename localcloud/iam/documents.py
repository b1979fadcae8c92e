"""Checks IAM's policy documents before moto stores them, since it validates only some, and no sizes.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.iam.conditions import as_list
from localcloud.iam.operations import IamOperations
from localcloud.iam.principals import missing_principal
from localcloud.moto_backends import backend_of
from localcloud.protocol import ApiError
from localcloud.protocol.service import FORWARD
from localcloud.untrusted import parse_json

MAX_TRUST_CHARACTERS = 2048
MAX_MANAGED_CHARACTERS = 6144
MAX_INLINE_CHARACTERS = {"role": 10_240, "group": 5120, "user": 2048}
"""The limits of all inline policies of a role, group or user together. White space does not count."""

NAMES = ("Action", "NotAction", "Resource", "NotResource")
SID = re.compile("[0-9A-Za-z]*")


class PolicyDocuments(IamOperations):
    """IAM's operations with a policy document; moto carries them out."""

    def create_role(self, AssumeRolePolicyDocument: str, **request: Any) -> object:
        _check_trust(self._cloud, AssumeRolePolicyDocument)
        return FORWARD

    def update_assume_role_policy(self, PolicyDocument: str, **request: Any) -> object:
        _check_trust(self._cloud, PolicyDocument)
        return FORWARD

    def create_policy(self, PolicyDocument: str, **request: Any) -> object:
        return _check_managed(PolicyDocument)

    def create_policy_version(self, PolicyDocument: str, **request: Any) -> object:
        return _check_managed(PolicyDocument)

    def put_role_policy(self, RoleName: str, PolicyName: str, PolicyDocument: str) -> object:
        return self._check_inline("role", RoleName, PolicyName, PolicyDocument)

    def put_group_policy(self, GroupName: str, PolicyName: str, PolicyDocument: str) -> object:
        return self._check_inline("group", GroupName, PolicyName, PolicyDocument)

    def put_user_policy(self, UserName: str, PolicyName: str, PolicyDocument: str) -> object:
        return self._check_inline("user", UserName, PolicyName, PolicyDocument)

    def _check_inline(self, kind: str, holder: str, policy: str, document: str) -> object:
        _check_identity_policy(document)
        others = self._inline_policies(kind, holder)
        limit = MAX_INLINE_CHARACTERS[kind]
        if sum(map(_size, ({**others, policy: document}).values())) > limit:
            raise ApiError(
                "LimitExceeded",
                f"Maximum policy size of {limit} bytes exceeded for {kind} {holder}",
                status=409,
            )
        return FORWARD

    def _inline_policies(self, kind: str, holder: str) -> dict[str, str]:
        """The inline policies of a role, group or user in moto's records; empty if it does not exist."""
        from moto.iam.models import iam_backends

        backend = backend_of(iam_backends, self._cloud.account_id, "aws")
        every: Mapping[str, Mapping[str, Any]] = {
            "role": {one.name: one for one in list(backend.roles.values())},
            "group": backend.groups,
            "user": backend.users,
        }
        found = every[kind].get(holder)
        return dict(found.policies) if found is not None else {}


def _check_managed(document: str) -> object:
    _check_identity_policy(document)
    if _size(document) > MAX_MANAGED_CHARACTERS:
        message = f"Cannot exceed quota for PolicySize: {MAX_MANAGED_CHARACTERS}"
        raise ApiError("LimitExceeded", message, status=409)
    return FORWARD


def _check_trust(cloud: Cloud, document: str) -> None:
    """Raises ApiError for a trust policy that IAM does not accept."""
    from moto.core.exceptions import ServiceException
    from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator

    try:
        parsed = parse_json(document)
    except ValueError:
        raise _malformed("This policy contains invalid Json") from None
    _check_names(_statements_of(parsed))
    try:
        IAMTrustPolicyDocumentValidator(document).validate()
    except ServiceException as error:
        raise _malformed(_of_trust(str(error.message))) from None
    _check_sids(as_list(parsed["Statement"]))
    for statement in as_list(parsed["Statement"]):
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise _malformed("Missing required field Principal")
    if _size(document) > MAX_TRUST_CHARACTERS:
        message = f"Cannot exceed quota for ACLSizePerRole: {MAX_TRUST_CHARACTERS}"
        raise ApiError("LimitExceeded", message, status=409)
    for statement in as_list(parsed["Statement"]):
        if missing := missing_principal(cloud, statement):
            kind, name = missing
            raise _malformed(f'Invalid principal in policy: "{kind.upper()}":"{name}"')


def check_session_policy(document: str) -> None:
    """Raises ApiError for a policy that STS does not accept for a session."""
    from moto.core.exceptions import ServiceException
    from moto.iam.policy_validation import IAMPolicyDocumentValidator

    try:
        parse_json(document)
    except ValueError:
        raise _malformed("The policy is not in the valid JSON format.") from None
    try:
        IAMPolicyDocumentValidator(document).validate()
    except ServiceException as error:
        raise _malformed(str(error.message)) from None
    _check_identity_policy(document)


def _of_trust(message: str) -> str:
    """IAM's words for what moto objects to in a trust policy."""
    if message.startswith("Trust Policy statement actions"):
        return "AssumeRole policy may only specify STS AssumeRole actions."
    return message.replace("Has prohibited field Resource.", "Has prohibited field Resource")


def _check_identity_policy(document: str) -> None:
    """Raises ApiError for an identity's policy with principals or invalid Sids; moto checks the rest."""
    try:
        parsed = parse_json(document)
    except ValueError:
        return
    statements = _statements_of(parsed)
    _check_names(statements)
    if any({"Principal", "NotPrincipal"} & one.keys() for one in statements):
        raise _malformed("Policy document should not specify a principal.")
    _check_sids(statements)


def _statements_of(parsed: Any) -> list[dict[str, Any]]:
    found = as_list(parsed.get("Statement", [])) if isinstance(parsed, dict) else []
    return [one for one in found if isinstance(one, dict)]


def _check_names(statements: list[dict[str, Any]]) -> None:
    """Raises ApiError for an action or resource that is no text; moto fails at some and takes others."""
    names = [name for one in statements for field in NAMES for name in as_list(one.get(field, ""))]
    if not all(isinstance(name, str) for name in names):
        raise _malformed("Syntax errors in policy.")


def _check_sids(statements: list[dict[str, Any]]) -> None:
    if not all(SID.fullmatch(str(one.get("Sid", ""))) for one in statements):
        raise _malformed(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
            "expression [0-9A-Za-z]*"
        )


def _size(document: str) -> int:
    return len(re.sub(r"\s", "", document))


def _malformed(message: str) -> ApiError:
    return ApiError("MalformedPolicyDocument", message, status=400)
