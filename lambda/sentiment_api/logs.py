"""The log line of a request: JSON for Logs Insights, with metrics in the embedded metric format.

CloudWatch extracts the metrics from such lines, so nothing is sent, and no request waits.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping, Sequence

from sentiment_api.api import Request, Response
from sentiment_api.errors import HttpError

NAMESPACE = "MovieSentiment"
# If texts are logged, bodies are truncated to this: even if JSON escapes every character, the line stays
# below the 256 KB of a log event.
LOGGED_CHARACTERS = 20_000


def request_line(
    request: Request,
    response: Response,
    seconds: float,
    stack: str,
    measured: tuple[str, Mapping[str, float]] | None = None,
    with_reviews: bool = False,
) -> str:
    """The log line of a request, which took `seconds`. It includes the body only `with_reviews`.

    The metrics are Requests, Latency (in milliseconds) and Errors by Stack, Errors also by Code, and the
    counts in `measured` (a result of sentiment_api.measures) by Model.
    """
    counts = {} if measured is None else measured[1]
    directives = _directives(response)
    if measured is not None:
        directives.append(_directive(["Stack", "Model"], *((name, "Count") for name in counts)))
    line = {
        "_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": directives},
        "level": _level(response.status),
        "requestId": request.id,
        "method": request.method,
        "path": request.path,
        "bytes": len(request.body),
        "status": response.status,
        "Stack": stack,
        "Requests": 1,
        "Latency": round(seconds * 1000, 1),
        "Errors": int(response.error is not None),
        **counts,
    }
    if measured is not None:
        line["Model"] = measured[0]
    if response.error is not None:
        line |= _explanation(response.error)
    if with_reviews:
        line["body"] = request.body[:LOGGED_CHARACTERS].decode("utf-8", "replace")
    return json.dumps(line)


def _directives(response: Response) -> list[dict[str, object]]:
    directives = [
        _directive(["Stack"], ("Requests", "Count"), ("Latency", "Milliseconds"), ("Errors", "Count")),
    ]
    if response.error is not None:
        directives.append(_directive(["Stack", "Code"], ("Errors", "Count")))
    return directives


def _directive(dimensions: Sequence[str], *metrics: tuple[str, str]) -> dict[str, object]:
    return {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in metrics],
    }


def _level(status: int) -> str:
    return "INFO" if status < 400 else "WARNING" if status < 500 else "ERROR"


def _explanation(error: Exception) -> dict[str, str]:
    if isinstance(error, HttpError):
        return {"Code": error.code, "reason": error.detail or error.message}
    return {"Code": HttpError.code, "reason": repr(error), "traceback": _traceback(error)}


def _traceback(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
