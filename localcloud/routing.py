"""Finds the service that a request is for, and separates the control plane from the data plane.

Deployed APIs and websites are the data plane, recognised by host or path. All other requests are to AWS's
APIs, and their signatures name the service. `APIS` lists the supported services and the requests that moto
answers; no other request reaches moto.
"""

import functools
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import werkzeug

from localcloud.addresses import EXECUTE_API, EXECUTE_API_HOST, WEBSITE_HOST, host_name
from localcloud.protocol.calls import Signature, call_of, form_of, form_of_call, signature_of
from localcloud.protocol.errors import denial

CONTROL_PATH = "/_localcloud/"
LOCALCLOUD = "localcloud"
HTTP_API = "execute-api"
WEBSITE = "s3-website"
DATA_PLANE = frozenset({HTTP_API, WEBSITE})


@dataclass(frozen=True)
class Api:
    """One of AWS's APIs: the supported forms of its requests (see `Call.form`), and moto's part in it."""

    forms: frozenset[str]
    moto: str | None = None
    """moto's backend for requests that no service of localcloud answers; None for no backend."""
    operations: re.Pattern[str] | None = None
    """The operations that moto may answer; None for all."""


def _api(forms: str, moto: str | None = None, operations: str | None = None) -> Api:
    return Api(frozenset(forms.split()), moto, re.compile(operations) if operations else None)


APIS: Mapping[str, Api] = {
    # localcloud's own. moto's CloudFormation would run code from templates.
    "cloudformation": _api("query"),
    "cloudfront": _api("query"),
    "sagemaker": _api("json rest-json"),
    # localcloud runs these, and moto keeps the records.
    "apigateway": _api("rest-json", "apigateway"),
    "lambda": _api(
        "rest-json",
        "awslambda",
        r"(Create|Delete|Get)Function"
        r"|(Delete|Get|Put)FunctionConcurrency"
        r"|GetFunctionCodeSigningConfig|GetFunctionConfiguration|GetPolicy"
        r"|ListAliases|ListEventSourceMappings|ListFunctions|ListTags|ListVersionsByFunction"
        r"|AddPermission|RemovePermission|TagResource|UntagResource|UpdateFunction(Code|Configuration)",
    ),
    # moto's alone, once IAM has allowed the request. None of them runs code.
    "dynamodb": _api("json", "dynamodb"),
    "ecr": _api("json", "ecr"),
    "iam": _api("query", "iam"),
    "kms": _api("json", "kms"),
    "logs": _api("json", "logs"),
    "monitoring": _api("cbor json query", "cloudwatch"),
    "s3": _api("s3", "s3"),
    "secretsmanager": _api("json", "secretsmanager"),
    "sns": _api("query", "sns"),
    "sqs": _api("json query", "sqs"),
    "ssm": _api("json", "ssm"),
    "sts": _api("query", "sts"),
}
"""By signing name. Before adding one, check that no operation of moto's runs or downloads code."""


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


def unknown_to_us(request: werkzeug.Request, destination: Destination) -> werkzeug.Response | None:
    """Refuses a request to an unsupported API or in an unsupported form; None for all others."""
    if destination.service in (*DATA_PLANE, LOCALCLOUD):
        return None
    api = APIS.get(destination.service)
    if api is None:
        return _unsupported(request, f"the service {destination.service}")
    if (form := form_of_call(request, destination.service)) not in api.forms:
        return _unsupported(request, f"requests of the form {form} to {destination.service}")
    return None


def answer_of_moto(request: werkzeug.Request, destination: Destination) -> Any:
    """The WSGI application for a request that no service has answered: moto's, or a refusal."""
    api = APIS.get(destination.service)
    if api is None:
        return werkzeug.Response("There is nothing here.", 404)
    if api.moto is None or api.operations:
        operation = call_of(request, destination.service).operation
        if api.moto is None or api.operations is None or not api.operations.fullmatch(operation):
            return _unsupported(request, f"the {destination.service} operation {operation}")
    if destination.service == "s3" and request.path.startswith("/v20180820/"):
        return _unsupported(request, "S3 Control")
    return _moto(api.moto)


def _unsupported(request: werkzeug.Request, what: str) -> werkzeug.Response:
    message = f"localcloud does not support {what}."
    return denial(form_of(request), "UnsupportedOperation", message, request.method == "HEAD")


_creating = threading.Lock()


def _moto(backend: str) -> Any:
    """moto's WSGI application for one backend, whichever moto itself would choose for a request.

    The records of moto are global to the process.
    """
    with _creating:
        return _create_application(backend)


@functools.cache
def _create_application(backend: str) -> Any:
    from moto.moto_server.werkzeug_app import create_backend_app

    return create_backend_app(cast(Any, backend))  # moto's type of names lacks some
