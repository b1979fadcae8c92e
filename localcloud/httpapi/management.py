"""Checks of APIs, integrations, routes and stages before moto keeps them, and quick create.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop.html
"""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.httpapi import accesslog, definitions, route_keys, stages
from localcloud.httpapi.errors import bad_request, conflict, not_found
from localcloud.httpapi.integration import FUNCTION_ARN, check_payload_format
from localcloud.httpapi.routes import DEFAULT, route_key
from localcloud.moto_backends import backend_of
from localcloud.protocol.service import FORWARD, ModelledService
from localcloud.protocol.validation import require_supported, require_value

ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
TAGGED_ARN = re.compile(r"arn:aws:apigateway:[a-z0-9-]+::/apis/(?P<api>[^/]+)(?:/stages/(?P<stage>[^/]+))?")
ROLE_ARN = re.compile(r"arn:aws:iam::\d{12}:role/\S+")
QUICK_CREATE = ("CredentialsArn", "RouteKey", "Target")
OF_WEBSOCKETS: Mapping[str, tuple[Any, ...]] = {
    "ApiKeySelectionExpression": ("$request.header.x-api-key",),
    "DisableSchemaValidation": (False,),
    "RouteSelectionExpression": ("${request.method} ${request.path}", "$request.method $request.path"),
}
"""Members of APIs, and the values that HTTP APIs may have."""
INTEGRATION = dict.fromkeys(
    (
        "ConnectionType",
        "CredentialsArn",
        "Description",
        "IntegrationMethod",
        "IntegrationType",
        "IntegrationUri",
        "PayloadFormatVersion",
        "TimeoutInMillis",
    )
)
ROUTE = dict.fromkeys(("AuthorizationType", "OperationName", "Target"))


