"""Stages of HTTP APIs: operations that moto lacks, and checks of their settings.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from localcloud.httpapi.errors import bad_request, not_found
from localcloud.httpapi.routes import DEFAULT
from localcloud.protocol.validation import require_supported

SETTINGS = {
    "AccessLogSettings": {"DestinationArn": None, "Format": None},
    "AutoDeploy": None,
    "DefaultRouteSettings": {
        "DetailedMetricsEnabled": None,
        "ThrottlingBurstLimit": None,
        "ThrottlingRateLimit": None,
    },
    "Description": None,
    "RouteSettings": None,
    "StageVariables": None,
}
"""The supported settings; the others are those of WebSocket APIs."""
NAME = re.compile(rf"{re.escape(DEFAULT)}|[\w-]{{1,128}}", re.ASCII)
VARIABLE_NAME = re.compile(r"\w+", re.ASCII)
VARIABLE_VALUE = re.compile(r"[A-Za-z0-9-._~:/?#&=,]*")


def check_name(name: str) -> None:
    """Raises ApiError for an invalid name of a stage."""
    if not NAME.fullmatch(name):
        raise bad_request(
            "The name of a stage has at most 128 letters, digits, hyphens and underscores, or is $default"
        )


def check_settings(operation: str, api: Any, settings: Mapping[str, Any]) -> None:
    """Raises ApiError for settings that API Gateway or localcloud does not accept, but for access logs."""
    require_supported(operation, settings, SETTINGS)
    if not settings.get("AutoDeploy", operation == "UpdateStage"):
        raise bad_request(
            f"{operation}: localcloud does not support stages without AutoDeploy, because it serves an API's "
            "routes as they are."
        )
    for key, route in (settings.get("RouteSettings") or {}).items():
        require_supported(operation, {"DefaultRouteSettings": route}, SETTINGS)
        if key not in {one.route_key for one in api.routes.values()}:
            raise not_found(f"Unable to find Route by key {key} within the provided RouteSettings")
    every = [settings.get("DefaultRouteSettings") or {}, *(settings.get("RouteSettings") or {}).values()]
    for limits in every:
        for name in ("ThrottlingBurstLimit", "ThrottlingRateLimit"):
            if limits.get(name, 0) < 0:
                raise bad_request(f"{name} must not be negative (given: {limits[name]})")
    for name, value in (settings.get("StageVariables") or {}).items():
        if not VARIABLE_NAME.fullmatch(name):
            raise bad_request(
                f"Stage variable names are alphanumeric characters and underscores, not {name!r}"
            )
        if not VARIABLE_VALUE.fullmatch(value):
            raise bad_request(f"The value of stage variable {name} may not be {value!r}")


def find(api: Any, name: str) -> Any:
    """moto's record of a stage. Raises ApiError."""
    if name not in api.stages:
        raise not_found("Invalid stage identifier specified")
    return api.stages[name]


def update(api: Any, name: str, settings: Mapping[str, Any]) -> None:
    """Replaces settings of a stage; a route keeps its own until they are deleted. Raises ApiError.

    Requests see the old stage or the new one.
    """
    former = find(api, name)
    routes = {**former.route_settings, **_wire(settings.get("RouteSettings") or {})}
    _replace(api, former, {**_wire(settings), "routeSettings": routes})


def delete_access_log_settings(api: Any, name: str) -> None:
    """Ends the access logs of a stage. Raises ApiError."""
    _replace(api, find(api, name), {"accessLogSettings": {}})


def delete_route_settings(api: Any, name: str, key: str) -> None:
    """Deletes the settings of a route. Raises ApiError."""
    former = find(api, name)
    if key not in former.route_settings:
        raise not_found(f"Unable to find Route by key {key} within the provided RouteSettings")
    kept = {one: settings for one, settings in former.route_settings.items() if one != key}
    _replace(api, former, {"routeSettings": kept})


def set_tags(api: Any, name: str, tags: Mapping[str, str]) -> None:
    """Replaces the tags of a stage. Raises ApiError."""
    _replace(api, find(api, name), {"tags": dict(tags)})


def _replace(api: Any, former: Any, settings: Mapping[str, Any]) -> None:
    from moto.apigatewayv2.models import Stage

    stage = Stage(api, {**former.to_json(), **settings})
    stage.created, stage.updated = former.created, datetime.now()
    api.stages[stage.name] = stage


def _wire(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with their names on the wire. The keys of routes and variables stay as they are."""
    return {
        name if " " in name or name == DEFAULT else name[0].lower() + name[1:]: (
            _wire(value) if isinstance(value, dict) and name != "StageVariables" else value
        )
        for name, value in settings.items()
    }
