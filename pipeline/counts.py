"""What the Lambda has counted of a model (lambda/sentiment_api/measures.py), as CloudWatch tells it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline import aws

# What the function writes.
NAMESPACE = "MovieSentiment"


def by_period(
    stack: str, version: str, names: Sequence[str], seconds: int, start: datetime, end: datetime
) -> dict[datetime, dict[str, float]]:
    """The sums of these metrics in each period from `start` on, by its beginning.

    A metric that got no value in a period is not in it.
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
