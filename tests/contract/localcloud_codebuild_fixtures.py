"""What the tests of CodeBuild share: a cloud with a repository, a project and an image to build."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from localcloud_sagemaker_fixtures import BUCKET, TRUST, Sandbox, wait

from localcloud.codebuild import CodeBuildService
from localcloud.iam import IamEnforcement
from localcloud.sagemaker import SageMakerService
from localcloud.server import Server

BUILDSPEC = """
version: 0.2
phases:
  build:
    commands:
      - aws ecr get-login-password | docker login --username AWS --password-stdin $REGISTRY
      - docker build --file image/Dockerfile --tag ${REPOSITORY}:$IMAGE_TAG .
      - docker push $REPOSITORY:$IMAGE_TAG
"""
DOCKERFILE = """
# The packages come first.
FROM public.ecr.aws/docker/library/python:3.12-slim@sha256:0123 AS packages
WORKDIR /packages
COPY packages.lock ./
RUN python -m venv /opt/venv \\
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --requirement packages.lock \\
    && rm -rf /opt/venv/share

FROM python:3.12-slim
RUN useradd --uid 10001 server
COPY --from=packages /opt/venv /opt/venv
COPY image/server.py /opt/server.py
ENV PATH=/opt/venv/bin:$PATH \\
    ADDRESS=0.0.0.0 GREETING=hello
USER 10001
ENTRYPOINT ["python", "/opt/server.py"]
"""
SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open(os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "model", "weights.json")) as weights:
            model = json.load(weights)
        self.answer({"said": body, "greeting": os.environ["GREETING"], "arguments": sys.argv[1:], **model})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

address = os.environ["ADDRESS"]
HTTPServer((address, int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler).serve_forever()
"""
FILES = {"image/Dockerfile": DOCKERFILE, "image/server.py": SERVER, "packages.lock": "packaging>=20\n"}


class Builder:
    """A cloud with a repository and a project that builds images into it."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox
        cloud = sandbox.cloud
        self.ecr, self.codebuild = cloud.client("ecr"), cloud.client("codebuild")
        made = self.ecr.create_repository(repositoryName="images", imageTagMutability="IMMUTABLE")
        self.uri: str = made["repository"]["repositoryUri"]
        self.role = self.make_role("builder", ["*"])
        self.make_project("builder")

    def make_role(self, name: str, actions: list[str]) -> str:
        iam = self.sandbox.cloud.client("iam")
        trust = json.loads(json.dumps(TRUST).replace("sagemaker.", "codebuild."))
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=json.dumps(policy))
        return role["Arn"]

    def make_project(self, name: str, **changes: Any) -> None:
        variables = {"REGISTRY": self.uri.partition("/")[0], "REPOSITORY": self.uri}
        self.codebuild.create_project(
            **{
                "name": name,
                "source": {"type": "S3", "location": f"{BUCKET}/none.zip", "buildspec": BUILDSPEC},
                "artifacts": {"type": "NO_ARTIFACTS"},
                "environment": {
                    "type": "LINUX_CONTAINER",
                    "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
                    "computeType": "BUILD_GENERAL1_SMALL",
                    "privilegedMode": True,
                    "environmentVariables": [{"name": k, "value": v} for k, v in variables.items()],
                },
                "serviceRole": self.role,
            }
            | changes
        )

    def build(self, tag: str, project: str = "builder", **changes: str) -> dict[str, Any]:
        """The record of a build of FILES, some of them changed, once it has ended."""
        return self.ended(self.start(tag, project, **changes))

    def start(self, tag: str, project: str = "builder", **changes: str) -> dict[str, Any]:
        """The record of such a build as it begins."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, text in (FILES | changes).items():
                archive.writestr(name, text)
        self.sandbox.put("source.zip", content.getvalue())
        started = self.codebuild.start_build(
            projectName=project,
            sourceTypeOverride="S3",
            sourceLocationOverride=f"{BUCKET}/source.zip",
            environmentVariablesOverride=[{"name": "IMAGE_TAG", "value": tag}],
        )["build"]
        assert started["buildStatus"] == "IN_PROGRESS"
        return dict(started)

    def ended(self, started: dict[str, Any]) -> dict[str, Any]:
        return wait(
            lambda: self.codebuild.batch_get_builds(ids=[started["id"]])["builds"][0],
            lambda build: build["buildComplete"],
        )

    def log(self, build: dict[str, Any]) -> list[str]:
        """The lines that a build has logged so far."""
        logs = self.sandbox.logs
        stream = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
        try:
            events = logs.get_log_events(**stream, startFromHead=True)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events]

    def endpoint(self, image: str) -> str:
        """An endpoint in service that runs the image."""
        sandbox = self.sandbox
        model = sandbox.model(epochs=7)
        described = sandbox.sagemaker.describe_model(ModelName=model)["PrimaryContainer"]
        own = sandbox.name("own")
        sandbox.sagemaker.create_model(
            ModelName=own,
            ExecutionRoleArn=sandbox.role,
            PrimaryContainer={"Image": image, "ModelDataUrl": described["ModelDataUrl"]},
        )
        endpoint = sandbox.endpoint(sandbox.config(own))
        assert sandbox.settled(endpoint)["EndpointStatus"] == "InService"
        return endpoint


@contextmanager
def running() -> Iterator[Builder]:
    with Server(port=0, services=[IamEnforcement, SageMakerService, CodeBuildService]) as server:
        yield Builder(Sandbox(server.cloud))
