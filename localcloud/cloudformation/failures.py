"""The reasons of failures that events of stacks give, in the words of CloudFormation's resource handlers.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
"""

import uuid

from botocore.exceptions import ClientError

from localcloud.cloudformation.errors import ResourceFailed

SERVICES = {"ECR": "Ecr", "IAM": "Iam", "Logs": "CloudWatchLogs", "SNS": "Sns"}
"""The services' names in the AWS SDK for Java, where they differ from those in the names of types."""
ACCESS_DENIED = {"AccessDenied", "AccessDeniedException"}
INVALID_REQUEST = {
    "BadRequestException",
    "InvalidInput",
    "InvalidParameterValueException",
    "MalformedPolicy",
    "MalformedPolicyDocument",
    "ValidationError",
    "ValidationException",
}


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
    return of_handler(f"{error.get('Message') or error['Code']} ({told})", _handler_code(error["Code"]))


def of_handler(message: str, code: str) -> str:
    """The form of all reasons that come from resource handlers."""
    return (
        f'Resource handler returned message: "{message}" '
        f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})"
    )


def _handler_code(code: str) -> str:
    if "AlreadyExists" in code or "AlreadyOwned" in code:
        return "AlreadyExists"
    if code.startswith("NoSuch") or "NotFound" in code:
        return "NotFound"
    if code in ACCESS_DENIED:
        return "AccessDenied"
    return "InvalidRequest" if code in INVALID_REQUEST else "GeneralServiceException"
