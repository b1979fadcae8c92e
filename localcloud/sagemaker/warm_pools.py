"""Warm pools: what a training job leaves for the next one that matches it.

https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html has the rules. On AWS a pool consists of
instances; here hosts start at once, so what a job hands on is the content of the cache folder of each host.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.sagemaker.cluster import Host
from localcloud.sagemaker.records import Record

log = logging.getLogger(__name__)

CACHE = "sagemaker/warmpoolcache"
"""The folder below /opt/ml whose files the next job finds."""
PERIOD = "KeepAlivePeriodInSeconds"
STATUS = "WarmPoolStatus"
MATCHED = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
"""The members of ResourceConfig that must be equal for a job to get a pool; the others that AWS compares are
refused."""


@dataclass
class WarmPool:
    """The hosts that a job has left."""

    job: Record
    caches: Path
    since: float
    seconds: int


class WarmPools:
    """The warm pools of a region, and the WarmPoolStatus of the jobs that use or left them."""

    def __init__(self, cloud: Cloud, clock: Callable[[], float] = time.monotonic):
        self._folder, self._clock = cloud.state_dir / "warm-pools", clock
        self._available: dict[str, WarmPool] = {}
        """By the ARN of the job that left it."""
        self._lock = threading.Lock()

    def begin(self, job: Record) -> None:
        """Gives a job that is about to start the pool that matches it, if there is one."""
        with self._lock:
            self._terminate_expired()
            reused = next((each for each in self._available.values() if _matches(each.job, job)), None)
            if reused:
                self._end(reused, self._clock() - reused.since, Status="Reused", ReusedByJob=job.name)
                reused.caches.rename(self._caches(job))
            if reused or _period(job):
                self._caches(job).mkdir(parents=True, exist_ok=True)
                job.live[STATUS] = {"Status": "InUse"}

    def fill(self, job: Record, hosts: Sequence[Host]) -> None:
        """Places the caches of a job's pool in the folders of its hosts."""
        if STATUS not in job.live:
            return
        for host in hosts:
            given, cache = self._caches(job) / host.name, host.ml / CACHE
            cache.parent.mkdir(parents=True, exist_ok=True)
            if given.exists():
                given.rename(cache)
            else:
                cache.mkdir()

    def keep(self, job: Record, hosts: Sequence[Host], *, healthy: bool) -> None:
        """Makes the hosts of a job that ends available to others, for as long as the job asked for.

        "If the training job fails due to an algorithm or client error, a warm pool is still retained." After
        any other failure they are not `healthy`. Nor is a pool kept whose caches cannot be moved.
        """
        if STATUS not in job.live:
            return
        with self._lock:
            pool = WarmPool(job, self._caches(job), self._clock(), _period(job))
            if not healthy or not pool.seconds:
                self._terminate(pool, 0)
                return
            try:
                for host in hosts:
                    if (cache := host.ml / CACHE).exists():
                        cache.rename(pool.caches / host.name)
            except OSError as error:  # a script can make the folder unreachable
                log.warning("training %s leaves no warm pool: %s", job.name, error)
                self._terminate(pool, 0)
                return
            self._available[job.arn] = pool
            job.live[STATUS] = {"Status": "Available"}

    def update(self, job: Record, seconds: int) -> None:
        """Changes for how long an available pool is kept; 0 ends it. Raises InvalidRequest for others."""
        with self._lock:
            self._terminate_expired()
            pool = self._available.get(job.arn)
            if pool is None:
                status = (job.live.get(STATUS) or {}).get("Status", "none")
                raise InvalidRequest(
                    f"UpdateTrainingJob: {PERIOD} can be changed while the WarmPoolStatus of the job is "
                    f"Available (it is {status})."
                )
            pool.seconds = seconds
            job.request["ResourceConfig"] = job.request["ResourceConfig"] | {PERIOD: seconds}
            if (retained := self._clock() - pool.since) >= seconds:
                self._terminate(pool, retained)

    def refresh(self) -> None:
        """Ends the pools whose time is over."""
        with self._lock:
            self._terminate_expired()

    def is_available(self, job: Record) -> bool:
        with self._lock:
            self._terminate_expired()
            return job.arn in self._available

    def _caches(self, job: Record) -> Path:
        return self._folder / job.name

    def _terminate_expired(self) -> None:
        now = self._clock()
        for pool in list(self._available.values()):
            if now >= pool.since + pool.seconds:
                self._terminate(pool, pool.seconds)

    def _terminate(self, pool: WarmPool, retained: float) -> None:
        self._end(pool, retained, Status="Terminated")
        shutil.rmtree(pool.caches, ignore_errors=True)

    def _end(self, pool: WarmPool, retained: float, **members: str) -> None:
        """`retained` is how many seconds the pool was available."""
        self._available.pop(pool.job.arn, None)
        pool.job.live[STATUS] = {**members, "ResourceRetainedBillableTimeInSeconds": round(retained)}


def check_warm_pool(operation: str, request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a job that cannot have the warm pool that it asks for.

    "SageMaker Managed Warm Pools cannot be used with" spot instances and heterogeneous clusters.
    """
    resources = request.get("ResourceConfig") or {}
    if not resources.get(PERIOD):
        return
    if request.get("EnableManagedSpotTraining"):
        raise InvalidRequest(
            f"{operation}: ResourceConfig.{PERIOD} cannot be used with managed spot training."
        )
    if resources.get("InstanceGroups"):
        raise InvalidRequest(f"{operation}: ResourceConfig.{PERIOD} cannot be used with InstanceGroups.")


def _period(job: Record) -> int:
    return int((job.request.get("ResourceConfig") or {}).get(PERIOD) or 0)


def _matches(former: Record, job: Record) -> bool:
    """Whether a job can run on the hosts that a former one has left."""

    def wanted(request: Mapping[str, Any]) -> list[Any]:
        resources = request.get("ResourceConfig") or {}
        return [
            request["RoleArn"],
            bool(request.get("EnableInterContainerTrafficEncryption")),
            bool(request.get("EnableManagedSpotTraining")),
            *(resources.get(name) for name in MATCHED),
        ]

    return wanted(former.request) == wanted(job.request)
