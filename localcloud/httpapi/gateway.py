"""Answers requests to HTTP APIs: `/_aws/execute-api/<api-id>[/<stage>]/<path>`, or by host name."""

import base64
import concurrent.futures
import dataclasses
import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import werkzeug

from localcloud import metrics
from localcloud.addresses import EXECUTE_API, EXECUTE_API_HOST, host_name, local_origin
from localcloud.cloud import Cloud
from localcloud.functions import FunctionsService, LambdaError
from localcloud.httpapi.accesslog import AccessLogs
from localcloud.httpapi.cors import Cors
from localcloud.httpapi.events import MalformedResponse, RequestContext, to_event, to_response
from localcloud.httpapi.integration import NotPermitted, Unsupported, function_of
from localcloud.httpapi.management import Management
from localcloud.httpapi.routes import DEFAULT, match
from localcloud.httpapi.throttle import Throttle, limits
from localcloud.moto_backends import backend_of
from localcloud.repeated_warnings import RepeatedWarnings
from localcloud.routing import HTTP_API

log = logging.getLogger(__name__)

MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
MAX_HEAD_BYTES = 10_240
"""Of request line and header values together ("Quotas for configuring and running an HTTP API")."""
HEADERS = ("CONTENT_TYPE", "CONTENT_LENGTH")
"""Those in the environ of a request whose names do not begin with HTTP_."""
INTEGRATION_TIMEOUT_SECONDS = 30.0
CONCURRENT_INTEGRATIONS = 256
LAMBDA_REFUSALS = {413: (413, "Request Entity Too Large"), 429: (503, "Service Unavailable")}
"""What clients see when Lambda itself refuses an invocation; anything else is an internal error.

AWS documents neither these nor 503 for an integration that takes too long; they are what its users report.
"""
RETRY_SECONDS = range(1, 4)
"""API Gateway sends no such header, but here clients share one machine and should wait. Those who are refused
together get different times, or they would come back together.
"""


class GatewayError(Exception):
    """An answer of the gateway instead of the function. Clients get `message`, the logs also `reason`."""

    def __init__(self, status: int, message: str, reason: str = ""):
        super().__init__(reason or message)
        self.status = status
        self.message = message
        self.reason = reason


@dataclass
class _Exchange:
    """A request on its way through the gateway, with the values for the access log."""

    request: werkzeug.Request
    api: Any
    stage: Any
    path: str
    context: RequestContext
    error: GatewayError | None = None
    integration_status: int | str = "-"
    function_status: int | str = "-"
    integration_ms: int | str = "-"


