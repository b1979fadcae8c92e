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
)
"""Operations that mean the user who calls them if they name none."""
NO_USER = "Must specify userName when calling with non-User credentials"
IN_USE = "Cannot delete entity, must {} first."


class Identities(IamOperations):
    """IAM's operations on entities that others may still use; moto carries them out."""

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
        if policy.attachment_count:
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

    def _records(self) -> Any:
        from moto.iam.models import iam_backends

        return iam_backends[self._cloud.account_id]["aws"]


def names_no_user(call: Call) -> bool:
    """Whether a call is about the user who makes it."""
    return call.operation in OF_ONESELF and not call.parameters.get("UserName")


def _refuse_while(*uses: tuple[Iterable[Any] | None, str]) -> None:
    for use, needed in uses:
        if use:
            raise _conflict(IN_USE.format(needed))


def _conflict(message: str) -> ApiError:
    return ApiError("DeleteConflict", message, status=409)
