"""Runs functions, each in a pool of sandboxes of its own, as many at once as their concurrency allows."""

import contextlib
import functools
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud import metrics
from localcloud.cloud import Cloud
from localcloud.functions.concurrency import UNRESERVED_CONCURRENCY, Slots
from localcloud.functions.configuration import Configuration
from localcloud.functions.errors import LambdaError
from localcloud.functions.names import FunctionReference
from localcloud.functions.pool import Pool
from localcloud.functions.runtime_api import Invocation
from localcloud.quotas import MAX_INVOCATION_BYTES

LOG_TAIL_BYTES = 4096


@dataclass(frozen=True)
class InvocationResult:
    """The result of a synchronous invocation. `function_error` is set if the function failed."""

    request_id: str
    payload: bytes
    function_error: str | None
    log_events: Sequence[str]

    @property
    def log_tail(self) -> bytes:
        return "".join(self.log_events).encode()[-LOG_TAIL_BYTES:]


class Admission:
    """A place for one event of a function, taken until `run` or `give_up` first ends it."""

    def __init__(
        self, run: Callable[[bytes, str, str | None], InvocationResult], give_up: Callable[[], None]
    ):
        self._run = run
        self._held = [give_up]  # pop is atomic

    def give_up(self) -> None:
        """Gives the place back, unless that has been done."""
        try:
            give_up = self._held.pop()
        except IndexError:
            return
        give_up()

    def run(
        self, payload: bytes, request_id: str | None = None, client_context: str | None = None
    ) -> InvocationResult:
        """Runs the function with a JSON payload. Raises LambdaError for a too large payload."""
        try:
            check_size(payload, MAX_INVOCATION_BYTES)
            return self._run(payload, request_id or str(uuid.uuid4()), client_context)
        finally:
            self.give_up()


class Executor:
    """Runs the functions of a cloud in its region, as many at once as their concurrency allows."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._lock = threading.Lock()
        self._pools: dict[str, Pool] = {}
        self._slots = Slots()

    def admit(self, reference: FunctionReference, record: Any) -> Admission:
        """Takes a slot of the function's reserved concurrency, else of the account's. Raises LambdaError."""
        configuration = Configuration.of(record)
        reserved = record.reserved_concurrency
        owner = "" if reserved is None else configuration.arn
        if not self._slots.take(owner, UNRESERVED_CONCURRENCY if reserved is None else int(reserved)):
            self._measure(configuration, Throttles=(1, "Count"))
            scope = "ReservedFunction" if owner else ""
            reason = f"{scope}ConcurrentInvocationLimitExceeded"
            raise LambdaError("TooManyRequestsException", "Rate Exceeded.", status=429, Reason=reason)
        return Admission(
            functools.partial(self._run, configuration, reference.qualified_arn, record.code_bytes),
            functools.partial(self._slots.free, owner),
        )

    def sizes(self) -> dict[str, int]:
        """The number of sandboxes of each function that has any."""
        with self._lock:
            pools = list(self._pools.values())
        return {pool.configuration.name: pool.size() for pool in pools if pool.size()}

    def tidy(self, now: float, version_of: Callable[[str], str | None]) -> None:
        """Closes idle sandboxes, and all of a function whose version is no longer the one that it ran in.

        `version_of` returns the version of a function, given its ARN, or None if it has been deleted.
        """
        with self._lock:
            pools = list(self._pools.items())
        for arn, pool in pools:
            if version_of(arn) == pool.configuration.version:
                pool.close_idle(now)
                continue
            with self._lock:
                if self._pools.get(arn) is pool:
                    del self._pools[arn]
            pool.close()

    def close(self) -> None:
        with self._lock:
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.close()

    def _run(
        self,
        configuration: Configuration,
        invoked_arn: str,
        code: bytes,
        payload: bytes,
        request_id: str,
        client_context: str | None,
    ) -> InvocationResult:
        invocation = Invocation(
            request_id=request_id,
            payload=payload,
            function_arn=invoked_arn,
            trace_id=_trace_id(),
            client_context=client_context,
        )
        with self._pool(configuration, code) as pool:
            outcome, events = pool.run(invocation)
        error = "Unhandled" if outcome.error_type else None
        self._measure(
            configuration,
            Invocations=(1, "Count"),
            Errors=(int(error is not None), "Count"),
            Throttles=(0, "Count"),
            Duration=(outcome.duration_ms, "Milliseconds"),
        )
        return InvocationResult(request_id, outcome.payload, error, events)

    def _measure(self, configuration: Configuration, **values: tuple[float, str]) -> None:
        for dimensions in ({"FunctionName": configuration.name}, {}):  # of the function, and of all together
            metrics.record(self._cloud, "AWS/Lambda", dimensions, values)

    @contextlib.contextmanager
    def _pool(self, configuration: Configuration, code: bytes) -> Iterator[Pool]:
        """Holds the pool of the function's current configuration, and closes that of the former one."""
        former = None
        with self._lock:
            pool = self._pools.get(configuration.arn)
            if pool is None or pool.configuration.version != configuration.version:
                former = pool
                pool = self._pools[configuration.arn] = Pool(self._cloud, configuration, code)
            pool.enter()
        try:
            if former:
                former.close()
            yield pool
        finally:
            pool.leave()


def check_size(payload: bytes, limit: int) -> None:
    """Raises LambdaError for a payload of more than `limit` bytes."""
    if len(payload) > limit:
        message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise LambdaError("RequestTooLargeException", message, status=413)


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()};Parent={os.urandom(8).hex()};Sampled=0"
