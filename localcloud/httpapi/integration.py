"""Finds the Lambda function behind a route, and checks whether API Gateway may invoke it."""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.httpapi.errors import bad_request
from localcloud.httpapi.routes import DEFAULT, Match
from localcloud.iam import NotAssumable, require_trust, role_may, service_may

SERVICE = "apigateway.amazonaws.com"
INVOKE = "lambda:InvokeFunction"
FUNCTION_ARN = re.compile(
    r"(?:arn:aws:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/)?"
    r"(?P<arn>arn:aws:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:(?P<name>[\w-]+))"
    r"(?::(?P<qualifier>[^/]+))?(?:/invocations)?"
)


def check_payload_format(integration: Mapping[str, Any]) -> None:
    """Raises ApiError for an integration, as in CreateIntegration, with events of another form.

    Without a version, it means 1.0 to API Gateway.
    """
    given = integration.get("PayloadFormatVersion")
    if (version := "1.0" if given is None else given) != "2.0":
        raise bad_request(
            f"localcloud does not support payload format version {version}; set PayloadFormatVersion to 2.0."
        )


class Unsupported(Exception):
    """API Gateway supports what the message names, but localcloud does not."""


class NotPermitted(Exception):
    """The integration is incomplete or API Gateway may not use it; clients see an internal error."""


def function_of(cloud: Cloud, api: Any, stage: Any, found: Match, method: str) -> tuple[Any, str]:
    """The integration of a route and the ARN of its function. Raises Unsupported or NotPermitted."""
    integration = api.integrations.get((found.route.target or "").removeprefix("integrations/"))
    if integration is None:
        raise NotPermitted("the route has no integration")
    uri = re.sub(
        r"\$\{stageVariables\.(\w+)\}",
        lambda variable: (stage.stage_variables or {}).get(variable[1], ""),
        integration.integration_uri or "",
    )
    target = FUNCTION_ARN.fullmatch(uri)
    if target is None:
        raise Unsupported(f"the integration URI {uri!r}; it takes the ARN of a Lambda function")
    if target["qualifier"] not in (None, "$LATEST"):
        raise Unsupported(f"versions and aliases of functions ({uri})")
    if integration.credentials_arn:
        _check_role(cloud, integration.credentials_arn, target["arn"])
    else:
        path = "" if found.key == DEFAULT else found.key.partition(" ")[2]
        route = f"{method}{path}" if path else DEFAULT
        source = f"arn:aws:execute-api:{cloud.region}:{cloud.account_id}:{api.api_id}/{stage.name}/{route}"
        _check_resource_policy(cloud, target["arn"], source)
    return integration, target["arn"]


def _check_role(cloud: Cloud, role_arn: str, function_arn: str) -> None:
    try:
        require_trust(cloud, role_arn, SERVICE)
    except NotAssumable as error:
        raise NotPermitted(str(error)) from error
    if not role_may(cloud, role_arn, INVOKE, function_arn):
        raise NotPermitted(f"{role_arn} may not {INVOKE} on {function_arn}")


def _check_resource_policy(cloud: Cloud, function_arn: str, source_arn: str) -> None:
    """Raises NotPermitted unless the function's policy (AddPermission) lets API Gateway invoke it."""
    if not service_may(cloud, SERVICE, INVOKE, function_arn, source_arn):
        raise NotPermitted(f"no permission of {function_arn} lets {SERVICE} invoke it for {source_arn}")
