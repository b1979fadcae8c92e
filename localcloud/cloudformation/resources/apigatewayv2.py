"""AWS::ApiGatewayV2::Api, Stage, Route and Integration, with OpenAPI bodies as SAM writes them."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation import schemas
from localcloud.cloudformation.errors import ResourceFailed
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    found,
    ignoring,
    pick,
    rollback_on_failure,
)
from localcloud.httpapi.integration import check_payload_format
from localcloud.httpapi.route_keys import without_names

METHODS = {"delete", "get", "head", "options", "patch", "post", "put"}
ANY_METHOD = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
CORS = "x-amazon-apigateway-cors"
ENDPOINT = "x-amazon-apigateway-endpoint-configuration"
BODY_KEYS = {"components", "info", "openapi", "paths", "servers", "tags", CORS}
OPERATION_KEYS = {
    "description",
    "isDefaultRoute",  # SAM's word for the route $default
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "summary",
    "tags",
    INTEGRATION,
}
"""The supported keys of an operation. `security` would need authorizers."""
INTEGRATION_KEYS = {
    "connectionType": "ConnectionType",
    "credentials": "CredentialsArn",
    "httpMethod": "IntegrationMethod",
    "payloadFormatVersion": "PayloadFormatVersion",
    "timeoutInMillis": "TimeoutInMillis",
    "type": "IntegrationType",
    "uri": "IntegrationUri",
}
"""Names in the OpenAPI extension and in the API."""
LAMBDA = "AWS_PROXY"
"""The type of integrations with functions. OpenAPI bodies may write it in lower case, as SAM does."""
NO_SETTINGS: dict[str, Any] = {
    "DefaultRouteSettings": {},
    "Description": "",
    "StageVariables": {},
}
"""The default for a stage without one."""


class Api(Provider):
    type = "AWS::ApiGatewayV2::Api"
    supported = frozenset(
        {
            "Body",
            "CorsConfiguration",
            "Description",
            "DisableExecuteApiEndpoint",
            "FailOnWarnings",
            "Name",
            "ProtocolType",
            "Tags",
            "Version",
        }
    )
    attributes = frozenset({"ApiEndpoint", "ApiId", "ExecuteApiArn"})

    def check(self, cloud: Cloud, properties: Properties) -> None:
        if (protocol := properties.get("ProtocolType", "HTTP")) != "HTTP":
            raise ResourceFailed(f"localcloud supports HTTP APIs only, not ProtocolType {protocol}")
        for key, integration in _routes(properties.get("Body") or {}):
            _require_lambda(integration, f" (route {key} of the API's Body)")
            check_payload_format(integration)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        gateway, body = context.client("apigatewayv2"), properties.get("Body") or {}
        routes = list(_routes(body))
        cors = _cors(properties)
        api = gateway.create_api(
            ProtocolType="HTTP",
            Name=_title(context, properties),
            **pick(properties, "Description", "Version"),
            DisableExecuteApiEndpoint=_is_disabled(properties),
            **({"CorsConfiguration": cors} if cors else {}),
            Tags=context.tags({**_body_tags(body), **(properties.get("Tags") or {})}),
        )
        created = PhysicalResource(
            api["ApiId"],
            {
                "ApiEndpoint": api["ApiEndpoint"],
                "ApiId": api["ApiId"],
                "ExecuteApiArn": (
                    f"arn:aws:execute-api:{context.cloud.region}:{context.cloud.account_id}:{api['ApiId']}"
                ),
            },
        )
        with rollback_on_failure(created):
            _replace_routes(gateway, api["ApiId"], routes)
        return created

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        gateway, api_id = context.client("apigatewayv2"), current.physical_id
        routes = list(_routes(properties.get("Body") or {}))
        if cors := _cors(properties):
            gateway.update_api(ApiId=api_id, CorsConfiguration=cors)
        elif _cors(previous):
            gateway.delete_cors_configuration(ApiId=api_id)
        gateway.update_api(
            ApiId=api_id,
            Name=_title(context, properties),
            DisableExecuteApiEndpoint=_is_disabled(properties),
            **pick(properties, "Description", "Version"),
        )
        if properties.get("Body") != previous.get("Body"):
            _replace_routes(gateway, api_id, routes)
        arn = f"arn:aws:apigateway:{context.cloud.region}::/apis/{api_id}"
        _retag(context, gateway, arn, properties.get("Tags") or {}, previous.get("Tags") or {})
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        gateway = context.client("apigatewayv2")
        ignoring(gateway.exceptions.NotFoundException, gateway.delete_api, ApiId=current.physical_id)


def _title(context: Context, properties: Properties) -> str:
    body = properties.get("Body") or {}
    return properties.get("Name") or (body.get("info") or {}).get("title") or context.logical_id


def _cors(properties: Properties) -> dict[str, Any] | None:
    """The CORS configuration of the property, or else of the body, whose names begin in lower case."""
    given = properties.get("CorsConfiguration") or (properties.get("Body") or {}).get(CORS)
    return {name[0].upper() + name[1:]: value for name, value in given.items()} if given else None


def _is_disabled(properties: Properties) -> bool:
    """Whether the API has no address of its own, by the property or the body's servers, as in SAM's."""
    servers = (properties.get("Body") or {}).get("servers") or []
    given = [(server.get(ENDPOINT) or {}).get("disableExecuteApiEndpoint") for server in servers]
    return any(str(one).lower() == "true" for one in (properties.get("DisableExecuteApiEndpoint"), *given))


def _body_tags(body: Mapping[str, Any]) -> dict[str, str]:
    tags = body.get("tags") or []
    return {tag["name"]: tag.get("x-amazon-apigateway-tag-value", "") for tag in tags}


def _routes(body: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The route keys and integrations of an OpenAPI body.

    Raises ResourceFailed for unsupported parts.
    """
    _check_form(body)
    _require_known("the API's Body", body, BODY_KEYS)
    for server in body.get("servers") or []:
        what = f"the {ENDPOINT} of the API's Body"
        _require_known(what, server.get(ENDPOINT) or {}, {"disableExecuteApiEndpoint"})
    if (body.get("components") or {}).get("securitySchemes"):
        raise ResourceFailed("localcloud does not support authorizers (securitySchemes in the API's Body)")
    for path, operations in (body.get("paths") or {}).items():
        _require_object(f"the path {path} of the API's Body", operations)
        for method, operation in operations.items():
            if method not in METHODS and method != ANY_METHOD:
                raise ResourceFailed(
                    f"localcloud does not support {method!r} in path {path} of the API's Body"
                )
            place = f"{method} {path} of the API's Body"
            _require_known(place, operation, OPERATION_KEYS)
            integration = operation.get(INTEGRATION)
            if integration is None:
                raise ResourceFailed(f"{place} has no {INTEGRATION}")
            _require_known(f"the integration of {place}", integration, set(INTEGRATION_KEYS))
            verb = "ANY" if method == ANY_METHOD else method.upper()
            is_default = operation.get("isDefaultRoute") or path in ("/$default", "$default")
            key = "$default" if is_default else f"{verb} {path}"
            members = {INTEGRATION_KEYS[name]: value for name, value in integration.items()}
            kind = integration.get("type")
            members["IntegrationType"] = LAMBDA if kind == LAMBDA.lower() else kind
            yield key, schemas.typed(Integration.type, members)  # YAML's 2.0 is a number


