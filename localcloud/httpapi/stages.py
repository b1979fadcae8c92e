"""UpdateStage, the one operation on stages that moto lacks.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html
"""

import json
import re
from datetime import datetime
from urllib.parse import unquote

import werkzeug

from localcloud.cloud import Cloud

PATH = re.compile(r"/v2/apis/(?P<api>[^/]+)/stages/(?P<stage>[^/]+)")
MEMBERS = frozenset(
    {
        "accessLogSettings",
        "autoDeploy",
        "defaultRouteSettings",
        "description",
        "routeSettings",
        "stageVariables",
    }
)


def update(cloud: Cloud, request: werkzeug.Request) -> werkzeug.Response | None:
    """The answer to an UpdateStage; None for any other request. Requests see the old stage or the new one."""
    found = PATH.fullmatch(request.path)
    if found is None or request.method != "PATCH":
        return None
    from moto.apigatewayv2.models import Stage, apigatewayv2_backends

    api = apigatewayv2_backends[cloud.account_id][cloud.region].apis.get(found["api"])
    if api is None:
        return _error(404, "NotFoundException", f"Invalid API identifier specified {found['api']}")
    former = api.stages.get(unquote(found["stage"]))
    if former is None:
        return _error(404, "NotFoundException", "Invalid stage identifier specified")
    wanted = json.loads(request.get_data() or b"{}")
    if others := sorted(set(wanted) - MEMBERS):
        return _error(400, "BadRequestException", f"localcloud does not support {others} in UpdateStage")
    # A route keeps its settings until DeleteRouteSettings; every other member is replaced.
    routes = {**former.route_settings, **wanted.get("routeSettings", {})}
    stage = Stage(api, {**former.to_json(), **wanted, "routeSettings": routes})
    stage.created, stage.updated = former.created, datetime.now()
    api.stages[stage.name] = stage
    return werkzeug.Response(json.dumps(stage.to_json()), content_type="application/json")


def _error(status: int, code: str, message: str) -> werkzeug.Response:
    return werkzeug.Response(
        json.dumps({"message": message}), status, {"x-amzn-ErrorType": code}, content_type="application/json"
    )