class HttpApiService:
    """Serves the APIs in moto's records. `timeout` limits every integration; tests shorten it."""

    answers = frozenset({HTTP_API, "apigateway"})
    regional = True

    def __init__(
        self,
        cloud: Cloud,
        timeout: float = INTEGRATION_TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._cloud = cloud
        self._timeout = timeout
        self._throttle = Throttle(clock)
        self._access_logs = AccessLogs(cloud)
        self._management = Management(cloud)
        self._warnings = RepeatedWarnings(log)
        self._integrations = concurrent.futures.ThreadPoolExecutor(CONCURRENT_INTEGRATIONS, "integration")

    @staticmethod
    def region_of(cloud: Cloud, request: werkzeug.Request) -> str | None:
        """The region of the deployed API that a request is for; None if there is no such API."""
        from moto.apigatewayv2.models import apigatewayv2_backends

        found = EXECUTE_API.fullmatch(request.path) or EXECUTE_API_HOST.fullmatch(host_name(request))
        if found is None:
            return None
        backends = list((apigatewayv2_backends.get(cloud.account_id) or {}).items())
        return next((region for region, one in backends if found["api"] in one.apis), None)

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        """The answer to a request to a deployed API, or to manage one; None if moto should answer it."""
        if found := EXECUTE_API.fullmatch(request.path):
            return self._serve(request, found["api"], found["path"] or "/")
        if found := EXECUTE_API_HOST.fullmatch(host_name(request)):
            return self._serve(request, found["api"], request.path)
        return self._management.handle(request)

    def operations(self) -> dict[str, set[str]]:
        """The operations that this service carries out, by botocore's name of the service."""
        return self._management.operations()

    def close(self) -> None:
        """Drops the invocations that have not been started."""
        self._integrations.shutdown(wait=False, cancel_futures=True)
        self._warnings.close()

    def _serve(self, request: werkzeug.Request, api_id: str, path: str) -> werkzeug.Response:
        from moto.apigatewayv2.models import apigatewayv2_backends

        api: Any = backend_of(apigatewayv2_backends, self._cloud.account_id, self._cloud.region).apis.get(
            api_id
        )
        if api is None or api.disable_execute_api_endpoint:
            return _message(404, "Not Found")
        if api.protocol_type != "HTTP":
            return _message(501, f"localcloud does not serve {api.protocol_type} APIs, only HTTP APIs.")
        stage, route_path = _stage(api, path)
        if stage is None:
            return _message(404, "Not Found")
        cors = Cors.of(api.cors_configuration, lambda origin: local_origin(self._cloud, origin))
        if cors and (answer := cors.preflight(request)) is not None:
            answer.headers["apigw-requestid"] = _request_id()
            return answer
        began = time.monotonic()
        exchange = _Exchange(request, api, stage, route_path, self._context(api_id, stage, route_path))
        try:
            response = self._route(exchange)
        except GatewayError as error:
            exchange.error = error
            response = _message(error.status, error.message)
            if error.status in (429, 503):
                response.headers["Retry-After"] = str(random.choice(RETRY_SECONDS))
            if error.reason:
                kind = (api_id, exchange.context.route_key, error.status, error.message)
                self._warnings.warn(kind, f"{request.method} {request.path}: {error.reason}")
        if cors:
            cors.add_headers(request, response)
        response.headers["apigw-requestid"] = exchange.context.request_id
        self._access_logs.write(stage, api_id, _log_values(exchange, response, began))
        self._measure(exchange, response, (time.monotonic() - began) * 1000)
        return response

    def _measure(self, exchange: _Exchange, response: werkzeug.Response, milliseconds: float) -> None:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html"""
        status = response.status_code
        values = {
            "Count": (1, "Count"),
            "4xx": (int(400 <= status < 500), "Count"),
            "5xx": (int(status >= 500), "Count"),
            "Latency": (milliseconds, "Milliseconds"),
        }
        if isinstance(exchange.integration_ms, int):
            values["IntegrationLatency"] = (exchange.integration_ms, "Milliseconds")
        by_api = {"ApiId": exchange.api.api_id}
        for dimensions in (by_api, by_api | {"Stage": exchange.stage.name}):
            metrics.record(self._cloud, "AWS/ApiGateway", dimensions, values)

    def _context(self, api_id: str, stage: Any, path: str) -> RequestContext:
        return RequestContext(
            account_id=self._cloud.account_id,
            api_id=api_id,
            region=self._cloud.region,
            stage=stage.name,
            route_key="-",
            request_id=_request_id(),
            trace_id=f"Root=1-{int(time.time()):08x}-{random.randbytes(12).hex()}",
            path=path if stage.name == DEFAULT else f"/{stage.name}{path}",
            time=time.time(),
        )

    def _route(self, exchange: _Exchange) -> werkzeug.Response:
        request, api, stage = exchange.request, exchange.api, exchange.stage
        body = _read(request)
        found = match(api.routes.values(), request.method, exchange.path)
        if found is None:
            raise GatewayError(404, "Not Found")
        exchange.context = dataclasses.replace(exchange.context, route_key=found.key)
        bucket, rate, burst = limits(stage, found.key)
        if not self._throttle.admits((api.api_id, stage.name, bucket, rate, burst), rate, burst):
            raise GatewayError(429, "Too Many Requests")
        try:
            integration, function = function_of(self._cloud, api, stage, found, request.method)
        except Unsupported as error:
            raise GatewayError(501, f"localcloud does not support {error}.") from error
        except NotPermitted as error:
            raise GatewayError(500, "Internal Server Error", str(error)) from error

        def event() -> bytes:
            made = to_event(request, body, exchange.context, found.parameters, stage.stage_variables or {})
            return json.dumps(made, ensure_ascii=False).encode()

        timeout = min(self._timeout, integration.timeout_in_millis / 1000)
        return self._integrate(exchange, function, event, timeout)

    def _integrate(
        self, exchange: _Exchange, function: str, event: Callable[[], bytes], timeout: float
    ) -> werkzeug.Response:
        """Invokes the function; its failures become API Gateway's own errors.

        The event is made when the function has a place for it: under load most requests get none, and must
        not cost what the others need.
        """
        began = time.monotonic()
        try:
            # A permission of the function in its own region has let it pass, so there are functions there.
            functions = FunctionsService.of(self._cloud.in_region(function.split(":")[3]))
            admission = functions.admit(function)
            try:
                running = self._integrations.submit(admission.run, event())
            except BaseException:
                admission.give_up()
                raise
            result = running.result(max(0, began + timeout - time.monotonic()))
            exchange.integration_status = 200
            if result.function_error:
                reason = f"the function failed: {result.payload[:1000].decode(errors='replace')}"
                raise GatewayError(500, "Internal Server Error", reason)
            response = to_response(result.payload)
            exchange.function_status = response.status_code
            return response
        except TimeoutError as error:
            reason = f"the function did not answer within {timeout:g} seconds"
            raise GatewayError(503, "Service Unavailable", reason) from error
        except MalformedResponse as error:
            reason = f"the function's answer is malformed: {error}"
            raise GatewayError(500, "Internal Server Error", reason) from error
        except LambdaError as error:
            exchange.integration_status = error.status
            status, message = LAMBDA_REFUSALS.get(error.status, (500, "Internal Server Error"))
            raise GatewayError(status, message, str(error)) from error
        finally:
            exchange.integration_ms = round((time.monotonic() - began) * 1000)


def _stage(api: Any, path: str) -> tuple[Any, str]:
    """The stage in the first segment of a path, or else $default; and the path within the stage."""
    first, _, rest = path.lstrip("/").partition("/")
    if first in api.stages:
        return api.stages[first], f"/{rest}"
    return api.stages.get(DEFAULT), path


def _read(request: werkzeug.Request) -> bytes:
    """The body of a request. Raises GatewayError if the request exceeds the gateway's quotas."""
    line = f"{request.method} {request.environ['RAW_URI']}"
    headers = [value for name, value in request.environ.items() if name[:5] == "HTTP_" or name in HEADERS]
    if len(line) + sum(map(len, headers)) > MAX_HEAD_BYTES:
        raise GatewayError(431, "Request Header Fields Too Large")
    if (request.content_length or 0) > MAX_PAYLOAD_BYTES:
        raise GatewayError(413, "Request Entity Too Large")
    return request.get_data()


def _message(status: int, text: str) -> werkzeug.Response:
    return werkzeug.Response(json.dumps({"message": text}), status, content_type="application/json")


def _request_id() -> str:
    """API Gateway's own form: 16 characters that end in "="."""
    return base64.b64encode(random.randbytes(11)).decode()


def _log_values(exchange: _Exchange, response: werkzeug.Response, began: float) -> dict[str, Any]:
    """The $context variables of access logs."""
    request, context = exchange.request, exchange.context
    error = exchange.error.message if exchange.error else "-"
    # Formats are mostly JSON, which the reason must not break.
    reason = (json.dumps(exchange.error.reason)[1:-1] if exchange.error else "") or "-"
    return {
        "accountId": context.account_id,
        "apiId": context.api_id,
        "domainName": context.domain_name,
        "domainPrefix": context.api_id,
        "error.message": error,
        "error.messageString": f'"{error}"',
        "extendedRequestId": context.request_id,
        "httpMethod": request.method,
        "identity.sourceIp": request.remote_addr,
        "identity.userAgent": request.headers.get("User-Agent", "-"),
        "integration.error": reason,
        "integration.integrationStatus": exchange.integration_status,
        "integration.latency": exchange.integration_ms,
        "integration.status": exchange.function_status,
        "integrationErrorMessage": reason,
        "integrationLatency": exchange.integration_ms,
        "integrationStatus": exchange.integration_status,
        "path": context.path,
        "protocol": request.environ.get("SERVER_PROTOCOL", "-"),
        "requestId": context.request_id,
        "requestTime": context.request_time,
        "requestTimeEpoch": int(context.time),
        "responseLatency": round((time.monotonic() - began) * 1000),
        "responseLength": response.content_length or 0,
        "routeKey": context.route_key,
        "stage": context.stage,
        "status": response.status_code,
    }