def _replace_routes(gateway: Any, api_id: str, routes: list[tuple[str, dict[str, Any]]]) -> None:
    """Makes the new routes before it deletes the old ones, so that requests in between find one.

    A route of which only variables are renamed stays, or the new one would conflict with it. ReimportApi
    would do, but moto's deletes the stages too.
    """
    old = gateway.get_routes(ApiId=api_id)["Items"]
    old_routes = {without_names(route["RouteKey"]): route["RouteId"] for route in old}
    old_integrations = gateway.get_integrations(ApiId=api_id)["Items"]
    for key, integration in routes:
        created = gateway.create_integration(ApiId=api_id, **integration)
        target = f"integrations/{created['IntegrationId']}"
        if route_id := old_routes.pop(without_names(key), None):
            gateway.update_route(ApiId=api_id, RouteId=route_id, RouteKey=key, Target=target)
        else:
            gateway.create_route(ApiId=api_id, RouteKey=key, Target=target)
    for route_id in old_routes.values():
        gateway.delete_route(ApiId=api_id, RouteId=route_id)
    for integration in old_integrations:
        gateway.delete_integration(ApiId=api_id, IntegrationId=integration["IntegrationId"])


def _require_lambda(integration: Mapping[str, Any], place: str = "") -> None:
    """Raises ResourceFailed for an integration that is not with a function."""
    if (kind := integration.get("IntegrationType")) != LAMBDA:
        raise ResourceFailed(f"localcloud does not support {kind} integrations, only {LAMBDA}{place}")


def _check_form(body: Any) -> None:
    """Raises ResourceFailed for a body, or a section of it, that has not the form of OpenAPI's."""
    _require_object("the API's Body", body)
    for name in ("components", "info", "paths", CORS):
        _require_object(f"{name} of the API's Body", body.get(name) or {})
    for name in ("servers", "tags"):
        if not isinstance(elements := body.get(name) or [], list):
            raise ResourceFailed(f"{name} of the API's Body must be a list, as in an OpenAPI definition")
        for index, element in enumerate(elements):
            _require_object(f"{name}[{index}] of the API's Body", element)


def _require_object(place: str, given: Any) -> None:
    if not isinstance(given, Mapping):
        raise ResourceFailed(f"{place} must be an object, as in an OpenAPI definition")


def _require_known(place: str, given: Any, known: set[str]) -> None:
    _require_object(place, given)
    if others := sorted(set(given) - known):
        raise ResourceFailed(f"localcloud does not support {others} in {place}")


