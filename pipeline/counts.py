"""Read the counts of a model that the Lambda writes (lambda/sentiment_api/measures.py) from CloudWatch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline import aws

# The namespace that the Lambda uses.
NAMESPACE = "MovieSentiment"


def by_period(
    stack: str, version: str, names: Sequence[str], seconds: int, start: datetime, end: datetime
) -> dict[datetime, dict[str, float]]:
    """The sums of metrics in each period of `seconds` from `start` to `end`, by the beginning of the period.

    A period lacks the metrics that had no value in it.
    """
    dimensions = [{"Name": "Stack", "Value": stack}, {"Name": "Model", "Value": version}]
    queries = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions},
                "Period": seconds,
                "Stat": "Sum",
            },
        }
        for name in names
    ]
    name_of = {name.lower(): name for name in names}
    sums: dict[datetime, dict[str, float]] = {}
    pages = aws.client("cloudwatch").get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, StartTime=start, EndTime=end):
        for result in page["MetricDataResults"]:
            for time, value in zip(result["Timestamps"], result["Values"], strict=True):
                sums.setdefault(time, {})[name_of[result["Id"]]] = value
    return sums
