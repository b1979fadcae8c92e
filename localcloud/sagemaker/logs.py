"""Sends what a process prints to CloudWatch Logs while it runs."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud import Cloud
from localcloud.request_logs import keep_newest

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.25
SERVING_FLUSH_SECONDS = 1.0
"""Nobody waits for a line of a server's, and it writes one for each request."""
BATCH_EVENTS = 1000
EVENT_CHARACTERS = 60_000
"""A longer line is cut: an event may have 256 KB, and a character up to four bytes."""


class LogStream:
    """One log stream, written in the background as `role_arn`; `close()` writes what is left.

    `newest_only` is for what writes for as long as it is asked: of its log group the newest events are kept.
    """

    def __init__(
        self, cloud: Cloud, role_arn: str | None, group: str, stream: str, newest_only: bool = False
    ):
        self._newest_only = newest_only
        self._cloud, self._role_arn = cloud, role_arn
        self.group, self.stream = group, stream
        self._pending: list[dict] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"logs {group}")
        self._thread.start()

    def write(self, line: str) -> None:
        """Adds a line, stamped with the time of this call."""
        event = {"timestamp": int(time.time() * 1000), "message": line[:EVENT_CHARACTERS] or " "}
        with self._lock:
            self._pending.append(event)

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            client = self._cloud.client("logs", self._role_arn)
            for create, names in (
                (client.create_log_group, {"logGroupName": self.group}),
                (client.create_log_stream, {"logGroupName": self.group, "logStreamName": self.stream}),
            ):
                with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                    create(**names)
            pause = SERVING_FLUSH_SECONDS if self._newest_only else FLUSH_SECONDS
            while not self._closed.wait(pause):
                self._flush(client)
            self._flush(client)
        except (BotoCoreError, ClientError) as error:
            # As on AWS, a role that may not write logs loses them; the job itself goes on.
            log.warning("no logs in %s %s: %s", self.group, self.stream, error)

    def _flush(self, client: object) -> None:
        with self._lock:
            pending, self._pending = self._pending, []
        for batch in _batches(pending):
            client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=batch)
        if pending and self._newest_only:
            keep_newest(self._cloud, self.group)


def _batches(events: list[dict]) -> Iterator[list[dict]]:
    """Cuts events into requests of at most BATCH_EVENTS and about 1 MB, the limits of PutLogEvents."""
    batch: list[dict] = []
    size = 0
    for event in events:
        weight = len(event["message"].encode()) + 26  # what CloudWatch counts per event
        if batch and (len(batch) == BATCH_EVENTS or size + weight > 1_000_000):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += weight
    if batch:
        yield batch
