"""Access logs of a stage, in the CloudWatch log group that it names."""

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.request_logs import keep_newest

log = logging.getLogger(__name__)

VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.-]*[A-Za-z0-9_])")
LOG_GROUP = re.compile(
    r"arn:aws:logs:(?P<region>[a-z0-9-]+):(?P<account>\d+):log-group:(?P<name>[^:]+)(?::\*)?"
)


def write(cloud: Cloud, stage: Any, api_id: str, values: Mapping[str, Any]) -> None:
    """Logs one request in the stage's format, if the stage is configured for it.

    `values` are the $context variables; those it lacks become "-", as on AWS.
    """
    settings = {
        name[:1].lower() + name[1:]: value for name, value in (stage.access_log_settings or {}).items()
    }
    destination = settings.get("destinationArn")
    if not destination:
        return
    from moto.logs.models import logs_backends

    found = LOG_GROUP.fullmatch(destination)
    backend = logs_backends[found["account"]][found["region"]] if found else None
    if backend is None or found["name"] not in backend.groups:
        log.warning(
            "stage %s of API %s: no log group %s for its access logs", stage.name, api_id, destination
        )
        return
    line = VARIABLE.sub(lambda variable: str(values.get(variable[1], "-")), settings.get("format", ""))
    stream = hashlib.md5(f"{api_id}/{stage.name}".encode(), usedforsecurity=False).hexdigest()
    backend.ensure_log_stream(found["name"], stream)
    backend.put_log_events(found["name"], stream, [{"timestamp": int(time.time() * 1000), "message": line}])
    keep_newest(cloud, found["name"], found["region"])
