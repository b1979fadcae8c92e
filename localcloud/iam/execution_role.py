"""A role for a person's own programs, as SageMaker's notebooks have one."""

import contextlib
import json

from localcloud.cloud import Cloud, Credentials
from localcloud.iam.roles import assume_for_service

SERVICE = "sagemaker.amazonaws.com"
POLICY = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
CONSOLE_NAME, CONSOLE_PATH = "AmazonSageMaker-ExecutionRole", "/service-role/"
"""The console puts roles of such names into this path, where the SDK's get_execution_role() expects them."""
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}],
}


def execution_role(cloud: Cloud, name: str) -> Credentials:
    """Credentials of the role, assumed as SageMaker.

    If there is no such role, it is made with the policy that the console gives execution roles. Raises
    NotAssumable for a role that does not trust SageMaker, and botocore's errors for a name that IAM refuses.
    """
    iam = cloud.client("iam")
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        path = CONSOLE_PATH if CONSOLE_NAME in name else "/"
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(_TRUST))
        iam.attach_role_policy(RoleName=name, PolicyArn=POLICY)
    role = iam.get_role(RoleName=name)["Role"]
    return assume_for_service(cloud, role["Arn"], SERVICE, "SageMaker")
