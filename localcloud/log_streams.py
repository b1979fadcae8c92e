"""Writes log streams of CloudWatch Logs for services: in order, within its limits, and bounded in memory.

Events are written to moto's records directly, because requests to the front door would be too slow.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from localcloud.cloud import Cloud
from localcloud.iam import role_may
from localcloud.moto_backends import backend_of

log = logging.getLogger(__name__)

MAX_BATCH_BYTES = 1_048_576
MAX_BATCH_EVENTS = 10_000
MAX_BATCH_MILLISECONDS = 24 * 3600 * 1000
EVENT_OVERHEAD_BYTES = 26
MAX_EVENT_BYTES = MAX_BATCH_BYTES - EVENT_OVERHEAD_BYTES
"""The quotas of PutLogEvents: of one request, and of one event in it, whose message counts in UTF-8.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""
ATTEMPTS = 3
"""To write a batch while somebody else deletes its log group or stream."""
FLUSH_DELAY_SECONDS = 0.25
"""How long `flush_soon` may put off writing."""
MAX_KEPT_EVENTS = 10_000
"""So many events of a log group are kept at least, where only the newest are."""
DROPPED_AT_ONCE = 1000

Event = dict[str, Any]

_store = threading.Lock()  # moto's log streams are not thread-safe


class LogsLost(Exception):
    """Events cannot be written; the message says why."""


