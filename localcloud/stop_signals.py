"""Notices that this process should end: by Ctrl-C, by `kill`, or because its terminal was closed."""

import os
import select
import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """After its creation, by the main thread, signals that ask the process to end only set this flag.

    A signal handler runs between two instructions of the main thread. It must not set a `threading.Event`: if
    the main thread has just taken the event's lock to wait for it, the handler would wait for that lock, and
    the process would never end. So waiting means reading from a pipe, to which the interpreter writes each
    signal.
    """

    def __init__(self) -> None:
        self._come = False
        self._signals, into = os.pipe()
        os.set_blocking(into, False)
        signal.set_wakeup_fd(into, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._remember)

    def is_set(self) -> bool:
        """Whether a signal has come."""
        return self._come

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for a signal, `seconds` at most. Returns whether one has come, now or before."""
        while not self._come:
            # The pipe keeps what was written, so a signal that came before this line also ends the wait.
            if not select.select([self._signals], [], [], seconds)[0]:
                break
        return self._come

    def _remember(self, *_: object) -> None:
        self._come = True
