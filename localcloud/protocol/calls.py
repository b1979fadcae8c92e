"""Reads the operation and the parameters of a request to AWS's APIs."""

import contextlib
import functools
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlencode

import werkzeug
from botocore.exceptions import UnknownServiceError
from botocore.parsers import RpcV2CBORParser
from werkzeug.exceptions import HTTPException

from localcloud.addresses import EXECUTE_API_PATH
from localcloud.containers.bounded_http import RequestRefused

if TYPE_CHECKING:  # moto takes long to import, and commands such as `localcloud status` need none of it
    from moto.core.model import OperationModel, ServiceModel
    from moto.core.routing import ProtocolRouter

FORM = "application/x-www-form-urlencoded"
CREDENTIAL = re.compile(
    r"Credential=(?P<key>[^/]{1,128})/\d{8}/(?P<region>[^/]*)/(?P<service>[^/]+)/aws4_request", re.IGNORECASE
)
CBOR_PATH = re.compile(r"/service/[^/]+/operation/(?P<operation>\w+)")
MODELS: Mapping[str, tuple[str, ...]] = {
    "apigateway": ("apigatewayv2", "apigateway"),
    "bedrock": ("bedrock", "bedrock-runtime"),
    "monitoring": ("cloudwatch",),
    "sagemaker": (
        *("sagemaker-runtime", "sagemaker-metrics", "sagemaker"),
        *("sagemaker-a2i-runtime", "sagemaker-edge", "sagemaker-featurestore-runtime"),
        *("sagemaker-inference-router-runtime", "sagemakerjobruntime", "sagemakertrainingsessionruntime"),
    ),
    "states": ("stepfunctions",),
}
"""botocore's models of what has a signing name, where that is not their only name."""
S3_CONTROL_PATH = "/v20180820/"
ROUTED = "localcloud.routed"
"""A key in the environ of a request: caches its operation by the name of the model."""
SIGNED = "localcloud.signed"
"""A key in the environ of a request: caches its signature."""
MAX_ROUTES = 1024
"""How many different requests' operations are remembered."""
REST = ("apigateway", "cloudfront", "lambda", "route53", "s3", "sagemaker")
"""Services without the query protocol. An Action in their requests is data."""
XML_FORMS = {
    "cloudfront": "query",
    "ec2": "ec2",
    "route53": "query",
    "s3": "s3",
    "s3control": "query",
    "s3express": "s3",
}
"""Services that answer in XML but do not speak the query protocol, and the form of their errors.

The last one is the name by which requests about S3's directory buckets are signed.
"""


@dataclass(frozen=True)
class Signature:
    """The caller as given by a signed request. Signatures are not verified."""

    access_key: str
    region: str
    service: str
    token: str | None


@dataclass(frozen=True)
class Call:
    """An API call. `form` is how its errors are written: json, rest-json, query, ec2, s3 or cbor."""

    service: str
    operation: str
    form: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def signature_of(request: werkzeug.Request) -> Signature | None:
    """The signature in the header or in the query string (presigned URLs); None for an unsigned request."""
    if SIGNED not in request.environ:
        request.environ[SIGNED] = _signature(request)
    return cast("Signature | None", request.environ[SIGNED])


def _signature(request: werkzeug.Request) -> Signature | None:
    token = request.headers.get("X-Amz-Security-Token")
    if request.query_string:
        token = token or request.args.get("X-Amz-Security-Token")
    if found := CREDENTIAL.search(request.headers.get("Authorization", "")):
        return Signature(found["key"], found["region"], found["service"].lower(), token)
    if not request.query_string:
        return None
    if found := CREDENTIAL.fullmatch(f"Credential={request.args.get('X-Amz-Credential', '')}"):
        return Signature(found["key"], found["region"], found["service"].lower(), token)
    if key := request.args.get("AWSAccessKeyId"):  # S3's older presigned URLs
        return Signature(key, "us-east-1", "s3", request.args.get("x-amz-security-token"))
    return None


def bucket_of_host(request: werkzeug.Request) -> str | None:
    """The bucket that the host names; None if the path does.

    moto decides, since it will answer: it takes the first label of almost any host for a bucket.
    """
    from moto.s3.responses import S3Response
    from moto.s3.utils import bucket_name_from_url

    return bucket_name_from_url(request.url) if S3Response.subdomain_based_buckets(request) else None


