"""Roles: their policies, and who may assume them."""

from typing import Any

from localcloud.cloud import Cloud, Credentials
from localcloud.iam.condition_keys import of_service
from localcloud.iam.policy import Access, Decision, Document, Undecided, evaluate, parse
from localcloud.moto_backends import backend_of

ASSUME_ROLE = "sts:AssumeRole"


class NotAssumable(Exception):
    """A role does not exist, or its trust policy does not allow the caller to assume it."""


def assume_for_service(cloud: Cloud, role_arn: str, service: str, session_name: str) -> Credentials:
    """Assumes a role as an AWS service, such as "lambda.amazonaws.com".

    Raises NotAssumable when the role does not exist or its trust policy does not allow the service.
    """
    require_trust(cloud, role_arn, service)
    return cloud.assume_role(role_arn, session_name)


def require_trust(cloud: Cloud, role_arn: str, service: str) -> None:
    """Raises NotAssumable unless the role exists and its trust policy allows the service to assume it."""
    role = find_role(cloud, role_arn)
    trust = parse(role.assume_role_policy_document)
    access = Access(ASSUME_ROLE, role_arn, of_service(service, cloud.account_id, cloud.region))
    try:
        decision = evaluate([trust], access, {"Service": frozenset([service])})
    except Undecided as undecided:
        raise NotAssumable(undecided.message) from undecided
    if decision is not Decision.ALLOWED:
        raise NotAssumable(f"The trust policy of {role_arn} does not allow {service} to {ASSUME_ROLE}.")


def find_role(cloud: Cloud, role_arn: str) -> Any:
    """moto's record of a role. Raises NotAssumable when there is none."""
    for role in list(_iam(cloud).get_roles()):  # a copy: another request may be making a role
        if role.arn == role_arn:
            return role
    raise NotAssumable(f"There is no role {role_arn}.")


def documents_of(holder: Any) -> list[Document]:
    """The policies of moto's record of a role, user or group, inline and attached."""
    attached = [managed_document(policy) for policy in list(holder.managed_policies.values())]
    return [parse(document) for document in list(holder.policies.values())] + attached


def managed_document(policy: Any) -> Document:
    """The default version of one of moto's managed policies."""
    return parse(next(version.document for version in policy.versions if version.is_default))


def region_of(cloud: Cloud, resource: str) -> str:
    """The region in an ARN; the cloud's for a resource without one, such as a bucket."""
    return resource.split(":", 4)[3] or cloud.region


def _iam(cloud: Cloud) -> Any:
    from moto.iam.models import iam_backends

    return backend_of(iam_backends, cloud.account_id, "aws")
