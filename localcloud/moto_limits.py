"""Limits of services whose requests moto answers without checking them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.alarms import check_alarm, check_token
from localcloud.metric_queries import check_data, check_put, check_statistics
from localcloud.moto_messages import (
    check_filter,
    check_published,
    check_queue,
    check_queue_prefix,
    check_received,
    check_sent,
)
from localcloud.protocol import ApiError

TOKEN = re.compile("[0-9]{1,18}")
"""moto's tokens are positions in its lists."""
EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
MAX_EXPRESSION_BYTES = 4096
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


def check_limits(service: str | None, operation: str, members: Mapping[str, Any]) -> None:
    """Raises ApiError for a request that the service would refuse. `service` is botocore's name."""
    if check := CHECKS.get((service or "", operation)):
        check(members)
    if service == "dynamodb":
        _check_expressions(members)


def has_unknown_token(members: Mapping[str, Any]) -> bool:
    """Whether a request has a NextToken that moto has not given out, and may fail at."""
    return TOKEN.fullmatch(str(members.get("NextToken", "0"))) is None


def _check_expressions(members: Mapping[str, Any]) -> None:
    nested = [part for item in members.get("TransactItems", ()) for part in item.values()]
    for part in (members, *nested, *members.get("RequestItems", {}).values()):
        for name in EXPRESSIONS if isinstance(part, Mapping) else ():
            size = len(part.get(name, "").encode(errors="surrogatepass"))
            if size > MAX_EXPRESSION_BYTES:
                reason = "Expression size has exceeded the maximum allowed size"
                raise ApiError("ValidationException", f"Invalid {name}: {reason}; expression size: {size}")


CHECKS: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], None]] = {
    ("cloudwatch", "DescribeAlarms"): check_token,
    ("cloudwatch", "GetMetricData"): check_data,
    ("cloudwatch", "GetMetricStatistics"): check_statistics,
    ("cloudwatch", "PutMetricAlarm"): check_alarm,
    ("cloudwatch", "PutMetricData"): check_put,
    ("sns", "Publish"): check_published,
    ("sns", "SetSubscriptionAttributes"): check_filter,
    ("sns", "Subscribe"): check_filter,
    ("sqs", "CreateQueue"): check_queue,
    ("sqs", "ListQueues"): check_queue_prefix,
    ("sqs", "ReceiveMessage"): check_received,
    ("sqs", "SendMessage"): check_sent,
    ("sqs", "SendMessageBatch"): check_sent,
    ("sqs", "SetQueueAttributes"): check_queue,
}
