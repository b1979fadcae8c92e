"""What functions print, in CloudWatch Logs: group /aws/lambda/<name>, one stream per sandbox.

Metrics that are embedded in it become CloudWatch metrics.
"""

import logging
import threading
import time

from localcloud.cloud import Cloud
from localcloud.functions.configuration import Configuration
from localcloud.functions.embedded_metrics import extract
from localcloud.iam import role_may
from localcloud.request_logs import keep_newest

log = logging.getLogger(__name__)


class FunctionLogs:
    """Writes with the rights of the function's execution role, as Lambda does: no rights, no logs."""

    def __init__(self, cloud: Cloud, configuration: Configuration):
        self._cloud = cloud
        self._configuration = configuration
        self._lock = threading.Lock()
        self._streams: set[str] = set()
        self._told = False

    def write(self, stream: str, lines: list[str]) -> None:
        """Each line becomes one event."""
        lines = [line for line in lines if line]
        if not lines:
            return
        from moto.logs.models import logs_backends

        group = self._configuration.log_group
        backend = logs_backends[self._cloud.account_id][self._configuration.region]
        with self._lock:  # moto's log streams are not made for threads
            if not self._ready(backend, group, stream):
                return
            now = int(time.time() * 1000)
            backend.put_log_events(group, stream, [{"timestamp": now, "message": line} for line in lines])
            keep_newest(self._cloud, group, self._configuration.region)
        for line in lines:
            extract(self._cloud, line)

    def _ready(self, backend: object, group: str, stream: str) -> bool:
        known = group in backend.groups and stream in backend.groups[group].streams
        if known and stream in self._streams:
            return True
        actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
        if group not in backend.groups:
            actions.append("logs:CreateLogGroup")
        region, account = self._configuration.region, self._cloud.account_id
        resource = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"
        for action in actions:
            if not role_may(self._cloud, self._configuration.role, action, resource):
                if not self._told:
                    log.warning(
                        "no logs of function %s: its role may not %s", self._configuration.name, action
                    )
                    self._told = True
                return False
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, stream)
        self._streams.add(stream)
        return True
