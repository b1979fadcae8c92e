"""Checks of APIs and routes before moto keeps them, and quick create.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop.html
"""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.httpapi.integration import FUNCTION_ARN
from localcloud.httpapi.routes import DEFAULT
from localcloud.protocol import ApiError
from localcloud.protocol.service import FORWARD, ModelledService

METHODS = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ROUTE_KEY = re.compile(rf"{re.escape(DEFAULT)}|(?:{'|'.join(METHODS)}) /\S*")
ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
QUICK_CREATE = ("CredentialsArn", "RouteKey", "Target")


class Management(ModelledService):
    """Answers the requests to create and change APIs and routes that moto would take unseen."""

    service_name = "apigatewayv2"
    validation_code = "BadRequestException"
    malformed_code = "BadRequestException"

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def create_api(self, **request: Any) -> object:
        if request["ProtocolType"] != "HTTP":
            raise _bad_request(f"localcloud does not support {request['ProtocolType']} APIs, only HTTP APIs.")
        _check_cors(request.get("CorsConfiguration") or {})
        if "Target" not in request:
            _check_no_quick_create(request)
            return FORWARD
        return self._quick_create(**request)

    def update_api(self, ApiId: str, **request: Any) -> object:
        _check_cors(request.get("CorsConfiguration") or {})
        _check_no_quick_create(request)
        return FORWARD

    def create_route(self, ApiId: str, RouteKey: str, **request: Any) -> object:
        api = self._api(ApiId)
        _check_key(api, RouteKey)
        _check_references(api, request)
        return FORWARD

    def update_route(self, ApiId: str, RouteId: str, **request: Any) -> object:
        api = self._api(ApiId)
        route = api.routes.get(RouteId)
        if route is not None and request.get("RouteKey") not in (None, route.route_key):
            _check_key(api, request["RouteKey"])
        _check_references(api, request)
        return FORWARD

    def _quick_create(self, Target: str, **request: Any) -> dict[str, Any]:
        """An API with the integration, the route and the stage that its target needs."""
        key = request.pop("RouteKey", DEFAULT)
        credentials = {name: request.pop(name) for name in ("CredentialsArn",) if name in request}
        if not FUNCTION_ARN.fullmatch(Target):
            raise _bad_request(
                f"localcloud does not support the Target {Target}; it takes the ARN of a Lambda function."
            )
        if not ROUTE_KEY.fullmatch(key):
            raise _wrong_key()
        client = self._cloud.client("apigatewayv2")
        api: dict[str, Any] = client.create_api(**request)
        place = {"ApiId": api["ApiId"]}
        integration = client.create_integration(
            **place,
            **credentials,
            IntegrationType="AWS_PROXY",
            IntegrationUri=Target,
            PayloadFormatVersion="2.0",
        )
        client.create_route(**place, RouteKey=key, Target=f"integrations/{integration['IntegrationId']}")
        client.create_stage(**place, StageName=DEFAULT, AutoDeploy=True)
        return {name: value for name, value in api.items() if name != "ResponseMetadata"}

    def _api(self, api_id: str) -> Any:
        from moto.apigatewayv2.models import apigatewayv2_backends

        api = apigatewayv2_backends[self._cloud.account_id][self._cloud.region].apis.get(api_id)
        if api is None:
            raise _not_found(f"Invalid API identifier specified {api_id}")
        return api


def _check_cors(configuration: Mapping[str, Any]) -> None:
    origins = configuration.get("AllowOrigins") or []
    if configuration.get("AllowCredentials") and "*" in origins:
        raise _bad_request("allow-credentials is not supported if 'allow-origin' is *")
    if wrong := [origin for origin in origins if not ORIGIN.fullmatch(origin)]:
        raise _bad_request(
            f"Invalid format for origin {wrong[0]}: it is * or begins with http:// or https://"
        )
    methods = {"*", *METHODS} - {"ANY"}
    if wrong := [one for one in configuration.get("AllowMethods") or [] if one.upper() not in methods]:
        raise _bad_request(f"Invalid method {wrong[0]} in AllowMethods")


def _check_no_quick_create(request: Mapping[str, Any]) -> None:
    if given := [name for name in QUICK_CREATE if name in request]:
        raise _bad_request(f"localcloud supports {given[0]} only together with Target in CreateApi.")


def _check_key(api: Any, key: str) -> None:
    if not ROUTE_KEY.fullmatch(key):
        raise _wrong_key()
    if any(route.route_key == key for route in api.routes.values()):
        message = f"Route with key {key} already exists for this API"
        raise ApiError("ConflictException", message, status=409)


def _check_references(api: Any, request: Mapping[str, Any]) -> None:
    if (target := request.get("Target")) is not None:
        kind, _, integration = target.partition("/")
        if kind != "integrations" or integration not in api.integrations:
            raise _not_found(f"Invalid Integration identifier specified {integration or target}")
    authorizer = request.get("AuthorizerId")
    if authorizer is not None and authorizer not in api.authorizers:
        raise _not_found(f"Invalid Authorizer identifier specified {authorizer}")


def _wrong_key() -> ApiError:
    return _bad_request(
        "The provided route key is not formatted properly for HTTP protocol. Format should be "
        '"<HTTP METHOD> /<RESOURCE PATH>" or "$default"'
    )


def _bad_request(message: str) -> ApiError:
    return ApiError("BadRequestException", message, status=400)


def _not_found(message: str) -> ApiError:
    return ApiError("NotFoundException", message, status=404)
