"""The log, as lines of JSON on standard output: requests, changes of the model, and gunicorn's events."""

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
    """Formats time, level, message, the fields of `extra={"fields": ...}`, and the traceback, if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line."""
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
    """The log level, from LOG_LEVEL. The default is INFO, which writes a line for each request."""
    chosen = environment.get("LOG_LEVEL", "INFO").upper()
    return chosen if chosen in LEVELS else "INFO"


def logger() -> logging.Logger:
    """The logger of the web server."""
    log = logging.getLogger("selfhost")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonFormatter())
        log.addHandler(handler)
        log.setLevel(level())
        log.propagate = False
    return log


def fields(**values: Any) -> dict[str, Any]:
    """Fields of a log line, as keyword arguments of a logging call."""
    return {"extra": {"fields": values}}
