"""Limits warnings that may come with every request: logs the first one at once, then only their number."""

import logging
import threading
from collections.abc import Hashable
from dataclasses import dataclass

INTERVAL_SECONDS = 10.0


@dataclass
class _Repeated:
    """The warnings of one kind since the last one that was logged."""

    timer: threading.Timer
    message: str = ""
    count: int = 0


class RepeatedWarnings:
    """Limits the warnings of one logger. `close()` logs the remaining numbers."""

    def __init__(self, log: logging.Logger, interval: float = INTERVAL_SECONDS):
        self._log = log
        self._interval = interval
        self._lock = threading.Lock()
        self._kinds: dict[Hashable, _Repeated] = {}

    def warn(self, kind: Hashable, message: str) -> None:
        """Logs a warning, or only counts it if one of its kind was logged in this interval."""
        with self._lock:
            if repeated := self._kinds.get(kind):
                repeated.message = message
                repeated.count += 1
                return
            self._begin(kind)
        self._log.warning("%s", message)

    def close(self) -> None:
        """Logs the numbers that have not been logged yet."""
        with self._lock:
            kinds, self._kinds = self._kinds, {}
        for repeated in kinds.values():
            repeated.timer.cancel()
            self._summarize(repeated)

    def _begin(self, kind: Hashable) -> None:
        timer = threading.Timer(self._interval, self._end, [kind])
        timer.daemon = True
        self._kinds[kind] = _Repeated(timer)
        timer.start()

    def _end(self, kind: Hashable) -> None:
        """Ends the interval of a kind, and starts another one if there were warnings."""
        with self._lock:
            repeated = self._kinds.pop(kind, None)
            if repeated and repeated.count:
                self._begin(kind)
        if repeated:
            self._summarize(repeated)

    def _summarize(self, repeated: _Repeated) -> None:
        if repeated.count:
            self._log.warning(
                "%s (one of %s like it in %g seconds)",
                repeated.message,
                f"{repeated.count:,}",
                self._interval,
            )
