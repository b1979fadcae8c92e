"""CloudWatch metrics that services write about what they do.

They go straight into moto's store: a request to the front door for each would cost more than it tells. Like
CloudWatch, and unlike moto, this keeps one statistic a minute of each metric, not every value: what is kept
grows with time, not with requests.
"""

import datetime
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud

MAX_DIMENSIONS = 30
NAMESPACE = re.compile(r"[0-9A-Za-z.\-_/#]{1,255}")
RESOLUTION_SECONDS = 60
"""Of standard metrics."""
OPEN = "_localcloud_open_statistics"
_lock = threading.Lock()


def record(
    cloud: Cloud,
    namespace: str,
    dimensions: Mapping[str, str],
    values: Mapping[str, tuple[float, str]],
    timestamp_ms: float | None = None,
) -> None:
    """One value for each metric: (value, unit) by name, of now unless a time (ms since 1970) is given."""
    from moto.cloudwatch.models import cloudwatch_backends

    backend = cloudwatch_backends[cloud.account_id][cloud.region]
    seconds = time.time() if timestamp_ms is None else timestamp_ms / 1000
    minute = int(seconds // RESOLUTION_SECONDS)
    labels = tuple(dimensions.items())
    with _lock:
        # The statistics that still grow, by metric. moto empties its backend when a cloud begins.
        growing: dict[tuple, tuple[int, Any]] = backend.__dict__.setdefault(OPEN, {})
        for name, (value, unit) in values.items():
            metric = (namespace, name, labels, unit)
            of_minute, statistic = growing.get(metric, (None, None))
            if of_minute != minute:
                statistic = _statistic(namespace, name, labels, unit, seconds, value)
                backend.metric_data.append(statistic)
                growing[metric] = minute, statistic
            statistic.sum += value
            statistic.sample_count += 1
            statistic.min = min(statistic.min, value)
            statistic.max = max(statistic.max, value)


def _statistic(
    namespace: str, name: str, labels: tuple[tuple[str, str], ...], unit: str, seconds: float, value: float
) -> Any:
    """moto's record of a statistic of no values yet."""
    from moto.cloudwatch.models import MetricAggregatedDatum

    return MetricAggregatedDatum(
        namespace=namespace,
        name=name,
        min_stat=value,
        max_stat=value,
        sample_count=0.0,
        sum_stat=0.0,
        dimensions=[{"Name": label, "Value": text} for label, text in labels],
        # moto compares with times of UTC that do not say so.
        timestamp=datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None),
        unit=unit,
    )
