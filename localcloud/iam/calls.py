"""Reads from an AWS API request which operation it calls, with which parameters."""

import functools
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import botocore.loaders
import werkzeug
from botocore.exceptions import UnknownServiceError
from botocore.parsers import RpcV2CBORParser

from localcloud.addresses import EXECUTE_API_PATH

FORM = "application/x-www-form-urlencoded"
CREDENTIAL = re.compile(
    r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]*)/(?P<service>[^/]+)/aws4_request", re.IGNORECASE
)
CBOR_PATH = re.compile(r"/service/[^/]+/operation/(?P<operation>\w+)")
REST_MODELS = {"sagemaker": "sagemaker-runtime", "apigateway": "apigatewayv2"}
"""Signing names under which the REST service has another name in botocore."""
REST = ("apigateway", "cloudfront", "lambda", "route53", "s3", "sagemaker")
"""Services whose requests never name an Action: in their bodies such a word is somebody's data."""
REST_XML_FORMS = {"s3": "s3", "cloudfront": "query", "route53": "query"}
"""Services whose REST API is not JSON; but for S3, their errors look like the query protocol's."""


@dataclass(frozen=True)
class Signature:
    """What a signed request says of its caller. Signatures themselves are not verified."""

    access_key: str
    region: str
    service: str
    token: str | None


@dataclass(frozen=True)
class Call:
    """An API call. `form` is how its errors are written: json, rest-json, query, s3 or cbor."""

    service: str
    operation: str
    form: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def signature_of(request: werkzeug.Request) -> Signature | None:
    """Who signed the request, in a header or in the query string (presigned URLs); None if nobody did."""
    token = request.headers.get("X-Amz-Security-Token") or request.args.get("X-Amz-Security-Token")
    if found := CREDENTIAL.search(request.headers.get("Authorization", "")):
        return Signature(found["key"], found["region"], found["service"].lower(), token)
    if found := CREDENTIAL.fullmatch(f"Credential={request.args.get('X-Amz-Credential', '')}"):
        return Signature(found["key"], found["region"], found["service"].lower(), token)
    if key := request.args.get("AWSAccessKeyId"):  # S3's older presigned URLs
        return Signature(key, "us-east-1", "s3", request.args.get("x-amz-security-token"))
    return None


def bucket_of_host(request: werkzeug.Request) -> str | None:
    """The bucket that the request's host names, None where its path does.

    As moto sees it, which will answer: it takes the first label of almost any name for a bucket.
    """
    from moto.s3.responses import S3Response
    from moto.s3.utils import bucket_name_from_url

    return bucket_name_from_url(request.url) if S3Response.subdomain_based_buckets(request) else None


def form_of_call(request: werkzeug.Request, service: str) -> str:
    """How a request to the service with this signing name is written: the `form` of its call."""
    if "X-Amz-Target" in request.headers:
        return "json"
    if CBOR_PATH.fullmatch(request.path):
        return "cbor"
    if service not in REST and request.values.get("Action"):
        return "query"
    return REST_XML_FORMS.get(service, "rest-json")


def call_of(request: werkzeug.Request, service: str) -> Call:
    """The call that a request to the service with this signing name makes."""
    form = form_of_call(request, service)
    if form == "json":
        return Call(service, request.headers["X-Amz-Target"].rpartition(".")[2], form, _json_body(request))
    if form == "cbor":
        body = request.get_data()
        parameters = RpcV2CBORParser().parse_data_item(io.BytesIO(body)) if body else {}
        return Call(service, CBOR_PATH.fullmatch(request.path)["operation"], form, parameters)
    if form == "query" and service not in REST:
        return Call(service, request.values["Action"], form, request.values.to_dict())
    return _rest_call(request, service)


def form_of(request: werkzeug.Request) -> str:
    """The form of errors to a request, told without its body, which may be what is wrong with it."""
    if "X-Amz-Target" in request.headers:
        return "json"
    if CBOR_PATH.fullmatch(request.path):
        return "cbor"
    if request.path.startswith(EXECUTE_API_PATH) or ".execute-api." in request.host:
        return "rest-json"
    signature = signature_of(request)
    if request.mimetype == FORM and not (signature and signature.service == "s3"):
        return "query"
    return REST_XML_FORMS.get(signature.service if signature else "s3", "rest-json")


def _json_body(request: werkzeug.Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _rest_call(request: werkzeug.Request, service: str) -> Call:
    path = request.path
    if service == "s3" and (bucket := bucket_of_host(request)):
        path = f"/{bucket}{path}"
    form = REST_XML_FORMS.get(service, "rest-json")
    best: tuple[tuple[int, int], _Operation, Call] | None = None
    for operation in _operations(REST_MODELS.get(service, service)):
        if operation.method != request.method or not operation.asked_by(request):
            continue
        if found := operation.path.fullmatch(path.rstrip("/") or "/") or operation.path.fullmatch(path):
            parameters = {**request.args.to_dict(), **found.groupdict()}
            # The operation that asks for most is the one meant; a literal path goes before a parameter.
            rank = (len(operation.query) + len(operation.headers), -len(parameters))
            if best is None or rank > best[0]:
                best = rank, operation, Call(service, operation.name, form, parameters)
    if best is None:
        return Call(service, f"{request.method} {path}", form)
    _, operation, call = best
    if form == "rest-json" and not operation.has_payload:
        return Call(service, call.operation, form, {**_json_body(request), **call.parameters})
    return call


@dataclass(frozen=True)
class _Operation:
    name: str
    method: str
    path: re.Pattern
    query: Mapping[str, str | None]
    headers: frozenset[str]
    has_payload: bool
    """The body is somebody's data, not parameters of the call: nothing in it may pass for one."""

    def asked_by(self, request: werkzeug.Request) -> bool:
        return all(
            name in request.args and (value is None or request.args[name] == value)
            for name, value in self.query.items()
        ) and all(name in request.headers for name in self.headers)


@functools.cache
def _operations(service: str) -> tuple[_Operation, ...]:
    """The REST operations of a service, from the model that botocore ships; none of an unknown service."""
    try:
        model = botocore.loaders.Loader().load_service_model(service, "service-2")
    except UnknownServiceError:
        return ()
    return tuple(_read_operations(model))


def _read_operations(model: Mapping[str, Any]) -> Iterator[_Operation]:
    for name, operation in model["operations"].items():
        path, _, query = operation["http"]["requestUri"].partition("?")
        required = dict(part.partition("=")[::2] for part in query.split("&") if part)
        wanted: dict[str, str | None] = {key: value or None for key, value in required.items()}
        headers = set()
        shape = model["shapes"][operation["input"]["shape"]] if "input" in operation else {}
        for member in shape.get("required", ()):
            description = shape["members"][member]
            if description.get("location") == "querystring":
                wanted.setdefault(description["locationName"], None)
            elif description.get("location") == "header":
                headers.add(description["locationName"])
        has_payload = "payload" in shape
        method = operation["http"]["method"]
        yield _Operation(name, method, _pattern(path), wanted, frozenset(headers), has_payload)


def _pattern(path: str) -> re.Pattern:
    pattern, end = "", 0
    for label in re.finditer(r"\{(\w+)(\+?)\}", path):
        pattern += re.escape(path[end : label.start()]) + f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
        end = label.end()
    return re.compile((pattern + re.escape(path[end:])).rstrip("/") or "/", re.DOTALL)