class Management(ModelledService):
    """Answers the management requests that moto would accept without checks, or fail on."""

    service_name = "apigatewayv2"
    validation_code = "BadRequestException"
    malformed_code = "BadRequestException"

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def create_api(self, **request: Any) -> object:
        if request["ProtocolType"] != "HTTP":
            raise bad_request(f"localcloud does not support {request['ProtocolType']} APIs, only HTTP APIs.")
        _check_api(request)
        if "Target" not in request:
            _check_no_quick_create(request)
            return FORWARD
        return self._quick_create(**request)

    def update_api(self, ApiId: str, **request: Any) -> object:
        self._api(ApiId)
        _check_api(request)
        _check_no_quick_create(request)
        return FORWARD

    def get_authorizers(self, ApiId: str, **request: Any) -> dict[str, Any]:
        """There are none, since they are refused when they are created."""
        self._api(ApiId)
        return {"Items": []}

    def delete_api(self, ApiId: str) -> object:
        self._api(ApiId)
        return FORWARD

    def reimport_api(self, ApiId: str, Body: str, **request: Any) -> object:
        self._api(ApiId)
        require_supported("ReimportApi", request, {"FailOnWarnings": None})
        keys: list[str] = []
        for key, integration in definitions.routes(Body):
            route_keys.check_form(key)
            route_keys.check_beside(key, keys)
            _check_integration("ReimportApi", integration)
            keys.append(key)
        return FORWARD

    def delete_cors_configuration(self, ApiId: str) -> object:
        self._api(ApiId)
        return FORWARD

    def create_integration(self, ApiId: str, **request: Any) -> object:
        self._api(ApiId)
        _check_integration("CreateIntegration", request)
        return FORWARD

    def update_integration(self, ApiId: str, IntegrationId: str, **request: Any) -> object:
        former = self._integration(ApiId, IntegrationId)
        kept = {
            "IntegrationType": former.integration_type,
            "IntegrationUri": former.integration_uri,
            "PayloadFormatVersion": former.payload_format_version,
        }
        _check_integration("UpdateIntegration", {**kept, **request})
        return FORWARD

    def delete_integration(self, ApiId: str, IntegrationId: str) -> object:
        self._integration(ApiId, IntegrationId)
        target = f"integrations/{IntegrationId}"
        if using := [one.route_id for one in self._api(ApiId).routes.values() if one.target == target]:
            raise conflict(
                f"Integration {IntegrationId} is the Target of route {using[0]}: delete that first"
            )
        return FORWARD

    def create_route(self, ApiId: str, RouteKey: str, **request: Any) -> object:
        api = self._api(ApiId)
        _check_key(api, RouteKey)
        _check_route("CreateRoute", api, request)
        return FORWARD

    def update_route(self, ApiId: str, RouteId: str, **request: Any) -> object:
        api = self._api(ApiId)
        route = self._route(ApiId, RouteId)
        if (key := request.pop("RouteKey", route.route_key)) != route.route_key:
            _check_key(api, key, route)
        _check_route("UpdateRoute", api, request)
        return FORWARD

    def delete_route(self, ApiId: str, RouteId: str) -> object:
        self._route(ApiId, RouteId)
        return FORWARD

    def create_stage(self, ApiId: str, StageName: str, **request: Any) -> object:
        api = self._api(ApiId)
        stages.check_name(StageName)
        if StageName in api.stages:
            raise conflict("Stage already exists")
        stages.check_settings("CreateStage", api, _without_tags(request))
        if "AccessLogSettings" in request:
            accesslog.merged(self._cloud, request["AccessLogSettings"])
        return FORWARD

    def update_stage(self, ApiId: str, StageName: str, **request: Any) -> dict[str, Any]:
        api = self._api(ApiId)
        former = stages.find(api, StageName)
        stages.check_settings("UpdateStage", api, request)
        if "AccessLogSettings" in request:
            logs = accesslog.merged(self._cloud, request["AccessLogSettings"], former.access_log_settings)
            request["AccessLogSettings"] = logs
        stages.update(api, StageName, request)
        answer: dict[str, Any] = self._cloud.client("apigatewayv2").get_stage(
            ApiId=ApiId, StageName=StageName
        )
        return _without_metadata(answer)

    def delete_stage(self, ApiId: str, StageName: str) -> object:
        stages.find(self._api(ApiId), StageName)
        return FORWARD

    def delete_access_log_settings(self, ApiId: str, StageName: str) -> None:
        stages.delete_access_log_settings(self._api(ApiId), StageName)

    def delete_route_settings(self, ApiId: str, StageName: str, RouteKey: str) -> None:
        stages.delete_route_settings(self._api(ApiId), StageName, RouteKey)

    def tag_resource(self, ResourceArn: str, Tags: Mapping[str, str] | None = None) -> object:
        api, stage = self._tagged(ResourceArn)
        if stage is None:
            return FORWARD
        stages.set_tags(api, stage.name, {**stage.tags, **(Tags or {})})
        return None

    def untag_resource(self, ResourceArn: str, TagKeys: list[str]) -> object:
        api, stage = self._tagged(ResourceArn)
        if stage is None:
            return FORWARD
        kept = {name: value for name, value in stage.tags.items() if name not in TagKeys}
        stages.set_tags(api, stage.name, kept)
        return None

    def get_tags(self, ResourceArn: str) -> object:
        _, stage = self._tagged(ResourceArn)
        return FORWARD if stage is None else {"Tags": stage.tags}

    def _quick_create(self, Target: str, **request: Any) -> dict[str, Any]:
        """An API with the integration, the route and the stage that its target needs."""
        key = request.pop("RouteKey", DEFAULT)
        credentials = {name: request.pop(name) for name in ("CredentialsArn",) if name in request}
        if not FUNCTION_ARN.fullmatch(Target):
            raise bad_request(
                f"localcloud does not support the Target {Target}; it takes the ARN of a Lambda function."
            )
        route_keys.check_form(key)
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
        return _without_metadata(api)

    def _api(self, api_id: str) -> Any:
        from moto.apigatewayv2.models import apigatewayv2_backends

        api = backend_of(apigatewayv2_backends, self._cloud.account_id, self._cloud.region).apis.get(api_id)
        if api is None:
            raise not_found(f"Invalid API identifier specified {api_id}")
        return api

    def _tagged(self, arn: str) -> tuple[Any, Any]:
        """The API of an ARN, and the stage if it names one. moto supports only the tags of APIs."""
        found = TAGGED_ARN.fullmatch(arn)
        if found is None:
            raise bad_request(f"Invalid resource ARN {arn}: it must be that of an API or a stage")
        api = self._api(found["api"])
        return api, stages.find(api, found["stage"]) if found["stage"] else None

    def _integration(self, api_id: str, integration_id: str) -> Any:
        integration = self._api(api_id).integrations.get(integration_id)
        if integration is None:
            raise not_found(f"Invalid Integration identifier specified {integration_id}")
        return integration

    def _route(self, api_id: str, route_id: str) -> Any:
        route = self._api(api_id).routes.get(route_id)
        if route is None:
            raise not_found(f"Invalid Route identifier specified {route_id}")
        return route


