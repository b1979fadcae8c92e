"""Asynchronous invocation: events run in the background and are retried when they fail.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from localcloud.functions.errors import LambdaError

log = logging.getLogger(__name__)

RETRY_SECONDS = (60.0, 120.0)
"""Lambda's delays before it retries an event after a function error."""
THROTTLED_RETRY_SECONDS = 1.0
"""Lambda's first delay for a throttled function. Lambda increases it, which one machine does not need."""
MAX_AGE_SECONDS = 6 * 3600
WORKERS = 10


@dataclass(frozen=True)
class Event:
    """An accepted invocation. `retry_seconds` are its remaining delays."""

    function: str
    payload: bytes
    request_id: str
    client_context: str | None
    accepted: float
    retry_seconds: list[float]


class EventQueue:
    """Runs events with `run`, which returns whether the function succeeded, and raises LambdaError."""

    def __init__(self, run: Callable[[Event], bool], retry_seconds: Sequence[float] = RETRY_SECONDS):
        self._run = run
        self._retry_seconds = tuple(retry_seconds)
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, Event]] = []
        self._workers = concurrent.futures.ThreadPoolExecutor(WORKERS, "lambda-event")

    def add(self, function: str, payload: bytes, request_id: str, client_context: str | None) -> None:
        """Accepts an event, which runs as soon as a worker is free."""
        waits = list(self._retry_seconds)
        self._submit(Event(function, payload, request_id, client_context, time.monotonic(), waits))

    def run_due(self, now: float) -> None:
        """Runs the events whose delay is over."""
        with self._lock:
            due = [event for at, event in self._waiting if at <= now]
            self._waiting = [(at, event) for at, event in self._waiting if at > now]
        for event in due:
            self._submit(event)

    def close(self) -> None:
        """Drops all events that have not been started."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _submit(self, event: Event) -> None:
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._workers.submit(self._work, event)

    def _work(self, event: Event) -> None:
        try:
            wait = self._attempt(event)
        except Exception:
            log.exception("asynchronous event %s of %s is dropped", event.request_id, event.function)
            return
        if wait is not None:
            with self._lock:
                self._waiting.append((time.monotonic() + wait, event))

    def _attempt(self, event: Event) -> float | None:
        """Runs an event once. Returns the delay before its next try, or None for no further try."""
        try:
            if self._run(event):
                return None
        except LambdaError as error:
            if error.status == 429 and time.monotonic() - event.accepted < MAX_AGE_SECONDS:
                return THROTTLED_RETRY_SECONDS
            raise
        return event.retry_seconds.pop(0) if event.retry_seconds else None