def form_of_call(request: werkzeug.Request, service: str) -> str:
    """The form of a request to the service with this signing name."""
    if "X-Amz-Target" in request.headers:
        return "json"
    if CBOR_PATH.fullmatch(request.path):
        return "cbor"
    if service not in REST and request.values.get("Action"):
        return "query"
    return XML_FORMS.get(service, "rest-json")


def names_its_operation(request: werkzeug.Request, service: str) -> bool:
    """Whether a request says by a name what it calls, and not by its method and its path."""
    form = form_of_call(request, service)
    return form in ("json", "cbor") or (form == "query" and service not in REST)


AnyRequest = TypeVar("AnyRequest", bound=werkzeug.Request)


def as_form(request: AnyRequest, service: str) -> AnyRequest:
    """A request of the query protocol as SDKs send it, with its parameters in a form; others as they are.

    AWS reads parameters in the address, too, and answers GET as it answers POST.
    """
    if request.method not in ("GET", "POST") or not request.query_string:
        return request
    if form_of_call(request, service) != "query" or service in REST:
        return request
    body = urlencode(list(request.values.items(multi=True))).encode()
    form = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body))}
    request.environ |= form | {"QUERY_STRING": "", "wsgi.input": io.BytesIO(body)}
    return type(request)(request.environ)


def call_of(request: werkzeug.Request, service: str) -> Call:
    """The call that a request to the service with this signing name makes."""
    form = form_of_call(request, service)
    if form == "json":
        return Call(service, request.headers["X-Amz-Target"].rpartition(".")[2], form, _json_body(request))
    if found := CBOR_PATH.fullmatch(request.path):
        return Call(service, found["operation"], form, _cbor_body(request))
    if form == "query" and service not in REST:
        return Call(service, request.values["Action"], form, request.values.to_dict())
    return _rest_call(request, service)


def form_of(request: werkzeug.Request) -> str:
    """The form of errors to a request, without its body, which may be invalid."""
    if "X-Amz-Target" in request.headers:
        return "json"
    if CBOR_PATH.fullmatch(request.path):
        return "cbor"
    if request.path.startswith(EXECUTE_API_PATH) or ".execute-api." in request.host:
        return "rest-json"
    signature = signature_of(request)
    if request.path.startswith(S3_CONTROL_PATH):
        return XML_FORMS["s3control"]
    if request.mimetype == FORM and not (signature and signature.service in XML_FORMS):
        return "query"
    if signature and signature.service not in (*REST, *XML_FORMS) and "Action" in request.args:
        return "query"
    return XML_FORMS.get(signature.service if signature else "s3", "rest-json")


