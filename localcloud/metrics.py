"""CloudWatch metrics of the services themselves.

They are written to moto's store directly, because requests to the front door would be too slow. Like
CloudWatch, and unlike moto, this keeps one statistic per minute and metric instead of every value, so that
memory grows with time and not with requests.
"""

import datetime
import re
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.moto_backends import backend_of

MAX_DIMENSIONS = 30
NAMESPACE = re.compile(r"[0-9A-Za-z.\-_/#]{1,255}")
RESOLUTION_SECONDS = 60
"""The resolution of standard metrics."""
OPEN = "_localcloud_open_statistics"
_lock = threading.Lock()


def record(
    cloud: Cloud,
    namespace: str,
    dimensions: Mapping[str, str],
    values: Mapping[str, tuple[float, str]],
    timestamp_ms: float | None = None,
) -> None:
    """Records a (value, unit) for each metric name.

    `timestamp_ms` is in milliseconds since 1970, by default now.
    """
    record_each(
        cloud, namespace, dimensions, ((name, *value) for name, value in values.items()), timestamp_ms
    )


def record_each(
    cloud: Cloud,
    namespace: str,
    dimensions: Mapping[str, str],
    values: Iterable[tuple[str, float, str]],
    timestamp_ms: float | None = None,
) -> None:
    """Adds data points (name, value, unit) to metrics, as `record` does; a metric may have several values."""
    from moto.cloudwatch.models import cloudwatch_backends

    backend = backend_of(cloudwatch_backends, cloud.account_id, cloud.region)
    seconds = time.time() if timestamp_ms is None else timestamp_ms / 1000
    minute = int(seconds // RESOLUTION_SECONDS)
    labels = tuple(dimensions.items())
    with _lock:
        # The current minute's statistics by metric. They go when moto's backend is reset for a new cloud.
        growing: dict[tuple[Any, ...], dict[tuple[str, str], tuple[int, Any]]]
        growing = backend.__dict__.setdefault(OPEN, {})
        same = growing.setdefault((namespace, labels), {})
        for name, value, unit in values:
            current = same.get((name, unit))
            if current is None or current[0] != minute:
                current = same[name, unit] = (
                    minute,
                    _statistic(namespace, name, labels, unit, seconds, value),
                )
                backend.metric_data.append(current[1])
            statistic = current[1]
            statistic.sum += value
            statistic.sample_count += 1
            statistic.min = min(statistic.min, value)
            statistic.max = max(statistic.max, value)


def _statistic(
    namespace: str, name: str, labels: tuple[tuple[str, str], ...], unit: str, seconds: float, value: float
) -> Any:
    """moto's record of a statistic, without values yet."""
    from moto.cloudwatch.models import MetricAggregatedDatum

    return MetricAggregatedDatum(
        namespace=namespace,
        name=name,
        min_stat=value,
        max_stat=value,
        sample_count=0.0,
        sum_stat=0.0,
        dimensions=[{"Name": label, "Value": text} for label, text in labels],
        # moto compares with naive times in UTC.
        timestamp=datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None),
        unit=unit,
    )
