"""Checks that SageMaker may assume the role of a request, as AWS does before it accepts the request."""

from localcloud.cloud import Cloud
from localcloud.iam import NotAssumable, require_trust
from localcloud.protocol import InvalidRequest

SERVICE = "sagemaker.amazonaws.com"


def require_assumable(cloud: Cloud, role_arn: str) -> None:
    """Raises InvalidRequest unless the role exists and its trust policy allows SageMaker to assume it."""
    try:
        require_trust(cloud, role_arn, SERVICE)
    except NotAssumable as error:
        raise InvalidRequest(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            f"'{SERVICE}' to assume the role. ({error})"
        ) from None