class LogStream:
    """A log stream. `write` buffers lines; `flush` writes them, as does `write` when a batch is full.
    `flush_soon` does so in the background.

    A deleted stream is created again, and its group as well unless `makes_group` is false. With `role_arn`,
    the role must be allowed to write: as on AWS, logs are lost otherwise. With `newest_only`, only the newest
    events of the group are kept, since a server may write for ever, and the events are in memory. `written`
    is called with each message that has been written.

    Lost events are reported in localcloud's own log and, as soon as it can be written again, in the stream.
    """

    def __init__(
        self,
        cloud: Cloud,
        group: str,
        stream: str,
        *,
        role_arn: str | None = None,
        region: str | None = None,
        makes_group: bool = True,
        newest_only: bool = False,
        written: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self.group, self.stream = group, stream
        self._cloud, self._role_arn = cloud, role_arn
        self._region = region or cloud.region
        self._makes_group, self._newest_only = makes_group, newest_only
        self._written, self._clock = written, clock
        self._buffering = threading.Lock()
        self._buffer: list[Event] = []
        self._buffered_bytes = 0
        self._latest = 0
        self._writing = threading.Lock()
        self._lost = 0
        self._reason = ""

    def write(self, *lines: str) -> None:
        """Adds lines with the current time. A line that is too long for an event becomes several events."""
        with self._buffering:
            # Of a clock that is set back: the events of a batch must be in the order of their times.
            self._latest = max(self._latest, int(self._clock() * 1000))
            for line in lines:
                for message in _messages(line):
                    self._buffer.append({"timestamp": self._latest, "message": message})
                    self._buffered_bytes += weight_of(message)
            full = len(self._buffer) >= MAX_BATCH_EVENTS or self._buffered_bytes >= MAX_BATCH_BYTES
        if full:
            self.flush()

    def flush(self) -> None:
        """Writes the buffered lines."""
        with self._writing:  # one after the other, in the order of the lines
            with self._buffering:
                events, self._buffer, self._buffered_bytes = self._buffer, [], 0
            for batch in batches(events):
                try:
                    self._put(batch)
                except LogsLost as reason:
                    self._count_lost(len(batch), str(reason))
                    continue
                if self._written:
                    for event in batch:
                        self._written(event["message"])

    def flush_soon(self) -> None:
        """Writes the buffered lines within FLUSH_DELAY_SECONDS, together with those that come until then."""
        _delayed.add(self)

    def _put(self, batch: list[Event]) -> None:
        """Writes a batch. Raises LogsLost."""
        from moto.logs.exceptions import ResourceNotFoundException
        from moto.logs.models import LogEvent, logs_backends

        backend = backend_of(logs_backends, self._cloud.account_id, self._region)
        for _ in range(ATTEMPTS):
            try:
                with _store:
                    # By the group, not the backend: that looks for events of other days, which takes longer.
                    group = self._open_group(backend)
                    if self._lost:
                        note = f"{self._lost:,} log events before this one were lost: {self._reason}"
                        event = {"timestamp": batch[0]["timestamp"], "message": note}
                        group.put_log_events(self.stream, [event])
                        self._lost, self._reason = 0, ""
                    group.put_log_events(self.stream, batch)
                    # For its dashboard, which nobody sees here, moto would keep every event for ever.
                    vars(LogEvent)["instances_tracked"].clear()
                    if self._newest_only:
                        _keep_newest(list(group.streams.values()))
                return
            except (ResourceNotFoundException, KeyError):
                continue  # a request has deleted the group or the stream meanwhile
            except LogsLost:
                raise
            except Exception as error:
                log.exception("log stream %s of %s", self.stream, self.group)
                raise LogsLost(f"{type(error).__name__}: {error}") from error
        raise LogsLost("the log group or the stream is deleted again and again")

    def _open_group(self, backend: Any) -> Any:
        """moto's record of the log group, which has the stream. Raises LogsLost."""
        self._check_rights("PutLogEvents")
        group = backend.groups.get(self.group)
        if group is not None and self.stream in group.streams:
            return group
        if group is None and not self._makes_group:
            raise LogsLost("there is no such log group")
        if group is None:
            self._check_rights("CreateLogGroup")
        self._check_rights("CreateLogStream")
        backend.ensure_log_group(self.group)
        backend.ensure_log_stream(self.group, self.stream)
        return backend.groups[self.group]

    def _check_rights(self, operation: str) -> None:
        if self._role_arn is None:
            return
        account = self._cloud.account_id
        resource = f"arn:aws:logs:{self._region}:{account}:log-group:{self.group}:log-stream:{self.stream}"
        if not role_may(self._cloud, self._role_arn, f"logs:{operation}", resource):
            raise LogsLost(f"the role {self._role_arn} may not logs:{operation}")

    def _count_lost(self, events: int, reason: str) -> None:
        self._lost += events
        if reason != self._reason:
            log.warning("the logs in %s %s are lost: %s", self.group, self.stream, reason)
            self._reason = reason


class _DelayedFlush:
    """Writes streams a little later, in its own thread, so that a batch has the lines of many requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[LogStream, None] = {}
        self._flushing = threading.Lock()
        self._added = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, stream: LogStream) -> None:
        with self._lock:
            self._pending[stream] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="log streams")
                self._thread.start()
        self._added.set()

    def flush(self) -> None:
        """Returns when all streams that have been added before are written."""
        with self._flushing:  # one of them may be what the thread is writing just now
            with self._lock:
                streams, self._pending = list(self._pending), {}
            for stream in streams:
                try:
                    stream.flush()
                except Exception:
                    log.exception("log stream %s of %s", stream.stream, stream.group)

    def _run(self) -> None:
        while True:
            self._added.wait()
            time.sleep(FLUSH_DELAY_SECONDS)
            self._added.clear()
            self.flush()


_delayed = _DelayedFlush()


def write_pending() -> None:
    """Writes what `flush_soon` has put off, before somebody reads it or changes who may write it."""
    _delayed.flush()


def batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Divides events into batches within the limits of PutLogEvents."""
    batch: list[Event] = []
    size = 0
    for event in events:
        weight = weight_of(event["message"])
        if batch and (
            len(batch) == MAX_BATCH_EVENTS
            or size + weight > MAX_BATCH_BYTES
            or event["timestamp"] - batch[0]["timestamp"] >= MAX_BATCH_MILLISECONDS
        ):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += weight
    if batch:
        yield batch


def weight_of(message: str) -> int:
    """How many bytes an event counts for in a batch."""
    return len(message.encode(errors="replace")) + EVENT_OVERHEAD_BYTES


def _messages(line: str) -> Iterator[str]:
    """The messages for a line; none for an empty line, which CloudWatch does not accept."""
    content = line.encode(errors="replace")
    if len(content) <= MAX_EVENT_BYTES:
        yield content.decode() or " "
        return
    while content:
        # Not within a character, which may have four bytes.
        piece = content[:MAX_EVENT_BYTES].decode(errors="ignore")
        yield piece
        content = content[len(piece.encode()) :]


def _keep_newest(streams: Sequence[Any]) -> None:
    """Drops the oldest events of a log group, given as moto's streams, if it has too many."""
    surplus = sum(len(stream.events) for stream in streams) - MAX_KEPT_EVENTS
    while surplus >= DROPPED_AT_ONCE:
        oldest = min((stream for stream in streams if stream.events), key=_age)
        surplus -= len(oldest.events[:DROPPED_AT_ONCE])
        del oldest.events[:DROPPED_AT_ONCE]


def _age(stream: Any) -> tuple[int, int]:
    """Sorts the stream with the oldest event first; in one millisecond, the one with the most events."""
    return int(stream.events[0].timestamp), -len(stream.events)
