"""Sends what a process prints to CloudWatch Logs while it runs."""

import threading

from localcloud import log_streams
from localcloud.cloud import Cloud

FLUSH_SECONDS = 0.25
SERVING_FLUSH_SECONDS = 1.0
"""The interval for servers: they write a line for each request, and nobody waits for it."""


class LogStream(log_streams.LogStream):
    """A log stream that is written in the background with the role `role_arn`; `close()` writes the rest.

    `newest_only` is for servers, which may write for ever.
    """

    def __init__(
        self, cloud: Cloud, role_arn: str | None, group: str, stream: str, newest_only: bool = False
    ):
        super().__init__(cloud, group, stream, role_arn=role_arn, newest_only=newest_only)
        self._pause = SERVING_FLUSH_SECONDS if newest_only else FLUSH_SECONDS
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"logs {group}")
        self._thread.start()

    def close(self) -> None:
        """Writes the rest, and ends the background thread."""
        self._closed.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed.wait(self._pause):
            self.flush()
