"""InvokeEndpoint: passes a request to an endpoint's model server and its answer back, bytes as they are."""

import json
import re
import time
from urllib.parse import unquote

import werkzeug

from localcloud import metrics
from localcloud.cloud import Cloud
from localcloud.front import Request
from localcloud.sagemaker.endpoints import LOG_GROUP, Endpoints, Throttled, Variant
from localcloud.sagemaker.hosting import FORWARDED, Answer, Died, NotReady, TooSlow

PATH = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)")
MAX_PAYLOAD = 25 * 1024 * 1024
"""Request and response of an endpoint on instances (SageMaker quotas)."""
MAX_SERVERLESS_PAYLOAD = 4 * 1024 * 1024
"""Request and response of a serverless endpoint ("Invoke a serverless endpoint")."""
SHOWN_CHARACTERS = 1024
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


class Invocation:
    """The data plane of SageMaker."""

    def __init__(self, cloud: Cloud, endpoints: Endpoints):
        self._cloud, self._endpoints = cloud, endpoints

    def handle(self, request: Request) -> werkzeug.Response | None:
        match = PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            return None
        name, kind = unquote(match[1]), match[2]
        if kind != "invocations":
            return _error(400, "ValidationError", f"localcloud does not support {kind} of an endpoint.")
        for header in ("X-Amzn-SageMaker-Target-Model", "X-Amzn-SageMaker-Target-Container-Hostname"):
            if header in request.headers:
                return _error(
                    400, "ValidationError", f"localcloud does not support {header} in InvokeEndpoint."
                )
        with self._endpoints.serving(name) as deployment:
            if deployment is None:
                message = f"Endpoint {name} of account {self._cloud.account_id} not found."
                return _error(400, "ValidationError", message)
            target = request.headers.get("X-Amzn-SageMaker-Target-Variant")
            variant = deployment.choose(target)
            if variant is None:
                return _error(400, "ValidationError", f"Could not find variant {target} of endpoint {name}.")
            try:
                with variant.slot():
                    return self._invoke(name, variant, request)
            except Throttled as throttled:
                return _error(429, "ThrottlingException", f"Rate exceeded: {throttled}.")

    def _invoke(self, name: str, variant: Variant, request: Request) -> werkzeug.Response:
        limit = MAX_SERVERLESS_PAYLOAD if variant.serverless else MAX_PAYLOAD
        if (request.content_length or 0) > limit:
            return _too_large(request.content_length, limit)
        body = request.get_data()
        if len(body) > limit:
            return _too_large(len(body), limit)
        headers = {header: request.headers.get(header, "") for header in FORWARDED}
        began = time.monotonic()
        try:
            answer = variant.invoke(body, headers)
        except NotReady as error:
            self._measure(name, variant, 503, time.monotonic() - began)
            if variant.serverless:
                return _error(429, "ModelNotReadyException", f"Endpoint {name} is not ready: {error}.")
            return _error(503, "ServiceUnavailable", f"The containers of endpoint {name} are starting.")
        except Died:
            self._measure(name, variant, 500, time.monotonic() - began)
            # In the words of TorchServe, the server in AWS's images.
            died = {"code": 500, "type": "InternalServerException", "message": "Worker died."}
            return self._model_error(name, 500, json.dumps(died))
        except TooSlow as error:
            self._measure(name, variant, 504, time.monotonic() - began)
            message = (
                "Your invocation timed out while waiting for a response from container primary. Review "
                "the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try "
                f"again. ({error})"
            )
            return self._model_error(name, 0, message)
        self._measure(name, variant, answer.status, time.monotonic() - began)
        if answer.status >= 400:
            return self._model_error(name, answer.status, answer.body.decode(errors="replace"))
        if len(answer.body) > limit:
            return self._model_error(name, answer.status, f"The response has more than {limit} bytes.")
        return _passed_on(answer, variant)

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

    def _model_error(self, name: str, status: int, message: str) -> werkzeug.Response:
        region, account = self._cloud.region, self._cloud.account_id
        kind = "client" if 400 <= status < 500 else "server"
        group = f"{LOG_GROUP}/{name}"
        console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        shown = message[:SHOWN_CHARACTERS]
        return _error(
            424,
            "ModelError",
            f'Received {kind} error ({status}) from primary with message "{shown}". See '
            f"{console}#logEventViewer:group={group} in account {account} for more information.",
            ErrorCode=f"{kind.upper()}_ERROR_FROM_MODEL",
            LogStreamArn=f"arn:aws:logs:{region}:{account}:log-group:{group}",
            OriginalMessage=shown,
            OriginalStatusCode=status,
        )


def _passed_on(answer: Answer, variant: Variant) -> werkzeug.Response:
    response = werkzeug.Response(answer.body, answer.status, content_type=answer.content_type)
    response.headers["x-Amzn-Invoked-Production-Variant"] = variant.name
    if attributes := answer.headers.get(CUSTOM_ATTRIBUTES):
        response.headers[CUSTOM_ATTRIBUTES] = attributes
    return response


def _too_large(size: int, limit: int) -> werkzeug.Response:
    return _error(
        413, "ValidationError", f"Request {size} bytes exceeds the maximum payload of {limit} bytes."
    )


def _error(status: int, code: str, message: str, **fields: object) -> werkzeug.Response:
    body = json.dumps({"Message": message, **fields})
    return werkzeug.Response(body, status, {"x-amzn-ErrorType": code}, content_type="application/json")
