"""Learns that this process has been asked to end: by Ctrl-C, by `kill`, or because its terminal closed."""

import os
import select
import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """From its creation, by the main thread, signals that ask the process to end only set this flag.

    The signal's own handler runs between two instructions of the main thread. It must not set a
    `threading.Event`: where the main thread has just taken the event's lock to wait for it, the handler waits
    for that lock, and the process never ends. So waiting is reading a pipe, into which the interpreter writes
    each signal as it comes.
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
            # What has been written stays there. So a signal that came before this line ends it, too.
            if not select.select([self._signals], [], [], seconds)[0]:
                break
        return self._come

    def _remember(self, *_: object) -> None:
        self._come = True
