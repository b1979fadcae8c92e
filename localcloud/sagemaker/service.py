"""SageMaker's front: finds the operation that a request names, checks the request and answers it."""

import json

import werkzeug

from localcloud.cloud import Cloud
from localcloud.front import Request
from localcloud.routing import APIS
from localcloud.sagemaker.endpoints import Endpoints
from localcloud.sagemaker.errors import ApiError
from localcloud.sagemaker.invocation import Invocation
from localcloud.sagemaker.models import EndpointConfigs, Models
from localcloud.sagemaker.records import Record, to_tags
from localcloud.sagemaker.training import TrainingJobs
from localcloud.sagemaker.transform import TransformJobs
from localcloud.sagemaker.validation import validate
from localcloud.untrusted import parse_json

SIGNING_NAME = "sagemaker"
TARGET = "SageMaker."
JSON_PROTOCOL = "application/x-amz-json-1.1"


class SageMakerService:
    """SageMaker's control plane (JSON protocol) and data plane (InvokeEndpoint)."""

    answers = frozenset({SIGNING_NAME})

    def __init__(self, cloud: Cloud):
        self._training = TrainingJobs(cloud)
        self._models = Models(cloud)
        self._configs = EndpointConfigs(cloud, self._models)
        self._endpoints = Endpoints(cloud, self._models, self._configs)
        self._transform = TransformJobs(cloud, self._models)
        self._invocation = Invocation(cloud, self._endpoints)
        self._operations = {
            "CreateTrainingJob": self._training.create,
            "DescribeTrainingJob": self._training.describe,
            "ListTrainingJobs": self._training.summaries,
            "StopTrainingJob": self._training.stop,
            "CreateModel": self._models.create,
            "DescribeModel": self._models.describe,
            "DeleteModel": self._models.delete,
            "ListModels": self._models.summaries,
            "CreateEndpointConfig": self._configs.create,
            "DescribeEndpointConfig": self._configs.describe,
            "DeleteEndpointConfig": self._configs.delete,
            "ListEndpointConfigs": self._configs.summaries,
            "CreateEndpoint": self._endpoints.create,
            "DescribeEndpoint": self._endpoints.describe,
            "UpdateEndpoint": self._endpoints.update,
            "DeleteEndpoint": self._endpoints.delete,
            "ListEndpoints": self._endpoints.summaries,
            "CreateTransformJob": self._transform.create,
            "DescribeTransformJob": self._transform.describe,
            "ListTransformJobs": self._transform.summaries,
            "StopTransformJob": self._transform.stop,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    def handle(self, request: Request) -> werkzeug.Response | None:
        target = request.headers.get("X-Amz-Target", "")
        if not target.startswith(TARGET):
            return self._invocation.handle(request)
        operation = target.removeprefix(TARGET)
        if APIS[SIGNING_NAME].operations.fullmatch(operation):
            return None  # a record, which moto keeps
        try:
            return _answer(_without_empty(operation, self._perform(operation, request.get_data())))
        except ApiError as error:
            body = {"__type": error.code, "message": error.message}
            return _answer(body, error.status, {"x-amzn-ErrorType": error.code})

    def status(self) -> dict:
        return {
            "training jobs": self._training.running(),
            "transform jobs": self._transform.running(),
            "endpoints": self._endpoints.running(),
        }

    def _perform(self, operation: str, body: bytes) -> dict:
        try:
            perform = self._operations[operation]
        except KeyError:
            raise ApiError(
                f"localcloud does not support the SageMaker operation {operation}.", "UnsupportedOperation"
            ) from None
        try:
            request = parse_json(body or b"{}")
        except ValueError as error:
            raise ApiError(f"The request is not JSON: {error}.", "SerializationException") from None
        validate(operation, request)
        return perform(request)

    def _tagged(self, arn: str) -> Record:
        tables = (self._training, self._transform, self._models, self._configs, self._endpoints)
        for owner in tables:
            if record := owner.table.by_arn(arn):
                return record
        raise ApiError(f"Could not find the resource {arn}.")

    def _add_tags(self, request: dict) -> dict:
        record = self._tagged(request["ResourceArn"])
        record.tags |= to_tags(request["Tags"])
        return {"Tags": _from_tags(record.tags)}

    def _list_tags(self, request: dict) -> dict:
        return {"Tags": _from_tags(self._tagged(request["ResourceArn"]).tags)}

    def _delete_tags(self, request: dict) -> dict:
        tags = self._tagged(request["ResourceArn"]).tags
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}


def _from_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _without_empty(operation: str, answer: dict) -> dict:
    """Drops what is not there; of a description also what is empty, which some SDKs cannot read."""
    empty = (None, {}, [], "") if operation.startswith("Describe") else (None,)
    return {name: value for name, value in answer.items() if value not in empty}


def _answer(body: dict, status: int = 200, headers: dict[str, str] | None = None) -> werkzeug.Response:
    return werkzeug.Response(json.dumps(body), status, headers, content_type=JSON_PROTOCOL)
