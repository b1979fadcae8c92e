"""The CodeBuild API: projects, and builds that make container images."""

import functools
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

import werkzeug
from moto.core.model import ServiceModel
from moto.core.utils import get_service_model

from localcloud.cloud import Cloud
from localcloud.codebuild.build import Build
from localcloud.iam import NotAssumable, require_trust
from localcloud.protocol import ApiError, InvalidRequest
from localcloud.protocol.service import ModelledService
from localcloud.protocol.validation import require_supported, require_value

PRINCIPAL = "codebuild.amazonaws.com"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_]{1,254}")
PROJECT = {
    "name": None,
    "description": None,
    "source": {"type": None, "location": None, "buildspec": None},
    "artifacts": {"type": None},
    "environment": {
        "type": None,
        "image": None,
        "computeType": None,
        "environmentVariables": None,
        "privilegedMode": None,
        "imagePullCredentialsType": None,
    },
    "serviceRole": None,
    "timeoutInMinutes": None,
    "tags": None,
    "logsConfig": {"cloudWatchLogs": None},
}
RECORDED = frozenset({"arn", "created", "lastModified"})
START = {
    "projectName": None,
    "sourceTypeOverride": None,
    "sourceLocationOverride": None,
    "environmentVariablesOverride": None,
}


def check_supported(project: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a project that localcloud would not build."""
    require_supported("CreateProject", project, PROJECT)
    require_value("CreateProject", "source.type", project["source"]["type"], "S3")
    require_value("CreateProject", "artifacts.type", project["artifacts"]["type"], "NO_ARTIFACTS")
    if "buildspec" not in project["source"]:
        raise InvalidRequest("CreateProject: localcloud needs source.buildspec, inline.")


class CodeBuildService(ModelledService):
    """Answers CodeBuild's API in its JSON protocol, which boto3 speaks."""

    service_name = "codebuild"
    validation_code = "InvalidInputException"
    answers = frozenset({service_name})
    regional = True

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._lock = threading.RLock()
        self._projects: dict[str, dict[str, Any]] = {}
        self._builds: dict[str, Build] = {}

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        perform = self.operation(operation) if operation in _model().operation_names else None
        if perform is None:
            return None
        with self._lock:
            return self.answer(request, _model().operation_model(operation), {}, perform)

    def status(self) -> dict[str, Any]:
        builds = list(self._builds.values())
        return {"builds": [one.record["id"] for one in builds if not one.record["buildComplete"]]}

    def create_project(self, **request: Any) -> dict[str, Any]:
        name = request["name"]
        if name in self._projects:
            raise ApiError("ResourceAlreadyExistsException", f"Project already exists: {self._arn(name)}")
        return {"project": self._put(request, {"created": time.time()})}

    def update_project(self, **request: Any) -> dict[str, Any]:
        former = self._project(request["name"])
        return {"project": self._put({**former, **request}, {"created": former["created"]})}

    def delete_project(self, name: str) -> dict[str, Any]:
        self._projects.pop(name, None)
        return {}

    def batch_get_projects(self, names: list[str]) -> dict[str, Any]:
        found = [name for name in names if name in self._projects]
        return {
            "projects": [self._projects[name] for name in found],
            "projectsNotFound": [name for name in names if name not in found],
        }

    def list_projects(self, **request: Any) -> dict[str, Any]:
        require_supported("ListProjects", request, {})
        return {"projects": sorted(self._projects)}

    def start_build(self, **request: Any) -> dict[str, Any]:
        require_supported("StartBuild", request, START)
        project = self._project(request["projectName"])
        require_value("StartBuild", "sourceTypeOverride", request.get("sourceTypeOverride"), "S3")
        given = [*project["environment"].get("environmentVariables", ())]
        given += request.get("environmentVariablesOverride", ())
        for variable in given:
            require_value("StartBuild", "environmentVariables.type", variable.get("type"), "PLAINTEXT")
        variables = {"AWS_REGION": self._cloud.region, "AWS_DEFAULT_REGION": self._cloud.region}
        variables |= {variable["name"]: variable["value"] for variable in given}
        source = request.get("sourceLocationOverride") or project["source"]["location"]
        build = Build(self._cloud, project, variables, source)
        self._builds[build.record["id"]] = build
        answer = {"build": dict(build.record)}
        build.start()
        return answer

    def stop_build(self, id: str) -> dict[str, Any]:
        if id not in self._builds:
            raise ApiError("ResourceNotFoundException", f"Build cannot be found: {id}")
        self._builds[id].stop()
        return {"build": dict(self._builds[id].record)}

    def batch_get_builds(self, ids: list[str]) -> dict[str, Any]:
        found = [one for one in ids if one in self._builds]
        return {
            "builds": [dict(self._builds[one].record) for one in found],
            "buildsNotFound": [one for one in ids if one not in found],
        }

    def _project(self, name: str) -> dict[str, Any]:
        try:
            return self._projects[name]
        except KeyError:
            message = f"Project cannot be found: {self._arn(name)}"
            raise ApiError("ResourceNotFoundException", message) from None

    def _put(self, request: dict[str, Any], dates: dict[str, float]) -> dict[str, Any]:
        given = {name: value for name, value in request.items() if name not in RECORDED}
        check_supported(given)
        if not NAME.fullmatch(given["name"]):
            raise InvalidRequest(f"Invalid project name: {given['name']}")
        try:
            require_trust(self._cloud, given["serviceRole"], PRINCIPAL)
        except NotAssumable as error:
            message = f"CodeBuild is not authorized to perform: sts:AssumeRole on service role. {error}"
            raise InvalidRequest(message) from None
        given.setdefault("logsConfig", {}).setdefault("cloudWatchLogs", {"status": "ENABLED"})
        arn = self._arn(given["name"])
        self._projects[given["name"]] = {**given, "arn": arn, **dates, "lastModified": time.time()}
        return self._projects[given["name"]]

    def _arn(self, name: str) -> str:
        return f"arn:aws:codebuild:{self._cloud.region}:{self._cloud.account_id}:project/{name}"


@functools.cache
def _model() -> ServiceModel:
    """CodeBuild's model with the JSON protocol; the model lists CBOR first, which moto cannot read."""
    model = get_service_model("codebuild")
    description = dict(model._service_description)
    description["metadata"] = {**description["metadata"], "protocol": "json"}
    return ServiceModel(description, "codebuild")
