"""Checks requests about users, groups and policies that moto would carry out where IAM refuses them.

The messages are IAM's (LocalStack's recordings, tests/aws/services/iam/*.snapshot.json).
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_remove.html
"""

from collections.abc import Iterable
from typing import Any

from localcloud.iam.operations import IamOperations
from localcloud.protocol import ApiError
from localcloud.protocol.calls import Call
from localcloud.protocol.service import FORWARD

OF_ONESELF = (
    "CreateAccessKey",
    "DeleteAccessKey",
    "GetUser",
    "ListAccessKeys",
    "ListMFADevices",
    "ListSSHPublicKeys",
    "ListSigningCertificates",
)
"""Operations that mean the user who calls them if they name none."""
NO_USER = "Must specify userName when calling with non-User credentials"
IN_USE = "Cannot delete entity, must {} first."


class Identities(IamOperations):
    """IAM's operations on entities that exist already or that others still use; moto carries them out."""

    def create_user(self, UserName: str, **request: Any) -> object:
        return _refuse_taken(UserName, self._records().users, "User with name {} already exists.")

    def create_group(self, GroupName: str, **request: Any) -> object:
        return _refuse_taken(GroupName, self._records().groups, "Group with name {} already exists.")

    def create_role(self, RoleName: str, PermissionsBoundary: str | None = None, **request: Any) -> object:
        names = [role.name for role in self._roles()]
        _refuse_taken(RoleName, names, "Role with name {} already exists.")
        return self._check_boundary(PermissionsBoundary) if PermissionsBoundary else FORWARD

    def create_policy(self, PolicyName: str, **request: Any) -> object:
        own = f"arn:aws:iam::{self._cloud.account_id}:"
        policies = list(self._records().managed_policies.values())
        names = [policy.name for policy in policies if policy.arn.startswith(own)]
        message = "A policy called {} already exists. Duplicate names are not allowed."
        return _refuse_taken(PolicyName, names, message)

    def put_role_permissions_boundary(self, PermissionsBoundary: str, **request: Any) -> object:
        return self._check_boundary(PermissionsBoundary)

    def delete_user(self, UserName: str) -> object:
        iam = self._records()
        if user := iam.users.get(UserName):
            _refuse_while(
                (user.access_keys, "delete access keys"),
                (user.managed_policies, "detach all policies"),
                (user.policies, "delete policies"),
                (iam.get_groups_for_user(UserName), "remove users from group"),
                (user.password, "delete login profile"),
            )
        return FORWARD

    def delete_group(self, GroupName: str) -> object:
        if group := self._records().groups.get(GroupName):
            _refuse_while(
                (group.users, "remove users from group"),
                (group.managed_policies, "detach all policies"),
                (group.policies, "delete policies"),
            )
        return FORWARD

    def delete_policy(self, PolicyArn: str) -> object:
        iam = self._records()
        if (policy := iam.managed_policies.get(PolicyArn)) is None:
            return FORWARD
        is_boundary = any(role.permissions_boundary_arn == PolicyArn for role in self._roles())
        if policy.attachment_count or is_boundary:
            raise _conflict("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise _conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the "
                "policy's versions. The default version is deleted with the policy."
            )
        return FORWARD

    def remove_user_from_group(self, GroupName: str, UserName: str) -> object:
        if UserName not in self._records().users:  # IAM looks for the user first
            raise ApiError("NoSuchEntity", f"The user with name {UserName} cannot be found.", status=404)
        return FORWARD

    def list_signing_certificates(self, UserName: str | None = None, **request: Any) -> object:
        """Without a name, of the caller, where moto would look for a user without one. Nobody has any."""
        return FORWARD if UserName else {"Certificates": [], "IsTruncated": False}

    def list_ssh_public_keys(self, UserName: str | None = None, **request: Any) -> object:
        """Of the caller, like `list_signing_certificates`."""
        return FORWARD if UserName else {"SSHPublicKeys": [], "IsTruncated": False}

    def _check_boundary(self, arn: str) -> object:
        if arn not in self._records().managed_policies:
            message = f"Scope ARN: {arn} does not exist or is not attachable."
            raise ApiError("NoSuchEntity", message, status=404)
        return FORWARD

    def _roles(self) -> list[Any]:
        return list(self._records().roles.values())

    def _records(self) -> Any:
        from moto.iam.models import iam_backends

        return iam_backends[self._cloud.account_id]["aws"]


def names_no_user(call: Call) -> bool:
    """Whether a call is about the user who makes it."""
    return call.operation in OF_ONESELF and not call.parameters.get("UserName")


def _refuse_taken(name: str, names: Iterable[str], message: str) -> object:
    """Raises ApiError for a name that is taken. Case does not count."""
    if name.lower() in {taken.lower() for taken in list(names)}:
        raise ApiError("EntityAlreadyExists", message.format(name), status=409)
    return FORWARD


def _refuse_while(*uses: tuple[Iterable[Any] | None, str]) -> None:
    for use, needed in uses:
        if use:
            raise _conflict(IN_USE.format(needed))


def _conflict(message: str) -> ApiError:
    return ApiError("DeleteConflict", message, status=409)
