"""Identifies the caller of a request: the account's owner, an IAM user or the session of a role."""

import functools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localcloud.cloud import Cloud
from localcloud.iam.condition_keys import of_place, of_principal, of_session
from localcloud.iam.conditions import Context
from localcloud.iam.policy import Access, Decision, Document, Principals, Undecided, evaluate, parse, surely
from localcloud.iam.roles import NotAssumable, documents_of, find_role, managed_document, region_of
from localcloud.moto_backends import backend_of
from localcloud.protocol import ApiError
from localcloud.protocol.calls import Signature

ACCOUNT_PREFIX_LENGTH = len("AKIA") + 8
"""The first characters of the id of a user's key, which are the same for all keys of an account."""


class InvalidToken(ApiError):
    """The credentials were not issued by this cloud, or are no longer valid. The words are STS's."""


@dataclass(frozen=True)
class Verdict:
    """A decision, and the kind of policy that caused it."""

    decision: Decision
    policy: str = "identity-based policy"

    @property
    def allowed(self) -> bool:
        return self.decision is Decision.ALLOWED


ALLOWED = Verdict(Decision.ALLOWED)


@dataclass(frozen=True)
class Caller:
    """A user or a session of a role, with its policies."""

    arn: str
    account_id: str
    identity: list[Document]
    boundary: list[Document] | None = None
    session: list[Document] | None = None
    role_arn: str | None = None
    context: Context = field(default_factory=dict)

    def names(self, with_account: bool = True) -> Principals:
        """The names by which resource-based policies may refer to this caller."""
        own = {self.arn} | ({self.role_arn} if self.role_arn else set())
        account = {self.account_id, f"arn:aws:iam::{self.account_id}:root"} if with_account else set()
        return {"AWS": frozenset(own | account)}

    def judge(self, access: Access, resource_policies: list[Document]) -> Verdict:
        """Evaluates access within one account: any denial wins, then either kind of policy may allow it.

        Raises Undecided.
        """
        undecided: list[Undecided] = []

        def decide(documents: list[Document], principals: Principals | None = None) -> Decision:
            try:
                return evaluate(documents, access, principals)
            except Undecided as error:
                if error.is_denial:
                    raise
                undecided.append(error)
                return Decision.IMPLICIT_DENY

        by_resource = decide(resource_policies, self.names())
        layers = [("resource-based policy", by_resource), ("identity-based policy", decide(self.identity))]
        if self.boundary is not None:
            layers.append(("permissions boundary", decide(self.boundary)))
        if self.session is not None:
            layers.append(("session policy", decide(self.session)))
        for policy, decision in layers:
            if decision is Decision.EXPLICIT_DENY:
                return Verdict(decision, policy)
        if by_resource is Decision.ALLOWED:
            return ALLOWED
        for policy, decision in layers[1:]:
            if decision is not Decision.ALLOWED:
                if undecided:
                    raise undecided[0]
                return Verdict(decision, policy)
        return ALLOWED


def caller_of(cloud: Cloud, signature: Signature) -> Caller | None:
    """The caller with an access key; None for the account's owner, who may do everything.

    Keys that do not name this account, such as "test", belong to the owner. Raises InvalidToken.
    """
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    session = backend_of(sts_backends, cloud.account_id, "aws").get_assumed_role_from_access_key(
        signature.access_key
    )
    if session is not None:
        return _session(cloud, signature, session)
    user = backend_of(iam_backends, cloud.account_id, "aws").get_user_from_access_key_id(signature.access_key)
    if user is not None:
        return user_caller(cloud, user)
    if signature.access_key.startswith("ASIA") or _is_of_account(cloud, signature.access_key):
        raise _invalid_token()
    return None


def caller_by_arn(cloud: Cloud, arn: str) -> Caller:
    """The role or user with an ARN. Raises LookupError when there is none."""
    if user := _find_user(cloud, arn):
        return user_caller(cloud, user)
    try:
        return role_caller(cloud, find_role(cloud, arn))
    except NotAssumable as error:
        raise LookupError(str(error)) from error


