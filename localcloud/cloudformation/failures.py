"""The reasons of failures that events of stacks give, in the words of CloudFormation's resource handlers.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
"""

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloudformation.errors import ResourceFailed
from localcloud.protocol import ApiError

log = logging.getLogger(__name__)

EXPECTED = (ApiError, BotoCoreError, ClientError, ResourceFailed)
"""The errors with which a resource may fail. Any other is a bug of localcloud, and fails the resource too."""

SERVICES = {"ECR": "Ecr", "IAM": "Iam", "Logs": "CloudWatchLogs", "SNS": "Sns", "SSM": "Ssm"}
"""The services' names in the AWS SDK for Java, where they differ from those in the names of types."""
HANDLER_CODES = (
    (r".*Already(Exists|Owned).*", "AlreadyExists"),
    (r"NoSuch.*|.*NotFound.*", "NotFound"),
    (r"AccessDenied(Exception)?", "AccessDenied"),
    (r"(Resource)?Conflict(Exception)?|ResourceInUse(Exception)?|DeleteConflict", "ResourceConflict"),
    (r"(Resource)?LimitExceeded(Exception)?", "ServiceLimitExceeded"),
    (r"Throttling(Exception)?|TooManyRequestsException", "Throttling"),
    (r"BadRequestException|Invalid(Input|ParameterValueException)", "InvalidRequest"),
    (r"MalformedPolicy(Document)?|Validation(Error|Exception)", "InvalidRequest"),
)
"""The codes of handlers by patterns of services' codes. The first that matches is used."""
NOT_FOUND = "Could not find "
"""The first words of SageMaker's messages about what is missing, whose code is ValidationException."""


def attempt(resource_type: str, action: Callable[[], None]) -> str | None:
    """Carries out an action on a resource. Returns why it failed, or None."""
    try:
        action()
    except EXPECTED as failed:
        return reason(resource_type, failed)
    except Exception as fault:
        log.exception("a resource failed because of a bug in localcloud")
        return f"localcloud failed: {fault!r}"
    return None


def reason(resource_type: str, failed: Exception) -> str:
    """The reason of a failure; `resource_type` tells whose error a ClientError is."""
    refusal = failed.refusal if isinstance(failed, ResourceFailed) else failed
    if not isinstance(refusal, ClientError):
        return str(failed)
    error, metadata = refusal.response["Error"], refusal.response["ResponseMetadata"]
    service = resource_type.split("::")[1]
    facts = {
        "Service": SERVICES.get(service, service),
        "Status Code": metadata["HTTPStatusCode"],
        "Request ID": metadata.get("RequestId"),
        "Extended Request ID": metadata.get("HostId"),
    }
    told = ", ".join(f"{name}: {value}" for name, value in facts.items() if value)
    return of_handler(f"{error.get('Message') or error['Code']} ({told})", _handler_code(error))


def of_handler(message: str, code: str) -> str:
    """The form of all reasons that come from resource handlers."""
    return (
        f'Resource handler returned message: "{message}" '
        f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})"
    )


def _handler_code(error: Mapping[str, Any]) -> str:
    if str(error.get("Message")).startswith(NOT_FOUND):
        return "NotFound"
    codes = (code for pattern, code in HANDLER_CODES if re.fullmatch(pattern, error["Code"]))
    return next(codes, "GeneralServiceException")
