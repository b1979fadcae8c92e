"""The base of localcloud's own services, which reads requests and writes answers by botocore's models.

A service defines one method per operation, named as in boto3. The method gets the arguments that boto3 takes
and returns the dictionary that boto3 returns.
"""

import functools
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import werkzeug
from botocore import xform_name
from botocore.model import Shape
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model

from localcloud.protocol.calls import XML_FORMS, operation_of
from localcloud.protocol.errors import ApiError, InvalidRequest, MalformedRequest, error_response, s3_ids
from localcloud.protocol.query import QueryParser
from localcloud.protocol.validation import check_types, refuse_unsupported, validate
from localcloud.untrusted import parse_json

FORWARD = object()
"""The result of a method that only checks requests, for moto to carry out."""
Operation = Callable[..., Any]
JSON = ("json", "rest-json")
"""The protocols that answer in JSON."""
PROTOCOL_PARSERS["query"] = QueryParser  # moto's services use it, too


class ModelledService:
    """Answers the requests to one service.

    Subclasses define the operations as methods, or override `operation`.
    """

    service_name: ClassVar[str]
    """botocore's name of the service."""
    validation_code: ClassVar[str] = "ValidationException"
    """The error code of requests that violate the constraints of the API."""
    malformed_code: ClassVar[str] = "SerializationException"
    """The error code of requests that are not in the form of the protocol."""
    unsupported_members: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Paths of members that the service would ignore and therefore refuses, by operation."""

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        """Answers a request. Returns None if it calls no operation of this service, or a missing one."""
        found = operation_of(request, self.service_name)
        if found is None or (perform := self.operation(found[0].name)) is None:
            return None
        return self.answer(request, *found, perform)

    def operation(self, name: str) -> Operation | None:
        """The function for an operation, which is named as in AWS's documentation; None for a missing one."""
        method: Operation | None = getattr(self, xform_name(name), None)
        return method

    def operations(self) -> dict[str, set[str]]:
        """The operations that this service carries out, by botocore's name of the service."""
        names = get_service_model(self.service_name).operation_names
        return {self.service_name: {name for name in names if self.operation(name)}}

    def answer(
        self,
        request: werkzeug.Request,
        model: OperationModel,
        uri_parameters: Mapping[str, str],
        perform: Operation,
    ) -> werkzeug.Response | None:
        """Carries out an operation. Returns None when moto is to do that."""
        try:
            members = read_request(request, model, uri_parameters)
            refuse_unsupported(model.name, members, self.unsupported_members.get(model.name, ()))
            result = perform(**members)
            return None if result is FORWARD else write_answer(model, result or {})
        except InvalidRequest as error:
            refused = self.invalid(model.name, error)
        except MalformedRequest as error:
            refused = ApiError(self.malformed_code, error.message)
        except ApiError as error:
            refused = error
        return self.refuse(model.service_model, refused)

    def invalid(self, operation: str, error: InvalidRequest) -> ApiError:
        """The service's error for a request that violates the constraints of the API."""
        return ApiError(self.validation_code, error.message)

    def refuse(self, model: ServiceModel, error: ApiError) -> werkzeug.Response:
        """The HTTP response for an error."""
        return write_error(model, error)


def read_request(
    request: werkzeug.Request,
    model: OperationModel,
    uri_parameters: Mapping[str, str],
    *,
    form: str | None = None,
    with_body: bool = True,
) -> dict[str, Any]:
    """The members of a request, in the types that boto3 takes; without its body, if that is large data.

    `form` is the protocol that the request speaks, where its service has several. Raises ApiError for a
    request that is malformed or violates the model.
    """
    protocol = form if form in ("json", "query") else model.service_model.protocol
    shape = model.input_shape
    body = request.get_data() if with_body else b""
    document = {}
    if protocol == "json" or (protocol == "rest-json" and shape and "payload" not in shape.serialization):
        document = _json_object(body)
        check_types(shape, document)
    try:
        members: dict[str, Any] = PROTOCOL_PARSERS[protocol](model).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": body,
                "url_path": request.path,
                "url_params": dict(uri_parameters),
            }
        )
    except (NotImplementedError, RecursionError):  # which are RuntimeErrors, too, and the front door's
        raise
    except (RequestParserError, ValueError, OverflowError, RuntimeError) as error:
        # botocore raises RuntimeError for a time that is in no calendar.
        raise MalformedRequest(f"Could not parse the request: {error}") from None
    members = {name: value for name, value in members.items() if value is not None}
    given = members
    if document:
        located = {name for name, member in shape.members.items() if "location" in member.serialization}
        given = document | {name: value for name, value in members.items() if name in located}
    validate(shape, given, model.service_model.service_name)
    return members


