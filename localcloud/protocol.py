"""An AWS service's own wire protocol, from the model that botocore ships.

A service written here defines one method an operation, named as in boto3. A request arrives as the dictionary
that boto3 would take, the answer is the dictionary that boto3 would give.
"""

import warnings
from typing import Any

import werkzeug
from botocore import xform_name
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

# Errors of localcloud's own, and some of AWS's, have no shape in the models, and moto warns of each.
warnings.filterwarnings("ignore", message=".*does not match an error shape", category=UserWarning)


class ApiError(ServiceException):
    """An error that the client gets: the service's own error code and a message for a person."""

    def __init__(self, code: str, message: str):
        super().__init__(code, message)


class ModelledApi:
    """Reads requests and writes answers of one service. Subclasses define the operations as methods."""

    service_name: str

    def answer(
        self, request: werkzeug.Request, operation: str, uri_parameters: dict[str, str] | None = None
    ) -> werkzeug.Response:
        """Carries out one operation, named as in AWS's documentation.

        An operation without a method gets an error that names it, never an empty success.
        """
        model = get_service_model(self.service_name).operation_model(operation)
        method = getattr(self, xform_name(operation), None)
        try:
            if method is None:
                raise ApiError("NotImplemented", f"localcloud has no {self.service_name} {operation}.")
            result: Any = method(**_parse(request, model, uri_parameters or {})) or {}
        except ServiceException as failed:
            result = failed
        return _serialise(model, result)


def _parse(request: werkzeug.Request, model: OperationModel, uri_parameters: dict[str, str]) -> dict:
    protocol = determine_request_protocol(model.service_model, request.content_type)
    return PROTOCOL_PARSERS[protocol](model).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": uri_parameters,
        }
    )


def _serialise(model: OperationModel, result: Any) -> werkzeug.Response:
    serializer = get_serializer_class(model.service_model.service_name, model.service_model.protocol)
    answer = serializer(operation_model=model).serialize(result)
    return werkzeug.Response(answer["body"], answer["status_code"], answer["headers"])
