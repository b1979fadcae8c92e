"""The web server's counts of its models' answers (sentiment_api.measures), by the hour, without any texts.

They are in a SQLite database, which all processes of the server write to. It has a row for each hour, model
and count. Rows older than KEPT_HOURS are deleted.
"""

from __future__ import annotations

import fcntl
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
# CloudWatch keeps hourly values for as long.
KEPT_HOURS = 455 * 24
# How long a write may wait for other processes; no answer is delayed by more.
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
    """The counts in a folder. If counts cannot be written, that is logged, but the request is answered."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = folder / FILE_NAME, clock
        self._one_at_a_time = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._newest = 0

    def add(self, model: str, counts: Mapping[str, float]) -> None:
        """Add the counts of one answer to those of the current hour."""
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
        """The connection, which is opened on first use, since processes must not share one after a fork."""
        if self._connection is None:
            folder = self._file.parent
            folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            turn = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                # One at a time: of two that change the mode at once, SQLite refuses one without waiting.
                fcntl.flock(turn, fcntl.LOCK_EX)
                self._connection = self._connect()
            finally:
                os.close(turn)
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        # SQLite gives its additional files the same permissions.
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, check_same_thread=False)
        # In this mode, readers and writers do not block each other, and writes do not wait for the disk.
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(TABLE)
        return connection


def read(folder: Path, model: str) -> dict[datetime, dict[str, float]]:
    """The counts of a model in each hour, by the beginning of the hour. Raises sqlite3.Error."""
    file = folder / FILE_NAME
    if not file.exists():
        return {}
    found: dict[datetime, dict[str, float]] = {}
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("select hour, name, value from counts where model = ?", [model])
        for hour, name, value in rows:
            found.setdefault(datetime.fromtimestamp(hour * HOUR_SECONDS, UTC), {})[name] = value
    return found
