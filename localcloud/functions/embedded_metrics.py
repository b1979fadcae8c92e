"""Extracts the metrics that functions embed in their logs, as CloudWatch Logs does.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import logging
from collections.abc import Iterator
from typing import Any

from localcloud.cloud import Cloud
from localcloud.metrics import MAX_DIMENSIONS, NAMESPACE, record_each
from localcloud.untrusted import parse_json

log = logging.getLogger(__name__)

MARK = '"_aws"'
METRICS_OF_A_DIRECTIVE = 100


Value = tuple[str, float, str]
"""The name of a metric, a value and its unit."""


class Malformed(ValueError):
    """A line violates the embedded metric format, so CloudWatch extracts no metrics from it."""


def extract(cloud: Cloud, line: str) -> None:
    """Records the metrics of a log line, if it has any, and logs a warning for a malformed one."""
    if MARK not in line:
        return
    try:
        document = parse_json(line)
    except ValueError:
        return  # any text may contain the marker
    metadata = document.get("_aws") if isinstance(document, dict) else None
    if not isinstance(metadata, dict) or "CloudWatchMetrics" not in metadata:
        return
    try:
        # A malformed line must record none of its metrics.
        for namespace, dimensions, values, timestamp in [*_metrics(document)]:
            record_each(cloud, namespace, dimensions, values, timestamp)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
        log.warning("embedded metrics are not recorded (%s: %s): %.200s", type(error).__name__, error, line)


def _metrics(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, str], list[Value], float]]:
    """Namespace, dimensions, values and time of each set of dimensions. Raises Malformed."""
    timestamp = document["_aws"]["Timestamp"]
    if not isinstance(timestamp, int):
        raise Malformed("Timestamp is not a whole number of milliseconds")
    for directive in document["_aws"]["CloudWatchMetrics"]:
        namespace = directive["Namespace"]
        if not NAMESPACE.fullmatch(namespace):
            raise Malformed(f"the namespace {namespace!r}")
        if len(directive["Metrics"]) > METRICS_OF_A_DIRECTIVE:
            raise Malformed(f"more than {METRICS_OF_A_DIRECTIVE} metrics")
        values = [value for metric in directive["Metrics"] for value in _values(document, metric)]
        for names in directive["Dimensions"]:
            dimensions = {name: document[name] for name in names}
            if len(names) > MAX_DIMENSIONS or not all(isinstance(text, str) for text in dimensions.values()):
                raise Malformed(f"the dimensions {names}: texts, at most {MAX_DIMENSIONS} of them")
            yield namespace, dimensions, values, timestamp


def _values(document: dict[str, Any], metric: dict[str, Any]) -> list[Value]:
    """The values of a metric, which is a number or a list of numbers. Raises Malformed."""
    name, unit = metric["Name"], metric.get("Unit", "None")
    given = document[name]
    numbers = given if isinstance(given, list) else [given]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise Malformed(f"the metric {name} is not a number")
    return [(name, number, unit) for number in numbers]
