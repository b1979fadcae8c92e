"""Access logs of a stage, in the CloudWatch log group that it names."""

import functools
import hashlib
import logging
import re
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.log_streams import LogStream

log = logging.getLogger(__name__)

VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.-]*[A-Za-z0-9_])")
LOG_GROUP = re.compile(
    r"arn:aws:logs:(?P<region>[a-z0-9-]+):(?P<account>\d+):log-group:(?P<name>[^:]+)(?::\*)?"
)
REMEMBERED_STREAMS = 64


class AccessLogs:
    """Writes the access logs of a cloud's APIs."""

    def __init__(self, cloud: Cloud):
        self._stream = functools.lru_cache(REMEMBERED_STREAMS)(functools.partial(_open, cloud))

    def write(self, stage: Any, api_id: str, values: Mapping[str, Any]) -> None:
        """Logs one request in the stage's format, if the stage is configured for it.

        `values` are the $context variables; those it lacks become "-", as on AWS.
        """
        settings = {
            name[:1].lower() + name[1:]: value for name, value in (stage.access_log_settings or {}).items()
        }
        destination = settings.get("destinationArn")
        if not destination or (stream := self._stream(destination, api_id, stage.name)) is None:
            return
        stream.write(
            VARIABLE.sub(lambda variable: str(values.get(variable[1], "-")), settings.get("format", ""))
        )
        stream.flush_soon()


def _open(cloud: Cloud, destination: str, api_id: str, stage: str) -> LogStream | None:
    """The stream in the log group of an ARN, which must exist; None if the ARN is not that of a group."""
    found = LOG_GROUP.fullmatch(destination)
    if found is None or found["account"] != cloud.account_id:
        log.warning(
            "stage %s of API %s writes no access logs: %s is not a log group of this account",
            stage,
            api_id,
            destination,
        )
        return None
    name = hashlib.md5(f"{api_id}/{stage}".encode(), usedforsecurity=False).hexdigest()
    return LogStream(cloud, found["name"], name, region=found["region"], makes_group=False, newest_only=True)
