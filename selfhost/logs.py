"""One JSON object a line on standard output: requests, models that come and go, and gunicorn's own events."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class JsonFormatter(logging.Formatter):
    """Time, level, message, the fields of `extra={"fields": ...}`, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "process": record.process,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def level(environment: Mapping[str, str] = os.environ) -> str:
    """The least severe level to write, from LOG_LEVEL. INFO, which writes a line a request, if it is none."""
    chosen = environment.get("LOG_LEVEL", "INFO").upper()
    return chosen if chosen in LEVELS else "INFO"


def logger() -> logging.Logger:
    """The one logger of the web server."""
    log = logging.getLogger("selfhost")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonFormatter())
        log.addHandler(handler)
        log.setLevel(level())
        log.propagate = False
    return log


def fields(**values: Any) -> dict[str, Any]:
    """Fields of a log line, as `extra` of a logging call."""
    return {"extra": {"fields": values}}
