"""Separates regions: a service has an independent instance for each."""

import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.session
import werkzeug

from localcloud.cloud import Cloud
from localcloud.protocol.calls import signature_of

PARTITION = "aws"
"""The account's. ARNs begin with it."""


class Regional:
    """The instances of a service, by region. That of the cloud's own region exists from the start.

    The signature of a request says which region it is for; unsigned requests are for the cloud's own.
    Requests to deployed resources are mostly unsigned, so a class may have `region_of(cloud, request)` to
    find the region.
    """

    def __init__(self, make: Callable[[Cloud], Any], cloud: Cloud):
        self._make, self._cloud = make, cloud
        self._region_of = getattr(make, "region_of", None)
        self._lock = threading.Lock()
        self._instances: dict[str, Any] = {cloud.region: make(cloud)}
        self.answers = getattr(make, "answers", None)

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        """The answer of the instance that the request is for; None if the request is not for this service."""
        answer: werkzeug.Response | None = self.instance(self._region(request)).handle(request)
        return answer

    def operations(self) -> dict[str, set[str]]:
        """The operations that the service carries out, which are the same in all regions."""
        found: dict[str, set[str]] = self.instance(self._cloud.region).operations()
        return found

    def stored(self) -> dict[str, set[str]]:
        """Of these operations, those that only store."""
        found: dict[str, set[str]] = getattr(self.instance(self._cloud.region), "stored", dict)()
        return found

    def status(self) -> dict[str, Any]:
        """What runs in the cloud's own region, and in other regions, with their names."""
        merged: dict[str, Any] = {}
        for region, instance in self._each():
            status: dict[str, Any] = instance.status() if hasattr(instance, "status") else {}
            if region == self._cloud.region:
                merged |= status
            else:
                merged |= {f"{kind} in {region}": running for kind, running in status.items() if running}
        return merged

    def close(self) -> None:
        """Close all instances."""
        for _, instance in self._each():
            if close := getattr(instance, "close", None):
                close()

    def _each(self) -> Iterator[tuple[str, Any]]:
        with self._lock:
            instances = list(self._instances.items())
        return iter(instances)

    def _region(self, request: werkzeug.Request) -> str:
        if self._region_of and (region := self._region_of(self._cloud, request)):
            return str(region)
        signature = signature_of(request)
        # Anybody may send something that looks like a signature to a deployed API.
        return signature.region if signature and signature.region in known_regions() else self._cloud.region

    def instance(self, region: str) -> Any:
        """The instance of a region, which is created on first use."""
        with self._lock:
            if region not in self._instances:
                self._instances[region] = self._make(self._cloud.in_region(region))
            return self._instances[region]


@functools.cache
def known_regions() -> frozenset[str]:
    """The regions that the account may use: those of its partition."""
    loader = botocore.session.Session().get_component("data_loader")
    partitions: list[Mapping[str, Any]] = loader.load_data("partitions")["partitions"]
    own = next(one for one in partitions if one["id"] == PARTITION)
    return frozenset(region for region in own["regions"] if not region.endswith("-global"))
