"""The runtime API: InvokeEndpoint passes bytes to the model server of an endpoint, and returns its answer."""

import json
import time
from typing import Any

from localcloud import metrics
from localcloud.cloud import Cloud
from localcloud.protocol import ApiError, InvalidRequest
from localcloud.protocol.service import ModelledService
from localcloud.protocol.validation import require_supported
from localcloud.sagemaker.endpoints import Endpoints
from localcloud.sagemaker.exchange import ContainerEnded, NotReady, TooSlow
from localcloud.sagemaker.variants import LOG_GROUP, Throttled, Variant

MAX_PAYLOAD = 25 * 1024 * 1024
"""The limit of requests and responses of endpoints on instances (SageMaker quotas)."""
MAX_SERVERLESS_PAYLOAD = 4 * 1024 * 1024
"""The limit of serverless endpoints ("Invoke a serverless endpoint")."""
SHOWN_CHARACTERS = 1024
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
FORWARDED = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": CUSTOM_ATTRIBUTES,
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
}
"""The members of InvokeEndpoint that the container gets, and their headers."""
SUPPORTED = dict.fromkeys((*FORWARDED, "EndpointName", "Body", "TargetVariant"))


class SageMakerRuntime(ModelledService):
    """The data plane of SageMaker."""

    service_name = "sagemaker-runtime"
    validation_code = "ValidationError"

    def __init__(self, cloud: Cloud, endpoints: Endpoints):
        self._cloud, self._endpoints = cloud, endpoints

    def invoke_endpoint(self, EndpointName: str, **request: Any) -> dict[str, Any]:
        require_supported("InvokeEndpoint", request, SUPPORTED)
        with self._endpoints.serving(EndpointName) as deployment:
            if deployment is None:
                raise InvalidRequest(
                    f"Endpoint {EndpointName} of account {self._cloud.account_id} not found."
                )
            target = request.get("TargetVariant")
            variant = deployment.choose(target)
            if variant is None:
                raise InvalidRequest(f"Could not find variant {target} of endpoint {EndpointName}.")
            try:
                with variant.slot():
                    return self._invoke(EndpointName, variant, request)
            except Throttled as throttled:
                raise ApiError("ThrottlingException", f"Rate exceeded: {throttled}.", status=429) from None

    def _invoke(self, name: str, variant: Variant, request: dict[str, Any]) -> dict[str, Any]:
        limit = MAX_SERVERLESS_PAYLOAD if variant.serverless else MAX_PAYLOAD
        body = request.get("Body", b"")
        if len(body) > limit:
            message = f"Request {len(body)} bytes exceeds the maximum payload of {limit} bytes."
            raise ApiError("ValidationError", message, status=413)
        headers = {header: request[member] for member, header in FORWARDED.items() if member in request}
        began = time.monotonic()
        try:
            answer = variant.invoke(body, headers)
        except NotReady as error:
            self._measure(name, variant, 503, time.monotonic() - began)
            if variant.serverless:
                message = f"Endpoint {name} is not ready: {error}."
                raise ApiError("ModelNotReadyException", message) from error
            message = f"The containers of endpoint {name} are starting."
            raise ApiError("ServiceUnavailable", message) from error
        except ContainerEnded:
            self._measure(name, variant, 500, time.monotonic() - began)
            # In the words of TorchServe, the server in AWS's images.
            died = {"code": 500, "type": "InternalServerException", "message": "Worker died."}
            raise self._model_error(name, 500, json.dumps(died)) from None
        except TooSlow as error:
            self._measure(name, variant, 504, time.monotonic() - began)
            message = (
                "Your invocation timed out while waiting for a response from container primary. Review "
                "the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try "
                f"again. ({error})"
            )
            raise self._model_error(name, 0, message) from error
        self._measure(name, variant, answer.status, time.monotonic() - began)
        if answer.status >= 400:
            raise self._model_error(name, answer.status, answer.body.decode(errors="replace"))
        if len(answer.body) > limit:
            raise self._model_error(name, answer.status, f"The response has more than {limit} bytes.")
        return {
            "Body": answer.body,
            "ContentType": answer.content_type,
            "InvokedProductionVariant": variant.name,
            "CustomAttributes": answer.headers.get(CUSTOM_ATTRIBUTES),
        }

    def _measure(self, name: str, variant: Variant, status: int, seconds: float) -> None:
        """https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html"""
        dimensions = {"EndpointName": name, "VariantName": variant.name}
        values = {
            "Invocations": (1, "Count"),
            "Invocation4XXErrors": (int(400 <= status < 500), "Count"),
            "Invocation5XXErrors": (int(status >= 500), "Count"),
            "ModelLatency": (seconds * 1e6, "Microseconds"),
        }
        metrics.record(self._cloud, "AWS/SageMaker", dimensions, values)

    def _model_error(self, name: str, status: int, message: str) -> ApiError:
        region, account = self._cloud.region, self._cloud.account_id
        kind = "client" if 400 <= status < 500 else "server"
        group = f"{LOG_GROUP}/{name}"
        console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        shown = message[:SHOWN_CHARACTERS]
        return ApiError(
            "ModelError",
            f'Received {kind} error ({status}) from primary with message "{shown}". See '
            f"{console}#logEventViewer:group={group} in account {account} for more information.",
            ErrorCode=f"{kind.upper()}_ERROR_FROM_MODEL",
            LogStreamArn=f"arn:aws:logs:{region}:{account}:log-group:{group}",
            OriginalMessage=shown,
            OriginalStatusCode=status,
        )
