"""What the web server has counted of its models, by the hour (sentiment_api.measures); never a text.

A database in one file, which all processes of the server add to. It has one row for each hour, model and
count, and drops what is older than KEPT_HOURS.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from selfhost.logs import fields, logger

FILE_NAME = "counts.sqlite"
HOUR_SECONDS = 3600
# As long as CloudWatch keeps what it has by the hour.
KEPT_HOURS = 455 * 24
# Another process has the file for a moment; nobody's answer waits longer for a count.
BUSY_SECONDS = 1.0
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
TABLE = """
create table if not exists counts (
    hour integer not null, model text not null, name text not null, value real not null,
    primary key (hour, model, name)
) without rowid
"""
ADD = """
insert into counts values (?, ?, ?, ?)
on conflict (hour, model, name) do update set value = value + excluded.value
"""

log = logger()


class HourlyCounts:
    """The counts in a folder. Those that cannot be kept are logged as lost, and cost no answer."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = folder / FILE_NAME, clock
        self._one_at_a_time = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._newest = 0

    def add(self, model: str, counts: Mapping[str, float]) -> None:
        """Add the counts of one answer to those of the hour."""
        hour = int(self._clock()) // HOUR_SECONDS
        with self._one_at_a_time:
            try:
                connection = self._opened()
                with connection:
                    connection.executemany(ADD, [(hour, model, *count) for count in counts.items()])
                    if hour > self._newest:  # once an hour
                        connection.execute("delete from counts where hour < ?", [hour - KEPT_HOURS])
                self._newest = hour
            except (sqlite3.Error, OSError) as error:
                log.warning("counts were lost", **fields(file=str(self._file), why=str(error)))

    def _opened(self) -> sqlite3.Connection:
        """The connection; it is made on first use, for a process that forks has none to share."""
        if self._connection is None:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            # sqlite gives the files beside it the same permissions.
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
            connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, check_same_thread=False)
            # Readers and writers do not wait for each other, and no write waits for the disk.
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute(TABLE)
            self._connection = connection
        return self._connection


def read(folder: Path, model: str) -> dict[datetime, dict[str, float]]:
    """What was counted of a model in each hour, by its beginning; empty where nothing was."""
    file = folder / FILE_NAME
    if not file.exists():
        return {}
    found: dict[datetime, dict[str, float]] = {}
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("select hour, name, value from counts where model = ?", [model])
        for hour, name, value in rows:
            found.setdefault(datetime.fromtimestamp(hour * HOUR_SECONDS, UTC), {})[name] = value
    return found
