"""Estimate AWS's charges for a run: pure functions from descriptions of jobs and requests to bill lines.

Prices are on-demand list prices of us-east-1 in US dollars, without free tiers. This is an estimate: compare
it with AWS's pricing pages before you rely on it. Other regions cost up to half as much again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.settings import PipelineError

if TYPE_CHECKING:
    from pipeline.hosting import Hosting

# The date on which the prices were checked: those of instances and Lambda against copies of AWS's tables;
# that of the HTTP API against a whitepaper of AWS's (docs.aws.amazon.com/whitepapers/latest/
# best-practices-api-gateway-private-apis-integration/cost-optimization.html); those of S3 and of serverless
# endpoints' GB-seconds against other people's quotations. SERVERLESS_DATA_GB could not be checked.
PRICES_OF = "2026-11-23"
SAGEMAKER_PAGE = "https://aws.amazon.com/sagemaker/ai/pricing/"
LAMBDA_PAGE = "https://aws.amazon.com/lambda/pricing/"
API_PAGE = "https://aws.amazon.com/api-gateway/pricing/"
S3_PAGE = "https://aws.amazon.com/s3/pricing/"

# The same for training, batch transform and endpoints (for endpoints, only ml.m5.large was checked).
INSTANCE_HOUR = {
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.m5.2xlarge": 0.461,
    "ml.m5.4xlarge": 0.922,
    "ml.c5.xlarge": 0.204,
    "ml.c5.2xlarge": 0.408,
    "ml.c5.4xlarge": 0.816,
    "ml.g4dn.xlarge": 0.7364,
    "ml.g4dn.2xlarge": 0.94,
    "ml.g5.xlarge": 1.408,
    "ml.g5.2xlarge": 1.515,
}
SERVERLESS_GB_SECOND = 0.00002
SERVERLESS_DATA_GB = 0.016
LAMBDA_ARM_GB_SECOND = 0.0000133334
LAMBDA_REQUEST = 0.20 / 1e6
HTTP_API_REQUEST = 1.00 / 1e6
S3_GB_MONTH = 0.023
S3_PUT = 0.005 / 1000

# API Gateway meters requests in increments of 512 KB.
HTTP_API_REQUEST_BYTES = 512 * 1024
HOURS_PER_MONTH = 730
# Assumptions of the estimate for an endpoint: the time that a serverless container needs for one review, the
# bytes of a request and its answer, and the requests per minute at which the template adds an instance.
REVIEW_SECONDS = 0.02
REVIEW_BYTES = 3000
REQUESTS_PER_INSTANCE = 6000
RATES = (1, 100, 1000)

_REPORT = re.compile(r"^REPORT .*Billed Duration: (\d+) ms\s+Memory Size: (\d+) MB", re.S)


@dataclass(frozen=True)
class Line:
    """A line of a bill: a quantity in some unit, the price per unit in dollars, and AWS's page with that."""

    what: str
    quantity: float
    unit: str
    price: float
    page: str

    @property
    def dollars(self) -> float:
        """The amount of the line."""
        return self.quantity * self.price


def total(lines: Iterable[Line]) -> float:
    """The sum in dollars."""
    return sum(line.dollars for line in lines)


def hourly(instance_type: str, instances: int) -> float | None:
    """The price in dollars of an hour of some instances of a type; None if it is not known."""
    price = INSTANCE_HOUR.get(instance_type)
    return None if price is None else price * instances


def training(job: dict[str, Any]) -> Line:
    """The line for a completed training job, given DescribeTrainingJob's response. Raises PipelineError.

    Its BillableTimeInSeconds is that of a single instance. For spot instances it is shorter than the training
    time, which accounts for the savings (API reference of DescribeTrainingJob).
    """
    resources = job["ResourceConfig"]
    hours = job["BillableTimeInSeconds"] * resources["InstanceCount"] / 3600
    return _instance_hours("Training job", resources["InstanceType"], hours)


def transform(job: dict[str, Any]) -> Line:
    """The line for a completed batch transform job, given DescribeTransformJob's response.

    Raises PipelineError if the price of its instance type is not known.
    """
    resources = job["TransformResources"]
    seconds = (job["TransformEndTime"] - job["TransformStartTime"]).total_seconds()
    return _instance_hours(
        "Batch transform job", resources["InstanceType"], seconds * resources["InstanceCount"] / 3600
    )


