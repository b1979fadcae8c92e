"""Which service a request is for: the one rule that tells the control plane from the data plane.

Deployed APIs and websites are the data plane, known by host or path. Everything else is a request to one of
AWS's APIs, whose service is the one that its signature names. `APIS` lists those that there are, and which
of their requests moto answers: nothing else reaches moto.
"""

import functools
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    """One of AWS's APIs: how its requests may be written (see `Call.form`) and who keeps its records."""

    forms: frozenset[str]
    moto: str | None = None
    """moto's backend for what no service of localcloud answers; None where moto answers nothing."""
    operations: re.Pattern[str] | None = None
    """Those that may go to moto; None for all of them."""


def _api(forms: str, moto: str | None = None, operations: str | None = None) -> Api:
    return Api(frozenset(forms.split()), moto, re.compile(operations) if operations else None)


APIS: Mapping[str, Api] = {
    # localcloud's own. moto's CloudFormation would run code that a template holds.
    "cloudformation": _api("query"),
    "cloudfront": _api("query"),
    # localcloud runs it, moto keeps records of it.
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
    "sagemaker": _api(
        "json rest-json",
        "sagemaker",
        # Resources that are records and nothing else: for these moto's answers are the whole truth.
        r"(Create|Delete|Describe|List|Update)"
        r"(Experiment|ModelCard|ModelPackage|ModelPackageGroup|Trial|TrialComponent)s?",
    ),
    # moto's alone, after IAM has judged the request. None of them runs what it is given.
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
"""By signing name. Before adding one: no operation of moto's may run code, or fetch it, for whoever asks."""


@dataclass(frozen=True)
class Destination:
    """Whom a request is for: a signing name of AWS's, or LOCALCLOUD, HTTP_API or WEBSITE."""

    service: str
    signature: Signature | None

    @property
    def is_data_plane(self) -> bool:
        return self.service in DATA_PLANE


def destination_of(request: werkzeug.Request) -> Destination:
    signature = signature_of(request)
    host = host_name(request)
    if WEBSITE_HOST.fullmatch(host):
        return Destination(WEBSITE, signature)
    if EXECUTE_API_HOST.fullmatch(host) or EXECUTE_API.fullmatch(request.path):
        return Destination(HTTP_API, signature)
    if request.path.startswith(CONTROL_PATH):
        return Destination(LOCALCLOUD, signature)
    # Of AWS's APIs only S3 knows requests that nobody signed.
    return Destination(signature.service if signature else "s3", signature)


def unknown_to_us(request: werkzeug.Request, destination: Destination) -> werkzeug.Response | None:
    """The refusal of a request to an API that localcloud does not have, or not in this form."""
    if destination.service in (*DATA_PLANE, LOCALCLOUD):
        return None
    api = APIS.get(destination.service)
    if api is None:
        return _unsupported(request, f"the service {destination.service}")
    if (form := form_of_call(request, destination.service)) not in api.forms:
        return _unsupported(request, f"requests of the form {form} to {destination.service}")
    return None


def answer_of_moto(request: werkzeug.Request, destination: Destination) -> Any:
    """A WSGI application for what no service of localcloud has answered: moto's, or a refusal."""
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


_making = threading.Lock()


def _moto(backend: str) -> Any:
    """moto's WSGI application for one backend, whichever moto itself would choose for a request.

    Its records are global to the process.
    """
    with _making:
        return _made(backend)


@functools.cache
def _made(backend: str) -> Any:
    from moto.moto_server.werkzeug_app import create_backend_app

    return create_backend_app(backend)
