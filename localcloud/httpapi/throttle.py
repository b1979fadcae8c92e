"""API Gateway's throttling: a token bucket for each stage, and for each route with settings of its own.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
"""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

ACCOUNT_RATE = 10_000.0
ACCOUNT_BURST = 5_000
"""Requests per second, and burst: an account's default quotas, for stages without settings."""


@dataclass
class _Bucket:
    tokens: float
    filled: float


class Throttle:
    """Counts requests against rates. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, _Bucket] = {}

    def admits(self, key: Hashable, rate: float, burst: int) -> bool:
        """Takes a token from bucket `key`, which gains `rate` a second up to `burst`; False if empty."""
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(key, _Bucket(burst, now))
            bucket.tokens = min(float(burst), bucket.tokens + (now - bucket.filled) * rate)
            bucket.filled = now
            if bucket.tokens < 1:
                return False
            bucket.tokens -= 1
            return True


def limits(stage: Any, route_key: str) -> tuple[str, float, int]:
    """The bucket for a request to a route of moto's `stage`, with its rate and its burst."""
    default = _settings(stage.default_route_settings)
    own = _settings((stage.route_settings or {}).get(route_key))
    merged = default | own
    bucket = route_key if own else "*"
    return bucket, float(merged.get("rate", ACCOUNT_RATE)), int(merged.get("burst", ACCOUNT_BURST))


def _settings(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    settings = settings or {}
    found = {"rate": settings.get("throttlingRateLimit"), "burst": settings.get("throttlingBurstLimit")}
    return {name: value for name, value in found.items() if value is not None}
