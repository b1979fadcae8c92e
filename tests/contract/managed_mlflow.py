"""Managed MLflow services on this machine: what stands between a client and a real MLflow server there.

`SageMaker` lets through what is signed with Signature Version 4 for its tracking server. `Databricks` wants a
token, absolute experiment names, and answers for Unity Catalog, the registry that MLflow's server has not.
Artefacts of both lie in S3, which is moto's.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Reply = tuple[int, bytes]
CREATE_EXPERIMENT = "/api/2.0/mlflow/experiments/create"
HOST_METADATA = "/.well-known/databricks-config"
UNITY_CATALOG = "/api/2.0/mlflow/unity-catalog/"


def refusal(status: int, code: str, message: str) -> Reply:
    return status, json.dumps({"error_code": code, "message": message}).encode()


class Front(ABC):
    """Answers at `url`, by the MLflow server at `upstream` where the request is in order.

    `asked` has every path that came, `refused` those of them that were not in order.
    """

    def __init__(self, upstream: str, bucket: str):
        self.upstream, self.bucket = upstream, bucket
        self.asked: list[str] = []
        self.refused: list[str] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, content = front.reply(self.command, self.path, dict(self.headers.items()), body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                """Nothing: the tests look at what was asked."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Front:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    @abstractmethod
    def admits(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
        """Whether who asks has shown who they are."""

    def own(self, method: str, path: str, body: bytes) -> Reply | None:
        """What the service answers by itself; None for what MLflow's server does."""
        return None

    def reply(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        self.asked.append(path.partition("?")[0])
        if not self.admits(method, path, headers, body):
            self.refused.append(path)
            return refusal(403, "PERMISSION_DENIED", "Who are you?")
        if (answered := self.own(method, path, body)) is not None:
            return answered
        if path.startswith(CREATE_EXPERIMENT):
            wanted = json.loads(body)
            place = f"s3://{self.bucket}/{wanted['name'].strip('/')}"
            body = json.dumps({**wanted, "artifact_location": place}).encode()
        request = urllib.request.Request(
            self.upstream + path, body or None, {"content-type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


class SageMaker(Front):
    """A tracking server, which is asked for by its ARN in a header, by requests signed for its service."""

    def __init__(self, upstream: str, bucket: str, arn: str, key: Credentials):
        super().__init__(upstream, bucket)
        self.arn, self.key = arn, key

    def admits(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
        given = {name.lower(): value for name, value in headers.items()}
        kind, _, rest = given.get("authorization", "").partition(" ")
        if kind != "AWS4-HMAC-SHA256" or given.get("x-mlflow-sm-tracking-server-arn") != self.arn:
            return False
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        key, _, region, service, _ = parts["Credential"].split("/")
        signed = {name: given[name] for name in parts["SignedHeaders"].split(";")}
        request = AWSRequest(method, self.url + path, data=body, headers=signed)
        request.context["timestamp"] = given["x-amz-date"]
        signer = SigV4Auth(self.key, service, region)
        to_sign = signer.string_to_sign(request, signer.canonical_request(request))
        return (
            key == self.key.access_key
            and (service, region) == ("sagemaker-mlflow", self.arn.split(":")[3])
            and given["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
            and parts["Signature"] == signer.signature(to_sign, request)
        )


class Databricks(Front):
    """A workspace with Unity Catalog: names of three levels, and search results without tags."""

    def __init__(self, upstream: str, bucket: str, token: str):
        super().__init__(upstream, bucket)
        self.token = token
        self.models: dict[str, dict[str, Any]] = {}

    def admits(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
        given = {name.lower(): value for name, value in headers.items()}
        return given.get("authorization") == f"Bearer {self.token}" or path == HOST_METADATA

    def own(self, method: str, path: str, body: bytes) -> Reply | None:
        address = urlsplit(path)
        if address.path == HOST_METADATA:
            return 200, b"{}"
        if address.path.startswith(UNITY_CATALOG):
            asked = json.loads(body or b"{}")
            asked |= {name: values[0] for name, values in parse_qs(address.query).items()}
            return self.catalog(method, address.path.removeprefix(UNITY_CATALOG), asked)
        if address.path == CREATE_EXPERIMENT and not json.loads(body)["name"].startswith("/"):
            return refusal(400, "INVALID_PARAMETER_VALUE", "Got an invalid experiment name")
        if not address.path.startswith("/api/2.0/mlflow/"):
            return refusal(404, "ENDPOINT_NOT_FOUND", address.path)
        return None

    def catalog(self, method: str, action: str, asked: dict[str, Any]) -> Reply:
        """Unity Catalog's answer (mlflow/protos/databricks_uc_registry_service.proto)."""
        if action.startswith("registered-models:"):
            return 200, b"{}"
        name = asked.get("name") or asked["filter"].partition("'")[2].rstrip("'")
        if len(name.split(".")) != 3:
            return refusal(400, "INVALID_PARAMETER_VALUE", "Please specify all three levels")
        if action == "registered-models/create":
            if name in self.models:
                return refusal(400, "RESOURCE_ALREADY_EXISTS", f"{name} already exists")
            self.models[name] = {"versions": [], "aliases": {}}
            return 200, json.dumps({"registered_model": {"name": name}}).encode()
        if name not in self.models:
            return refusal(404, "RESOURCE_DOES_NOT_EXIST", f"{name} does not exist")
        answered = self._of_model(method, action, asked, name, self.models[name])
        return (
            (200, json.dumps(answered).encode())
            if answered is not None
            else refusal(404, "RESOURCE_DOES_NOT_EXIST", f"{name} has no such version")
        )

    def _of_model(
        self, method: str, action: str, asked: dict[str, Any], name: str, model: dict[str, Any]
    ) -> dict[str, Any] | None:
        versions, aliases = model["versions"], model["aliases"]
        number = asked.get("version")
        if action == "registered-models/get":
            return {"registered_model": {"name": name}}
        if action == "registered-models/alias":
            if method == "POST":
                aliases[asked["alias"]] = number
                return {}
            number = aliases.get(asked["alias"])
        if action == "model-versions/search":
            return {"model_versions": [{**each, "tags": []} for each in versions]}
        if action == "model-versions/create":
            number = str(len(versions) + 1)
            fields = ("name", "source", "run_id", "tags", "description", "model_id")
            versions.append(
                {
                    **{field: asked[field] for field in fields if field in asked},
                    "version": number,
                    "creation_timestamp": int(time.time() * 1000),
                    "status": "PENDING_REGISTRATION",
                    "storage_location": f"s3://{self.bucket}/catalog/{name}/{number}",
                }
            )
        if number is None:
            return None
        version = versions[int(number) - 1]
        if action == "model-versions/generate-temporary-credentials":
            key = {"access_key_id": "for-one-hour", "secret_access_key": "x", "session_token": "y"}
            return {"credentials": {"aws_temp_credentials": key}}
        if action == "model-versions/get-download-uri":
            return {"artifact_uri": version["storage_location"]}
        if action == "model-versions/finalize":
            version["status"] = "READY"
        if action == "model-versions/set-tag":
            version["tags"].append({"key": asked["key"], "value": asked["value"]})
        return {"model_version": version}
