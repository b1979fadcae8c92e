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
        for directive, timestamp in [*_directives(document)]:
            _record(cloud, document, directive, timestamp)
    except (Malformed, TypeError, KeyError, AttributeError) as error:
        log.warning("embedded metrics are not recorded (%s: %s): %.200s", type(error).__name__, error, line)


def _directives(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], float]]:
    timestamp = document["_aws"]["Timestamp"]
    if not isinstance(timestamp, int):
        raise Malformed("Timestamp is not a whole number of milliseconds")
    for directive in document["_aws"]["CloudWatchMetrics"]:
        if not NAMESPACE.fullmatch(directive["Namespace"]):
            raise Malformed(f"the namespace {directive['Namespace']!r}")
        if len(directive["Metrics"]) > METRICS_OF_A_DIRECTIVE:
            raise Malformed(f"more than {METRICS_OF_A_DIRECTIVE} metrics")
        for names in directive["Dimensions"]:
            if len(names) > MAX_DIMENSIONS or not all(isinstance(document[name], str) for name in names):
                raise Malformed(f"the dimensions {names}: texts, at most {MAX_DIMENSIONS} of them")
        for metric in directive["Metrics"]:
            if not all(_is_number(value) for value in _values(document, metric)):
                raise Malformed(f"the metric {metric['Name']} is not a number")
        yield directive, timestamp


def _record(cloud: Cloud, document: dict[str, Any], directive: dict[str, Any], timestamp: float) -> None:
    values = [
        (metric["Name"], value, metric.get("Unit", "None"))
        for metric in directive["Metrics"]
        for value in _values(document, metric)
    ]
    for names in directive["Dimensions"]:
        dimensions = {name: document[name] for name in names}
        record_each(cloud, directive["Namespace"], dimensions, values, timestamp)


def _values(document: dict[str, Any], metric: dict[str, Any]) -> list[Any]:
    """The values of a metric, which is a number or a list of numbers."""
    value = document[metric["Name"]]
    return value if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
