"""The production variants of an endpoint in service, and the model servers behind them."""

import random
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from localcloud.cloud import Cloud
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.exchange import Answer, NotReady
from localcloud.sagemaker.hosting import INVOCATION_SECONDS, ModelServer, instance_id
from localcloud.sagemaker.models import Models

LOG_GROUP = "/aws/sagemaker/Endpoints"
SERVERLESS_START_SECONDS = 180
"""The limit for download, start and first ping of a serverless container."""
INSTANCE_START_SECONDS = 600
"""The default of ContainerStartupHealthCheckTimeoutInSeconds."""
MAX_RUNNING_INSTANCES = 2
"""Two processes represent any number of instances: if one ends, the endpoint still answers."""
COUNT = "InitialInstanceCount"
SIZES = {"DesiredWeight": "InitialVariantWeight", "DesiredInstanceCount": COUNT}
"""The members of an endpoint configuration by which a variant begins, by those that change it in service."""


class Throttled(Exception):
    """A serverless variant has reached its MaxConcurrency."""


class Variant:
    """A production variant in service."""

    def __init__(self, cloud: Cloud, endpoint: str, config: dict[str, Any], models: Models):
        self.name: str = config["VariantName"]
        self.config = config
        self.weight: float = config.get("InitialVariantWeight", 1.0)
        self.serverless: dict[str, Any] | None = config.get("ServerlessConfig")
        container, role = models.container(config["ModelName"])
        self.image: str = container["Image"]
        self._servers = [
            ModelServer(
                cloud,
                f"endpoint {endpoint} {self.name}",
                container,
                role,
                f"{LOG_GROUP}/{endpoint}",
                f"{self.name}/{instance_id()}",
            )
            for _ in range(min(config.get("InitialInstanceCount", 1), MAX_RUNNING_INSTANCES))
        ]
        self._max_concurrency = int(self.serverless["MaxConcurrency"]) if self.serverless else 0
        self._slots = threading.Semaphore(self._max_concurrency) if self.serverless else None

    def start(self) -> None:
        """Starts the containers. Raises JobFailed, in SageMaker's words, when one does not start."""
        if self.serverless:
            seconds = SERVERLESS_START_SECONDS
        else:
            seconds = self.config.get("ContainerStartupHealthCheckTimeoutInSeconds", INSTANCE_START_SECONDS)
        try:
            with ThreadPoolExecutor(len(self._servers)) as pool:
                for _ in pool.map(lambda server: server.start(seconds), self._servers):
                    pass
        except JobFailed as failure:
            raise JobFailed(
                f"The primary container for production variant {self.name} did not pass the ping health "
                f"check. Please check CloudWatch logs for this endpoint. ({failure}.)"
            ) from failure

    def stop(self) -> None:
        for server in self._servers:
            server.stop()

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Passes a request to a running container, preferably an idle one.

        Raises NotReady if none runs, and TooSlow or ContainerEnded.
        """
        for server in sorted(self._servers, key=lambda server: (server.busy, random.random())):
            try:
                if server.ready:
                    return server.invoke(body, headers)
            except NotReady:
                continue  # it has just ended, and did not get the request
        raise NotReady("the container is starting")

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Holds one of a serverless variant's slots during a request. Raises Throttled when none is left."""
        if self._slots is None:
            yield
        elif self._slots.acquire(blocking=False):
            try:
                yield
            finally:
                self._slots.release()
        else:
            raise Throttled(f"MaxConcurrency of {self._max_concurrency} reached")

    @property
    def sizes(self) -> dict[str, Any]:
        """What UpdateEndpointWeightsAndCapacities changes."""
        if self.serverless:
            return {"DesiredWeight": self.weight}
        return {"DesiredWeight": self.weight, "DesiredInstanceCount": self.config["InitialInstanceCount"]}

    def describe(self, since: float) -> dict[str, Any]:
        """The summary of the variant in DescribeEndpoint."""
        image = {"SpecifiedImage": self.image, "ResolvedImage": self.image, "ResolutionTime": since}
        if self.serverless:
            size = {"CurrentServerlessConfig": self.serverless}
        else:
            count = self.config["InitialInstanceCount"]
            size = {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
        return {
            "VariantName": self.name,
            "DeployedImages": [image],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            **size,
        }


class Deployment:
    """The variants of an endpoint configuration in service, and the requests in flight."""

    def __init__(self, cloud: Cloud, endpoint: str, configs: Sequence[dict[str, Any]], models: Models):
        self.variants = [Variant(cloud, endpoint, config, models) for config in configs]
        self._in_flight = 0
        self._retired = False
        self._changed = threading.Condition()

    @property
    def is_serverless(self) -> bool:
        return any(variant.serverless for variant in self.variants)

    def start(self) -> None:
        for variant in self.variants:
            variant.start()

    def enter(self) -> bool:
        """Registers a request. Returns False when the deployment is retired."""
        with self._changed:
            self._in_flight += not self._retired
            return not self._retired

    def leave(self) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def choose(self, name: str | None) -> Variant | None:
        """The variant with a name, or None; without a name a random one by weight."""
        if name is not None:
            return next((variant for variant in self.variants if variant.name == name), None)
        weights = [variant.weight for variant in self.variants]
        return random.choices(self.variants, weights if any(weights) else None)[0]

    def resized(
        self, configs: Sequence[dict[str, Any]], excluded: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """Configurations of variants, with the sizes, but those `excluded`, that their namesakes have."""
        sizes = {variant.name: variant.sizes for variant in self.variants}
        return [sized(config, sizes.get(config["VariantName"], {}), excluded) for config in configs]

    def retire(self, drain_seconds: float = INVOCATION_SECONDS) -> None:
        """Stops the variants when the requests in flight are done, or after `drain_seconds`."""
        with self._changed:
            self._retired = True
            self._changed.wait_for(lambda: self._in_flight == 0, drain_seconds)
        for variant in self.variants:
            variant.stop()


def sized(config: dict[str, Any], sizes: Mapping[str, Any], excluded: Collection[str] = ()) -> dict[str, Any]:
    """A variant's configuration with sizes in service; a serverless one has no number of instances."""
    changed = {
        member: sizes[name]
        for name, member in SIZES.items()
        if name in sizes and name not in excluded and not (member == COUNT and "ServerlessConfig" in config)
    }
    return config | changed
