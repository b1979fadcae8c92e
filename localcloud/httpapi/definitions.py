"""OpenAPI definitions of HTTP APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html
"""

from collections.abc import Iterator
from typing import Any

import yaml

from localcloud.httpapi.errors import bad_request
from localcloud.httpapi.routes import ANY, DEFAULT, IMPORTED_ANY

ENDPOINT = "x-amazon-apigateway-endpoint-configuration"
INTEGRATION = "x-amazon-apigateway-integration"
MEMBERS = {
    "connectionType": "ConnectionType",
    "httpMethod": "IntegrationMethod",
    "payloadFormatVersion": "PayloadFormatVersion",
    "type": "IntegrationType",
    "uri": "IntegrationUri",
}
"""The supported members of integrations, in a definition and in the API."""


def routes(body: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The keys of the routes in a definition, with their integrations as in CreateIntegration.

    Raises ApiError for an invalid definition, and for parts that would be ignored.
    """
    try:
        definition = yaml.safe_load(body)  # JSON is YAML, too
    except (yaml.YAMLError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise bad_request(f"Invalid OpenAPI input: it is neither JSON nor YAML: {what}") from None
    if not isinstance(definition, dict) or not str(definition.get("openapi", "")).startswith("3.0"):
        raise bad_request("Invalid OpenAPI input: localcloud takes definitions of OpenAPI 3.0.")
    for section in ("components", "info", "paths"):
        if not isinstance(definition.get(section) or {}, dict):
            raise bad_request(f"Invalid OpenAPI input: {section} is not an object.")
    if (definition.get("components") or {}).get("securitySchemes") or definition.get("security"):
        raise bad_request("localcloud does not support authorizers (security in the API's definition).")
    if any(ENDPOINT in server for server in definition.get("servers") or []):
        raise bad_request(f"localcloud does not support the {ENDPOINT} of the API's definition.")
    for path, operations in (definition.get("paths") or {}).items():
        if not isinstance(operations, dict):
            raise bad_request(f"Invalid OpenAPI input: the path {path} is not an object.")
        for method, operation in operations.items():
            yield _key(method, path), _integration(f"{method} {path}", operation)


def _key(method: str, path: str) -> str:
    verb = method.upper()
    key = f"{ANY if verb == IMPORTED_ANY else verb} {path}"
    return DEFAULT if path.removeprefix("/") == DEFAULT else key


def _integration(place: str, operation: Any) -> dict[str, Any]:
    if not isinstance(operation, dict) or not isinstance(operation.get(INTEGRATION), dict):
        raise bad_request(f"The operation {place} of the API's definition has no {INTEGRATION}.")
    if operation.get("security"):
        raise bad_request(f"localcloud does not support authorizers (security of {place}).")
    integration = operation[INTEGRATION]
    if others := sorted(set(integration) - MEMBERS.keys()):
        raise bad_request(f"localcloud does not support {others} in the integration of {place}.")
    members = {MEMBERS[name]: value for name, value in integration.items()}
    return {**members, "IntegrationType": str(integration.get("type")).upper()}  # often aws_proxy
