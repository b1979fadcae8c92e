"""Finds the service that a request is for, and separates the control plane from the data plane.

Deployed APIs and websites are the data plane, recognised by host or path. All other requests are to AWS's
APIs, and their signatures name the service. `APIS` lists those that localcloud has.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import werkzeug

from localcloud.addresses import EXECUTE_API, EXECUTE_API_HOST, WEBSITE_HOST, host_name
from localcloud.protocol.calls import Signature, signature_of

CONTROL_PATH = "/_localcloud/"
LOCALCLOUD = "localcloud"
HTTP_API = "execute-api"
WEBSITE = "s3-website"
DATA_PLANE = frozenset({HTTP_API, WEBSITE})


APIS: Mapping[str, frozenset[str]] = {
    "apigateway": frozenset({"rest-json"}),
    "cloudformation": frozenset({"query"}),
    "cloudfront": frozenset({"query"}),
    "codebuild": frozenset({"json"}),
    "dynamodb": frozenset({"json"}),
    "ecr": frozenset({"json"}),
    "iam": frozenset({"query"}),
    "kms": frozenset({"json"}),
    "lambda": frozenset({"rest-json"}),
    "logs": frozenset({"json"}),
    "monitoring": frozenset({"cbor", "json", "query"}),
    "s3": frozenset({"s3"}),
    "sagemaker": frozenset({"json", "rest-json"}),
    "secretsmanager": frozenset({"json"}),
    "sns": frozenset({"query"}),
    "sqs": frozenset({"json", "query"}),
    "ssm": frozenset({"json"}),
    "sts": frozenset({"query"}),
}
"""By signing name, the forms of the requests that localcloud reads (see `Call.form`)."""


@dataclass(frozen=True)
class Destination:
    """The service that a request is for: a signing name, or LOCALCLOUD, HTTP_API or WEBSITE."""

    service: str
    signature: Signature | None

    @property
    def is_data_plane(self) -> bool:
        return self.service in DATA_PLANE


def destination_of(request: werkzeug.Request) -> Destination:
    """Finds the destination of a request, without reading its body."""
    signature = signature_of(request)
    host = host_name(request)
    if WEBSITE_HOST.fullmatch(host):
        return Destination(WEBSITE, signature)
    if EXECUTE_API_HOST.fullmatch(host) or EXECUTE_API.fullmatch(request.path):
        return Destination(HTTP_API, signature)
    if request.path.startswith(CONTROL_PATH):
        return Destination(LOCALCLOUD, signature)
    # S3 is the only one of AWS's APIs with unsigned requests.
    return Destination(signature.service if signature else "s3", signature)
