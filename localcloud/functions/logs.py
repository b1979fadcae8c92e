"""What functions print, in CloudWatch Logs: a group for each function, and in it one stream per sandbox.

Metrics that are embedded in it become CloudWatch metrics.
"""

import functools

from localcloud.cloud import Cloud
from localcloud.functions.configuration import Configuration
from localcloud.functions.embedded_metrics import extract
from localcloud.log_streams import LogStream

REMEMBERED_STREAMS = 64
"""More than a function has sandboxes at a time."""


class FunctionLogs:
    """Writes with the rights of the function's execution role, as Lambda does: without rights, no logs."""

    def __init__(self, cloud: Cloud, configuration: Configuration):
        self._cloud = cloud
        self._configuration = configuration
        self._stream = functools.lru_cache(REMEMBERED_STREAMS)(self._open)

    def write(self, stream: str, events: list[str]) -> None:
        """Writes events soon, but no empty lines."""
        to = self._stream(stream)
        to.write(*(event for event in events if event not in ("", "\n")))
        to.flush_soon()

    def _open(self, stream: str) -> LogStream:
        configuration = self._configuration
        return LogStream(
            self._cloud,
            configuration.log_group,
            stream,
            role_arn=configuration.role,
            region=configuration.region,
            newest_only=True,
            written=functools.partial(extract, self._cloud),
        )
