"""What the checks of IAM's requests share."""

from localcloud.cloud import Cloud
from localcloud.moto_requests import invalid_for_iam
from localcloud.protocol import ApiError, InvalidRequest
from localcloud.protocol.service import ModelledService


class IamOperations(ModelledService):
    """Operations of IAM, whose errors of validation have IAM's code and words."""

    service_name = "iam"
    validation_code = malformed_code = "ValidationError"

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def invalid(self, operation: str, error: InvalidRequest) -> ApiError:
        return invalid_for_iam(operation, error)
