"""One JSON object a line, as CloudWatch Logs Insights reads it."""

from __future__ import annotations

import json
import logging
import os
import sys


class JsonFormatter(logging.Formatter):
    """Level, message, the fields of `extra={"fields": ...}`, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname, "message": record.getMessage(), **getattr(record, "fields", {})}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def json_logger(name: str) -> logging.Logger:
    """A logger of the level that LOG_LEVEL names."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
    logger.setLevel(os.environ.get("LOG_LEVEL", "INFO"))
    # Lambda's own handler of the root logger would write every line a second time.
    logger.propagate = False
    return logger