def write_answer(model: OperationModel, result: Mapping[str, Any]) -> werkzeug.Response:
    """The HTTP response for an operation's output.

    As in boto3's answers, ResponseMetadata.RequestId is the id of the request, if it matters which.
    """
    request_id = (result.get("ResponseMetadata") or {}).get("RequestId") or str(uuid.uuid4())
    service = model.service_model
    if headers := _headers_beside_data(model):
        data = result.get(str(model.output_shape.serialization["payload"])) or b""
        response = werkzeug.Response(data, 200, content_type="application/json" if data else None)
        for name, header in headers.items():
            if result.get(name) is not None:
                response.headers[header] = result[name]
    else:
        serializer = get_serializer_class(service.service_name, service.protocol)
        answer = serializer(model, SerializationContext(request_id)).serialize(result)
        is_document = service.protocol in JSON and not _is_data(_payload(model))
        body = _without_constants(answer["body"]) if is_document else answer["body"]
        response = werkzeug.Response(body, answer["status_code"], answer["headers"])
    response.headers.update(s3_ids() if service.service_name == "s3" else {"x-amzn-RequestId": request_id})
    for name, member in (model.output_shape.members if model.output_shape else {}).items():
        # moto's serializer omits the status, and sets the content type of payloads to the protocol's.
        if member.serialization.get("location") == "statusCode" and name in result:
            response.status_code = result[name]
        elif member.serialization.get("name") == "Content-Type" and result.get(name):
            response.headers["Content-Type"] = result[name]
    return response


def _without_constants(document: str | bytes) -> str | bytes:
    """A JSON document with the texts "NaN", "Infinity" and "-Infinity" for the numbers, which JSON lacks.

    https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#shape-serialization
    """
    text = document.decode() if isinstance(document, bytes) else document
    if "NaN" not in text and "Infinity" not in text:
        return document
    return json.dumps(json.loads(text, parse_constant=str))


def _payload(model: OperationModel) -> Shape | None:
    """The member of an answer that is its whole body; None where the body has several."""
    shape = model.output_shape
    member: Shape | None = shape.members.get(str(shape.serialization.get("payload"))) if shape else None
    return member


def _is_data(payload: Shape | None) -> bool:
    return payload is not None and payload.type_name in ("blob", "string")


@functools.lru_cache(maxsize=1024)
def _headers_beside_data(model: OperationModel) -> Mapping[str, str]:
    """The headers of an answer whose body is data, by member; none if there is anything to serialize."""
    members: Mapping[str, Shape] = model.output_shape.members if model.output_shape else {}
    payload = _payload(model)
    others = [(name, member) for name, member in members.items() if member is not payload]
    if model.service_model.protocol != "rest-json" or payload is None or payload.type_name != "blob":
        return {}
    if any(member.type_name != "string" for _, member in others if _location(member) == "header"):
        return {}
    if any(_location(member) not in ("header", "statusCode") for _, member in others):
        return {}
    return {name: member.serialization["name"] for name, member in others if _location(member) == "header"}


def _location(member: Shape) -> str:
    return str(member.serialization.get("location"))


def write_error(service: ServiceModel, error: ApiError) -> werkzeug.Response:
    """The HTTP response for an error, with the status that the model gives to its code."""
    form = XML_FORMS.get(service.service_name) or str(service.protocol)
    shape = service.shape_for_error_code(error.code)
    status = shape.metadata.get("error", {}).get("httpStatusCode", 400) if shape else 400
    namespace = service.metadata.get("xmlNamespace", "")
    return error_response(form, error, status=status, namespace=namespace)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = parse_json(body or b"{}")
    except ValueError as error:
        raise MalformedRequest(f"Could not parse request body into json: {error}") from None
    if not isinstance(document, dict):
        raise MalformedRequest("Could not parse request body into json: it is not an object")
    return document