def _json_body(request: werkzeug.Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _cbor_body(request: werkzeug.Request) -> dict[str, Any]:
    """Raises RequestRefused for a body that is no map of CBOR."""
    body = request.get_data()
    try:
        content = RpcV2CBORParser().parse_data_item(io.BytesIO(body)) if body else {}
        if not isinstance(content, dict):
            raise ValueError("it is no map")
    except RecursionError:
        raise
    except Exception as error:  # the parser expects AWS's own answers, and raises many kinds for others
        raise RequestRefused(400, "SerializationException", f"The body is not CBOR: {error}") from None
    return content


def _rest_call(request: werkzeug.Request, service: str) -> Call:
    form = XML_FORMS.get(service, "rest-json")
    if (found := _rest_operation(request, service)) is None:
        return Call(service, f"{request.method} {request.path}", form)
    operation, uri_parameters = found
    parameters = {**request.args.to_dict(), **uri_parameters}
    shape = operation.input_shape
    # A payload is data, and must not be taken for parameters.
    if form == "rest-json" and not (shape and "payload" in shape.serialization):
        parameters = {**_json_body(request), **parameters}
    return Call(service, operation.name, form, parameters)


def operation_of(request: werkzeug.Request, service: str) -> tuple["OperationModel", dict[str, str]] | None:
    """The model of the operation that a request calls, and the labels of its path.

    `service` is botocore's name of the service. None if the request calls no operation of it.
    """
    routed = request.environ.setdefault(ROUTED, {})
    if service not in routed:
        routed[service] = _route(request, service)
    return cast("tuple[OperationModel, dict[str, str]] | None", routed[service])


def _route(request: werkzeug.Request, service: str) -> "tuple[OperationModel, dict[str, str]] | None":
    if (router := _router(service)) is None:
        return None
    if router.service_model.protocol != "rest-json":
        return _match(router, request)
    # What such a router looks at: clients ask for the same again and again, and matching takes long.
    environ = request.environ
    key = (
        *(service, request.method, request.host, request.path),
        *(environ.get("RAW_URI"), request.query_string),
        frozenset(name for name in environ if name.startswith("HTTP_")),
    )
    if (found := _routes.get(key)) is None:
        if (found := _match(router, request)) is None:
            return None
        if len(_routes) >= MAX_ROUTES:
            _routes.clear()
        _routes[key] = found
    return found[0], dict(found[1])


def _match(
    router: "ProtocolRouter", request: werkzeug.Request
) -> "tuple[OperationModel, dict[str, str]] | None":
    from moto.core.request import Request

    try:
        # REST routers need moto's own class of requests, which cannot read a form again.
        is_rest = router.service_model.protocol.startswith("rest-")
        return router.match(Request(request.environ) if is_rest else cast(Request, request))
    except HTTPException:
        return _incomplete(request, router) if router.service_model.protocol == "rest-json" else None


def _incomplete(
    request: werkzeug.Request, router: "ProtocolRouter"
) -> "tuple[OperationModel, dict[str, str]] | None":
    """The operation of a request without parameters that it requires, which moto's router does not find."""
    from moto.core.request import Request

    for name in router.service_model.operation_names:
        model = router.service_model.operation_model(name)
        required = model.input_shape.required_query_args if model.input_shape else []
        if required and model.http["method"] == request.method:
            query = "&".join([request.query_string.decode(), *(f"{one}=" for one in required)])
            with contextlib.suppress(HTTPException):
                return router.match(Request({**request.environ, "QUERY_STRING": query}))
    return None


_routes: "dict[tuple[Any, ...], tuple[OperationModel, dict[str, str]]]" = {}


@dataclass(frozen=True)
class Target:
    """The operation that a request calls. `service` is botocore's name of its model, None for no model."""

    service: str | None
    operation: str


def target_of(request: werkzeug.Request, service: str) -> Target:
    """The operation that a request to the service with this signing name calls, by botocore's models.

    Where no model has it, `operation` is what the request itself says.
    """
    if names_its_operation(request, service):
        prefix, operation = _named_operation(request)
        for name in MODELS.get(service, (service,)):
            model = model_of(name)
            if model is None or operation not in model.operation_names:
                continue
            if prefix in (None, model.metadata.get("targetPrefix")):
                return Target(name, operation)
        return Target(None, operation)
    if found := _rest_operation(request, service):
        return Target(found[0].service_model.service_name, found[0].name)
    return Target(None, f"{request.method} {request.path}")


def _rest_operation(
    request: werkzeug.Request, service: str
) -> tuple["OperationModel", dict[str, str]] | None:
    is_control = service == "s3" and request.path.startswith(S3_CONTROL_PATH)
    for name in ("s3control",) if is_control else MODELS.get(service, (service,)):
        model = model_of(name)
        if model and model.protocol.startswith("rest-") and (found := operation_of(request, name)):
            return found
    return None


def _named_operation(request: werkzeug.Request) -> tuple[str | None, str]:
    """The operation's name in a request of a protocol without paths, and the prefix before it in a header."""
    if target := request.headers.get("X-Amz-Target"):
        prefix, _, operation = target.rpartition(".")
        return prefix, operation
    if found := CBOR_PATH.fullmatch(request.path):
        return None, found["operation"]
    return None, str(request.values["Action"])


@functools.cache
def _router(service: str) -> "ProtocolRouter | None":
    """The router of a service's own protocol; None for a service that botocore does not know."""
    from moto.core.routing import get_router_class

    if (model := model_of(service)) is None:
        return None
    router = get_router_class(service, model.protocol)
    return router(model) if router else None


@functools.cache
def model_of(service: str) -> "ServiceModel | None":
    """botocore's model of a service; None for a service that botocore does not know."""
    from moto.core.utils import get_service_model

    try:
        return get_service_model(service)
    except UnknownServiceError:
        return None