def is_missing(cloud: Cloud, arn: str) -> bool:
    """Whether this is the ARN of a role or user of the account, and there is none."""
    if not re.match(rf"arn:aws:iam::{cloud.account_id}:(role|user)/", arn):
        return False
    if _find_user(cloud, arn):
        return False
    try:
        find_role(cloud, arn)
    except NotAssumable:
        return True
    return False


def _find_user(cloud: Cloud, arn: str) -> Any | None:
    """moto's record of a user; None if there is none."""
    from moto.iam.models import iam_backends

    users = backend_of(iam_backends, cloud.account_id, "aws").users
    # A copy: another request may be making a user.
    return next((user for user in list(users.values()) if user.arn == arn), None)


def user_caller(cloud: Cloud, user: Any) -> Caller:
    """The caller for moto's record of a user."""
    from moto.iam.models import iam_backends

    iam = backend_of(iam_backends, cloud.account_id, "aws")
    identity = documents_of(user)
    for group in iam.get_groups_for_user(user.name):
        identity += documents_of(group)
    tags = iam.list_user_tags(user.name)
    whose = of_principal(user.arn, cloud.account_id, "User", user.id, tags)
    return Caller(user.arn, cloud.account_id, identity, context={"aws:username": [user.name], **whose})


def role_caller(cloud: Cloud, role: Any, session: Any = None) -> Caller:
    """The caller for moto's records of a role and its session; without a session, for the role itself."""
    boundary = None
    if role.permissions_boundary_arn:
        from moto.iam.models import iam_backends

        boundary = [
            managed_document(
                backend_of(iam_backends, cloud.account_id, "aws").get_policy(role.permissions_boundary_arn)
            )
        ]
    user_id = f"{role.id}:{session.session_name}" if session else role.id
    whose = of_principal(role.arn, cloud.account_id, "AssumedRole", user_id, role.tags)
    return Caller(
        arn=session.arn if session else role.arn,
        account_id=cloud.account_id,
        identity=documents_of(role),
        boundary=boundary,
        session=[parse(session.policy)] if session and session.policy else None,
        role_arn=role.arn,
        context={**whose, **of_session(session.access_key.create_date)} if session else whose,
    )


def role_may(cloud: Cloud, role_arn: str, action: str, resource: str) -> bool:
    """Whether a service that uses a role may do something. Where policies leave it open, it may not."""
    try:
        caller = role_caller(cloud, find_role(cloud, role_arn))
    except NotAssumable:
        return False
    place = of_place(cloud.account_id, region_of(cloud, resource))
    context = {**place, **caller.context, **of_session(datetime.now(UTC))}
    del context["aws:userid"]  # which ends with the session's name
    return surely(lambda: caller.judge(Access(action, resource, context), []).allowed)


def _session(cloud: Cloud, signature: Signature, session: Any) -> Caller:
    if signature.token != session.session_token:
        if signature.service == "s3":
            raise InvalidToken("InvalidToken", "The provided token is malformed or otherwise invalid.")
        raise _invalid_token()
    expiration = (
        session.expiration.replace(tzinfo=UTC) if session.expiration.tzinfo is None else session.expiration
    )
    if expiration < datetime.now(UTC):
        raise InvalidToken("ExpiredToken", "The security token included in the request is expired.")
    try:
        role = find_role(cloud, session.role_arn)
    except NotAssumable as error:
        raise _invalid_token() from error
    if role.create_date > session.access_key.create_date:  # a later role of the same name
        raise _invalid_token()
    return role_caller(cloud, role, session)


def _is_of_account(cloud: Cloud, access_key: str) -> bool:
    """Whether the id of a user's key names this account, as the ids of all its keys do, deleted ones too."""
    return access_key.startswith(_start_of_keys(cloud.account_id))


@functools.cache
def _start_of_keys(account_id: str) -> str:
    """The first characters of the id of every user's key in an account."""
    from moto.iam.utils import generate_access_key_id_from_account_id

    return generate_access_key_id_from_account_id(account_id, prefix="AKIA")[:ACCOUNT_PREFIX_LENGTH]


def _invalid_token() -> InvalidToken:
    return InvalidToken("InvalidClientTokenId", "The security token included in the request is invalid.")