class Stage(Provider):
    type = "AWS::ApiGatewayV2::Stage"
    supported = frozenset(
        {
            "AccessLogSettings",
            "ApiId",
            "AutoDeploy",
            "DefaultRouteSettings",
            "Description",
            "RouteSettings",
            "StageName",
            "StageVariables",
            "Tags",
        }
    )

    def identifiers(self, properties: Properties) -> frozenset[str]:
        return frozenset([f"{properties['ApiId']}|{properties['StageName']}"])

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        gateway = cloud.client("apigatewayv2")
        api_id, _, name = identifier.partition("|")
        missing = gateway.exceptions.NotFoundException
        return found(missing, gateway.get_stage, ApiId=api_id, StageName=name)

    def check(self, cloud: Cloud, properties: Properties) -> None:
        if not properties.get("AutoDeploy"):
            raise ResourceFailed(
                "localcloud serves an API's routes as they are, so a stage must have AutoDeploy: true"
            )

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        tags = context.tags(properties.get("Tags") or {})
        context.client("apigatewayv2").create_stage(**{**properties, "Tags": tags})
        return PhysicalResource(properties["StageName"])

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        gateway = context.client("apigatewayv2")
        place = {"ApiId": properties["ApiId"], "StageName": current.physical_id}
        settings = {name: value for name, value in properties.items() if name not in (*place, "Tags")}
        gateway.update_stage(**place, **NO_SETTINGS | settings)
        if previous.get("AccessLogSettings") and not properties.get("AccessLogSettings"):
            gateway.delete_access_log_settings(**place)
        for key in set(previous.get("RouteSettings") or {}) - set(properties.get("RouteSettings") or {}):
            gateway.delete_route_settings(**place, RouteKey=key)
        stage = f"/apis/{place['ApiId']}/stages/{current.physical_id}"
        arn = f"arn:aws:apigateway:{context.cloud.region}::{stage}"
        _retag(context, gateway, arn, properties.get("Tags") or {}, previous.get("Tags") or {})
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        gateway = context.client("apigatewayv2")
        ignoring(
            gateway.exceptions.NotFoundException,
            gateway.delete_stage,
            ApiId=properties["ApiId"],
            StageName=current.physical_id,
        )


class Integration(Provider):
    type = "AWS::ApiGatewayV2::Integration"
    supported = frozenset(
        {
            "ApiId",
            "ConnectionType",
            "CredentialsArn",
            "Description",
            "IntegrationMethod",
            "IntegrationType",
            "IntegrationUri",
            "PayloadFormatVersion",
            "TimeoutInMillis",
        }
    )
    attributes = frozenset({"IntegrationId"})

    def check(self, cloud: Cloud, properties: Properties) -> None:
        _require_lambda(properties)
        check_payload_format(properties)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        created = context.client("apigatewayv2").create_integration(**properties)
        identity = created["IntegrationId"]
        return PhysicalResource(identity, {"IntegrationId": identity})

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        context.client("apigatewayv2").update_integration(IntegrationId=current.physical_id, **properties)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        gateway = context.client("apigatewayv2")
        ignoring(
            gateway.exceptions.NotFoundException,
            gateway.delete_integration,
            ApiId=properties["ApiId"],
            IntegrationId=current.physical_id,
        )


class Route(Provider):
    type = "AWS::ApiGatewayV2::Route"
    supported = frozenset({"ApiId", "AuthorizationType", "OperationName", "RouteKey", "Target"})
    attributes = frozenset({"RouteId"})

    def check(self, cloud: Cloud, properties: Properties) -> None:
        if (authorization := properties.get("AuthorizationType", "NONE")) != "NONE":
            raise ResourceFailed(f"localcloud does not support routes with authorization ({authorization})")

    def identifiers(self, properties: Properties) -> frozenset[str]:
        return frozenset([f"{properties['ApiId']}|{properties['RouteKey']}"])

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        api_id, _, key = identifier.partition("|")
        gateway = cloud.client("apigatewayv2")
        try:
            routes = gateway.get_routes(ApiId=api_id)["Items"]
        except gateway.exceptions.NotFoundException:
            return False
        return any(route["RouteKey"] == key for route in routes)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        created = context.client("apigatewayv2").create_route(**properties)
        return PhysicalResource(created["RouteId"], {"RouteId": created["RouteId"]})

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        context.client("apigatewayv2").update_route(RouteId=current.physical_id, **properties)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        gateway = context.client("apigatewayv2")
        ignoring(
            gateway.exceptions.NotFoundException,
            gateway.delete_route,
            ApiId=properties["ApiId"],
            RouteId=current.physical_id,
        )


PROVIDERS = (Api(), Stage(), Integration(), Route())


def _retag(context: Context, gateway: Any, arn: str, own: Any, previous: Any) -> None:
    tags = context.tags(own)
    if gone := context.removed_tags(previous, tags):
        gateway.untag_resource(ResourceArn=arn, TagKeys=gone)
    if tags:
        gateway.tag_resource(ResourceArn=arn, Tags=tags)
