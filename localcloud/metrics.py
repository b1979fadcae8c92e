"""CloudWatch metrics that services write about what they do.

They go straight into moto's store: a request to the front door for each would cost more than it tells.
"""

import datetime
import re
import time
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud

MAX_DIMENSIONS = 30
NAMESPACE = re.compile(r"[0-9A-Za-z.\-_/#]{1,255}")


def record(
    cloud: Cloud,
    namespace: str,
    dimensions: Mapping[str, str],
    values: Mapping[str, tuple[float, str]],
    timestamp_ms: float | None = None,
) -> None:
    """One value for each metric: (value, unit) by name, of now unless a time (ms since 1970) is given."""
    from moto.cloudwatch.models import cloudwatch_backends

    seconds = time.time() if timestamp_ms is None else timestamp_ms / 1000
    # moto compares with times of UTC that do not say so.
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)
    labels = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    data: list[dict[str, Any]] = [
        {"MetricName": name, "Value": value, "Unit": unit, "Timestamp": when, "Dimensions": labels}
        for name, (value, unit) in values.items()
    ]
    cloudwatch_backends[cloud.account_id][cloud.region].put_metric_data(namespace, data)
