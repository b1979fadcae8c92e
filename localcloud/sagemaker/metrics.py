"""Training metrics: the numbers that metric definitions find in the log of a job."""

import logging
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.untrusted import Pattern, PatternError

log = logging.getLogger(__name__)

NAMESPACE = "/aws/sagemaker/TrainingJobs"
REQUEST_METRICS = 1000
"""The limit of a PutMetricData request."""

MAX_VALUE = 2.0**360
"""Of either sign: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html"""


class Metrics:
    """Scans the log of a job. Raises InvalidRequest for a regular expression without a group."""

    def __init__(self, definitions: list[dict[str, Any]]):
        self._patterns = {}
        for definition in definitions:
            name, regex = definition["Name"], definition["Regex"]
            try:
                pattern = Pattern(regex)
            except PatternError as error:
                raise InvalidRequest(
                    f"The regular expression of metric {name!r} is invalid: {error}."
                ) from None
            if not pattern.groups:
                raise InvalidRequest(
                    f"The regular expression of metric {name!r} must have a group around the number."
                )
            self._patterns[name] = pattern
        self._found: list[tuple[str, float, float]] = []

    def scan(self, line: str) -> None:
        for name, pattern in list(self._patterns.items()):
            try:
                values = pattern.first_groups(line)
            except PatternError as error:
                log.warning("metric %s is no longer extracted, because its pattern fails: %s", name, error)
                self._patterns.pop(name, None)  # another host's line may have done so
                continue
            for value in values:
                try:
                    self._found.append((name, float(value or ""), time.time()))
                except ValueError:
                    continue  # as on AWS, other texts are ignored

    def final(self) -> list[dict[str, Any]]:
        """The last value of each metric (FinalMetricDataList)."""
        last = {name: (value, when) for name, value, when in self._found}
        return [
            {"MetricName": name, "Value": value, "Timestamp": when} for name, (value, when) in last.items()
        ]

    def points(self) -> list[dict[str, Any]]:
        """All values, as BatchPutMetrics takes them."""
        return [{"MetricName": name, "Value": value, "Timestamp": when} for name, value, when in self._found]

    def publish(self, cloud: Cloud, role_arn: str, job: str) -> None:
        """Sends the values to CloudWatch with the rights of the job's role, or logs a warning.

        Those that PutMetricData would refuse, with all others of the request, are left out.
        """
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": "TrainingJobName", "Value": job}],
                "Timestamp": when,
                "Value": value,
            }
            for name, value, when in self._found
            if abs(value) <= MAX_VALUE  # which NaN is not
        ]
        try:
            for start in range(0, len(data), REQUEST_METRICS):
                cloud.client("cloudwatch", role_arn).put_metric_data(
                    Namespace=NAMESPACE, MetricData=data[start : start + REQUEST_METRICS]
                )
        except (BotoCoreError, ClientError) as error:
            log.warning("no CloudWatch metrics for %s: %s", job, error)