def _check_api(request: Mapping[str, Any]) -> None:
    for name, allowed in OF_WEBSOCKETS.items():
        if request.get(name, allowed[0]) not in allowed:
            raise bad_request(f"{name} is for WebSocket APIs, which localcloud does not support.")
    _check_cors(request.get("CorsConfiguration") or {})


def _check_integration(operation: str, request: Mapping[str, Any]) -> None:
    """Raises ApiError for an integration that localcloud would not carry out."""
    kind, subtype = request.get("IntegrationType"), request.get("IntegrationSubtype")
    if kind != "AWS_PROXY" or subtype:
        raise bad_request(
            f"localcloud does not support {subtype or kind} integrations, only Lambda's AWS_PROXY."
        )
    if request.get("RequestParameters") or request.get("ResponseParameters"):
        raise bad_request("localcloud does not support parameter mapping in integrations.")
    require_supported(operation, request, INTEGRATION)
    require_value(operation, "ConnectionType", request.get("ConnectionType"), "INTERNET")
    uri = str(request.get("IntegrationUri") or "")
    if not FUNCTION_ARN.fullmatch(uri) and "${stageVariables." not in uri:
        raise bad_request(
            f"localcloud does not support the integration URI {uri!r}; it takes the ARN of a Lambda function."
        )
    role = request.get("CredentialsArn")
    if role and not ROLE_ARN.fullmatch(role):
        raise bad_request(
            f"localcloud does not support the CredentialsArn {role!r}; it takes that of a role."
        )
    check_payload_format(request)


def _check_route(operation: str, api: Any, request: Mapping[str, Any]) -> None:
    """Raises ApiError for a route to an unknown integration, and for one with authorization."""
    _check_references(api, request)
    if (authorization := request.get("AuthorizationType", "NONE")) != "NONE":
        raise bad_request(f"localcloud does not support routes with authorization ({authorization}).")
    require_supported(operation, request, ROUTE)


def _without_tags(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "Tags"}


def _without_metadata(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _check_cors(configuration: Mapping[str, Any]) -> None:
    origins = configuration.get("AllowOrigins") or []
    if configuration.get("AllowCredentials") and "*" in origins:
        raise bad_request("allow-credentials is not supported if 'allow-origin' is *")
    if wrong := [origin for origin in origins if not ORIGIN.fullmatch(origin)]:
        raise bad_request(f"Invalid format for origin {wrong[0]}: it is * or begins with http:// or https://")
    methods = {"*", *route_keys.METHODS} - {"ANY"}
    if wrong := [one for one in configuration.get("AllowMethods") or [] if one.upper() not in methods]:
        raise bad_request(f"Invalid method {wrong[0]} in AllowMethods")


def _check_no_quick_create(request: Mapping[str, Any]) -> None:
    if given := [name for name in QUICK_CREATE if name in request]:
        raise bad_request(f"localcloud supports {given[0]} only together with Target in CreateApi.")


def _check_key(api: Any, key: str, own: Any = None) -> None:
    """Raises ApiError for a key that a new route, or else the API's `own`, cannot have."""
    route_keys.check_form(key)
    route_keys.check_beside(key, [route_key(one) for one in api.routes.values() if one is not own])


def _check_references(api: Any, request: Mapping[str, Any]) -> None:
    if (target := request.get("Target")) is not None:
        kind, _, integration = target.partition("/")
        if kind != "integrations" or integration not in api.integrations:
            raise not_found(f"Invalid Integration identifier specified {integration or target}")
    authorizer = request.get("AuthorizerId")
    if authorizer is not None and authorizer not in api.authorizers:
        raise not_found(f"Invalid Authorizer identifier specified {authorizer}")
