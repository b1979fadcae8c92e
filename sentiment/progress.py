"""Show progress: as a bar on a terminal, elsewhere as a plain line every few seconds."""

import sys
import time
from types import TracebackType

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """A context manager that counts work towards `total` (None if unknown) and shows it on standard error.

    With the unit "B", amounts are bytes and shown as megabytes.
    """

    def __init__(self, what: str, total: int | None, unit: str, enabled: bool = True):
        self.what, self.total, self.unit = what, total, unit
        self.done = 0
        self._bar = None
        self._enabled = enabled
        self._started = self._last_line = time.monotonic()
        if enabled and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=what, unit=f" {unit}", unit_scale=unit == "B", leave=True)

    def add(self, amount: int = 1) -> None:
        """Count work that has been done, in the unit."""
        self.done += amount
        if self._bar is not None:
            self._bar.update(amount)
        elif self._enabled and time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._line()

    def _line(self) -> None:
        self._last_line = time.monotonic()
        rate = self.done / max(self._last_line - self._started, 1e-9)
        of = f" of {self._number(self.total)}" if self.total else ""
        left = ""
        if self.total and 0 < self.done < self.total:
            left = f", {(self.total - self.done) / rate:.0f} s left"
        unit = "MB" if self.unit == "B" else self.unit
        line = f"{self.what}: {self._number(self.done)}{of} {unit} ({self._number(rate)} {unit}/s{left})"
        print(line, file=sys.stderr, flush=True)

    def _number(self, amount: float) -> str:
        return f"{amount / 1e6:.1f}" if self.unit == "B" else f"{amount:,.0f}"

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._enabled and kind is None:
            self._line()