def _instance_hours(what: str, instance_type: str, hours: float) -> Line:
    try:
        price = INSTANCE_HOUR[instance_type]
    except KeyError:
        known = ", ".join(INSTANCE_HOUR)
        raise PipelineError(
            f"the price of {instance_type} is not known (only those of {known}): add it to pipeline/bill.py "
            f"from {SAGEMAKER_PAGE}"
        ) from None
    return Line(f"{what}, {instance_type}", hours, "hours", price, SAGEMAKER_PAGE)


def serverless_inference(seconds: float, memory_mb: int, data_bytes: int) -> list[Line]:
    """The lines for a serverless endpoint that was busy for `seconds`, with `data_bytes` in and out."""
    return [
        Line(
            f"Endpoint, serverless, {memory_mb:,} MB",
            seconds * memory_mb / 1024,
            "GB-seconds",
            SERVERLESS_GB_SECOND,
            SAGEMAKER_PAGE,
        ),
        Line("Endpoint, data in and out", data_bytes / 1e9, "GB", SERVERLESS_DATA_GB, SAGEMAKER_PAGE),
    ]


def endpoint_month(hosting: Hosting, memory_mb: int, rate: int) -> float | None:
    """The monthly price in dollars of an endpoint that answers `rate` single reviews a minute.

    None if no price is known, as for provisioned concurrency and some instance types.
    """
    if hosting.serverless:
        if hosting.provisioned:
            return None
        reviews = rate * 60 * HOURS_PER_MONTH
        return total(serverless_inference(reviews * REVIEW_SECONDS, memory_mb, reviews * REVIEW_BYTES))
    least, most = hosting.scale or (hosting.instances, hosting.instances)
    count = min(max(-(-rate // REQUESTS_PER_INSTANCE), least), most)
    price = INSTANCE_HOUR.get(hosting.instance_type)
    return None if price is None else count * HOURS_PER_MONTH * price


def endpoint_estimate(hosting: Hosting, memory_mb: int) -> list[str]:
    """The lines to print about an endpoint's price before it is created."""
    kind = f"serverless, {memory_mb:,} MB" if hosting.serverless else hosting.instance_type
    if hosting.provisioned:
        kind += f", {hosting.provisioned} kept warm by the hour"
    elif hosting.scale:
        kind += f", {hosting.scale[0]} to {hosting.scale[1]} by the hour"
    elif not hosting.serverless:
        kind += f", {hosting.instances} by the hour"
    months = [(rate, endpoint_month(hosting, memory_mb, rate)) for rate in RATES]
    if any(month is None for _, month in months):
        return [f"endpoint ({kind}): its price is not known here; see {SAGEMAKER_PAGE}"]
    prices = ", ".join(f"${month:,.2f} at {rate:,}" for rate, month in months)
    assumed = (
        f", {REVIEW_SECONDS * 1000:.0f} ms and {REVIEW_BYTES:,} bytes a review" if hosting.serverless else ""
    )
    return [
        f"endpoint ({kind}), estimate per month: {prices} reviews a minute",
        f"   (us-east-1, list prices of {PRICES_OF}{assumed}: {SAGEMAKER_PAGE})",
    ]


def function(log_lines: Iterable[str]) -> list[Line]:
    """The lines for a Lambda on Arm, from the REPORT lines in its log."""
    reports = [match for line in log_lines if (match := _REPORT.match(line))]
    gb_seconds = sum(int(report[1]) / 1000 * int(report[2]) / 1024 for report in reports)
    return [
        Line("Lambda, time", gb_seconds, "GB-seconds", LAMBDA_ARM_GB_SECOND, LAMBDA_PAGE),
        Line("Lambda, calls", len(reports), "requests", LAMBDA_REQUEST, LAMBDA_PAGE),
    ]


def http_api(request_bytes: Iterable[int]) -> Line:
    """The line for an HTTP API, given the size of each request's body."""
    counted = sum(max(1, -(-size // HTTP_API_REQUEST_BYTES)) for size in request_bytes)
    return Line("API Gateway, HTTP API", counted, "requests", HTTP_API_REQUEST, API_PAGE)


def storage(object_bytes: Iterable[int], hours: float) -> list[Line]:
    """The lines for S3 objects (every version counts) that were uploaded and stored for `hours`."""
    sizes = list(object_bytes)
    gb_months = sum(sizes) / 2**30 * hours / HOURS_PER_MONTH
    return [
        Line("S3, storage", gb_months, "GB-months", S3_GB_MONTH, S3_PAGE),
        Line("S3, uploads", len(sizes), "requests", S3_PUT, S3_PAGE),
    ]
