"""What operators do to the deployed chain and what can happen to it, for real; undone when a `with` ends."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from severable_line import Line

from tests.conftest import PROJECT, STACK, Deployment

# Of AWS's container and of our own image.
MODEL_SERVERS = (str(PROJECT / "localcloud" / "containers" / "inference.py"), "/opt/serve/server.py")
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 60


def eventually(what: Callable[[], Any]) -> Any:
    """The first true result of `what`. Raises TimeoutError where there is none for a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(POLL_SECONDS)
    raise TimeoutError(what)


class Operator:
    """Acts on the chain of a deployment by the APIs of AWS and by signals to its processes."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        client, outputs = deployment.cloud.client, deployment.outputs
        self._gateway, self._lambda, self._s3 = client("apigatewayv2"), client("lambda"), client("s3")
        self._sagemaker, self._logs = client("sagemaker"), client("logs")
        self._api = {"ApiId": deployment.api.rpartition("/")[2]}
        self._endpoint, self._function = outputs["EndpointName"], outputs["FunctionName"]
        self.data_bucket = outputs["DataBucketName"]
        self._config = {"Bucket": outputs["WebsiteBucketName"], "Key": "config.json"}

    # ---- the gateway ----

    @contextlib.contextmanager
    def throttle(self, rate: float, burst: int) -> Iterator[None]:
        """The stage lets so many requests through, a second and at once."""
        stage = {**self._api, "StageName": "$default"}
        former = self._gateway.get_stage(**stage)["DefaultRouteSettings"]
        limits = {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}
        self._gateway.update_stage(**stage, DefaultRouteSettings=limits)
        try:
            yield
        finally:
            self._gateway.update_stage(**stage, DefaultRouteSettings=former)

    @contextlib.contextmanager
    def only_for(self, origin: str) -> Iterator[None]:
        """Browsers may show the API's answers to pages of this origin alone."""
        former = self._gateway.get_api(**self._api)["CorsConfiguration"]
        self._gateway.update_api(**self._api, CorsConfiguration=former | {"AllowOrigins": [origin]})
        try:
            yield
        finally:
            self._gateway.update_api(**self._api, CorsConfiguration=former)

    def answered(self, route: str) -> list[int]:
        """The statuses of all answers to a route so far, from the access log."""
        events = self._logs.filter_log_events(logGroupName=f"/aws/vendedlogs/apis/{STACK}")["events"]
        lines = [json.loads(event["message"]) for event in events]
        return [int(line["status"]) for line in lines if line["route"] == route]

    # ---- the function ----

    @contextlib.contextmanager
    def function(self, **variables: str | None) -> Iterator[None]:
        """The function runs anew with these variables; one that is None is left out."""
        former = self._lambda.get_function_configuration(FunctionName=self._function)["Environment"]
        wanted = {**former["Variables"], **variables}
        given = {name: value for name, value in wanted.items() if value is not None}
        self._lambda.update_function_configuration(
            FunctionName=self._function, Environment={"Variables": given}
        )
        try:
            yield
        finally:
            self._lambda.update_function_configuration(FunctionName=self._function, Environment=former)

    @contextlib.contextmanager
    def no_concurrency(self) -> Iterator[None]:
        """Lambda refuses every invocation of the function."""
        self._lambda.put_function_concurrency(FunctionName=self._function, ReservedConcurrentExecutions=0)
        try:
            yield
        finally:
            self._lambda.delete_function_concurrency(FunctionName=self._function)

    # ---- the endpoint ----

    @contextlib.contextmanager
    def no_endpoint(self) -> Iterator[Callable[[], None]]:
        """There is no endpoint until what this yields is called."""
        config = self._sagemaker.describe_endpoint(EndpointName=self._endpoint)["EndpointConfigName"]
        gone = True

        def recreate() -> None:
            nonlocal gone
            if gone:
                self._sagemaker.create_endpoint(EndpointName=self._endpoint, EndpointConfigName=config)
                gone = False
                self._wait_until_in_service()

        self._sagemaker.delete_endpoint(EndpointName=self._endpoint)
        try:
            yield recreate
        finally:
            recreate()

    @contextlib.contextmanager
    def model(self, code: str, description: dict[str, Any]) -> Iterator[str]:
        """The endpoint serves a model with this inference.py, and with this model.json beside it; its URL."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            member = tarfile.TarInfo("code/inference.py")
            member.size = len(code.encode())
            tar.addfile(member, io.BytesIO(code.encode()))
        folder, name = "models/another", f"{STACK}-another"
        url = f"s3://{self.data_bucket}/{folder}/model.tar.gz"
        files = {"model.tar.gz": archive.getvalue(), "model.json": json.dumps(description).encode()}
        for file, content in files.items():
            self._s3.put_object(Bucket=self.data_bucket, Key=f"{folder}/{file}", Body=content)
        endpoint = self._sagemaker.describe_endpoint(EndpointName=self._endpoint)
        config = self._sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        [variant] = config["ProductionVariants"]
        model = self._sagemaker.describe_model(ModelName=variant["ModelName"])
        container = model["PrimaryContainer"] | {"ModelDataUrl": url}
        self._sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=model["ExecutionRoleArn"], PrimaryContainer=container
        )
        self._sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant | {"ModelName": name}]
        )
        try:
            self._move_endpoint_to(name)
            yield url
        finally:
            self._move_endpoint_to(endpoint["EndpointConfigName"])
            self._sagemaker.delete_endpoint_config(EndpointConfigName=name)
            self._sagemaker.delete_model(ModelName=name)
            for file in files:
                self._s3.delete_object(Bucket=self.data_bucket, Key=f"{folder}/{file}")

    def _move_endpoint_to(self, config: str) -> None:
        self._sagemaker.update_endpoint(EndpointName=self._endpoint, EndpointConfigName=config)
        self._wait_until_in_service()

    def _wait_until_in_service(self) -> None:
        describe = self._sagemaker.describe_endpoint
        eventually(lambda: describe(EndpointName=self._endpoint)["EndpointStatus"] == "InService")

    @contextlib.contextmanager
    def frozen_model(self) -> Iterator[Callable[[], None]]:
        """The model answers nobody until what this yields is called; then it answers all who waited."""
        servers = self._model_servers()

        def thaw() -> None:
            for server in servers:
                server.resume()

        for server in servers:
            server.suspend()
        try:
            yield thaw
        finally:
            thaw()

    def crowd(self) -> None:
        """Others take all the places of an endpoint that is frozen, and hold them for as long as it is."""
        impatient = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
        runtime = self.deployment.cloud.boto3_client("sagemaker-runtime", config=impatient)

        def is_full() -> bool:
            try:
                runtime.invoke_endpoint(
                    EndpointName=self._endpoint, ContentType="text/plain", Body=b"A film."
                )
            except ReadTimeoutError:
                return False  # who gives up waiting holds the place all the same
            except ClientError as error:
                return error.response["Error"]["Code"] == "ThrottlingException"
            raise AssertionError("a frozen endpoint has answered")

        eventually(is_full)

    def kill_model(self) -> None:
        """The model's server dies; SageMaker starts another."""
        for server in self._model_servers():
            # Workers end with the first process by themselves.
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()

    def _model_servers(self) -> list[psutil.Process]:
        """The processes of the endpoint's container, the first one before its workers."""
        health = requests.get(f"{self.deployment.cloud.url}/_localcloud/health", timeout=10).json()
        found = [
            process
            for process in psutil.Process(health["pid"]).children(recursive=True)
            if _serves(process, self._endpoint)
        ]
        if not found:
            raise ProcessLookupError(f"no server of endpoint {self._endpoint}")
        return found

    # ---- what the page is told ----

    @contextlib.contextmanager
    def config(self, text: str | None) -> Iterator[None]:
        """The page's config.json holds this text, or is not there."""
        former = self._s3.get_object(**self._config)
        kept = {name: former[name] for name in ("ContentType", "CacheControl") if name in former}
        content = former["Body"].read()
        if text is None:
            self._s3.delete_object(**self._config)
        else:
            self._s3.put_object(**self._config, Body=text.encode(), **kept)
        try:
            yield
        finally:
            self._s3.put_object(**self._config, Body=content, **kept)

    @contextlib.contextmanager
    def line(self) -> Iterator[Line]:
        """The page reaches its API by a line of its own, which can be cut."""
        with Line(self.deployment.cloud.port) as line:
            address = self.deployment.api.replace(f":{self.deployment.cloud.port}/", f":{line.port}/")
            with self.config(json.dumps({"apiUrl": address})):
                yield line


def _serves(process: psutil.Process, endpoint: str) -> bool:
    """Whether the process is of the endpoint's container; others may end while they are looked at."""
    try:
        is_server = "".join(process.cmdline()[1:2]).endswith(MODEL_SERVERS)
        return is_server and f"/endpoint-{endpoint}-" in process.cwd()
    except psutil.NoSuchProcess:
        return False
