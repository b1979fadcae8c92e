"""Checks requests for sessions of roles, which moto gives to everybody, for any time.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import re
from typing import Any

from localcloud.cloud import Cloud
from localcloud.iam.callers import Caller
from localcloud.iam.documents import check_session_policy
from localcloud.iam.roles import NotAssumable, find_role
from localcloud.protocol import ApiError
from localcloud.protocol.service import FORWARD, ModelledService

ARN = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+")


class Sessions(ModelledService):
    """STS's operations; moto carries them out."""

    service_name = "sts"
    validation_code = malformed_code = "ValidationError"

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def assume_role(
        self, RoleArn: str, DurationSeconds: int = 0, Policy: str | None = None, **request: Any
    ) -> object:
        if not ARN.fullmatch(RoleArn):
            raise ApiError("ValidationError", f"{RoleArn} is invalid", status=400)
        try:
            role = find_role(self._cloud, RoleArn)
        except NotAssumable:
            owner = f"arn:aws:iam::{self._cloud.account_id}:root"
            message = f"User: {owner} is not authorized to perform: sts:AssumeRole on resource: {RoleArn}"
            raise ApiError("AccessDenied", message, status=403) from None
        if Policy is not None:
            check_session_policy(Policy)
        if DurationSeconds > int(role.max_session_duration):
            raise ApiError(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                status=400,
            )
        return FORWARD


def refuse_session_token(caller: Caller) -> ApiError:
    """Why anybody but the account's owner gets no session token: moto's belongs to nobody."""
    if caller.role_arn is not None:
        message = "Cannot call GetSessionToken with session credentials"
        return ApiError("AccessDenied", message, status=403)
    message = "localcloud does not support GetSessionToken by IAM users."
    return ApiError("UnsupportedOperation", message, status=400)
