"""Store people's votes on verdicts in a folder, each as a JSON file.

Only the user that runs the web server may read them, because they contain what people wrote. The folder has a
quota, so that votes cannot fill the disk.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sentiment_api.errors import StorageFull
from sentiment_api.feedback import CachedTally, Tally, kinds, place_of

from sentiment.files import atomic_write

DEFAULT_QUOTA_BYTES = 500_000_000
# As in the data bucket (FeedbackRetentionDays in infra/template.yaml).
DEFAULT_RETENTION_DAYS = 730
# On most disks, files take a multiple of this.
BLOCK_BYTES = 4096
# A full folder is measured again after this time, since someone may have deleted votes.
MEASURED_FOR_SECONDS = 60
# How long a count is reused. Counting takes about a tenth of a second if the folder is full.
COUNT_SECONDS = 5
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


class FolderOfVotes:
    """A folder of votes (a sentiment_api.feedback.Votes), which all processes of the server share.

    It has a sub-folder for each day, which is deleted after `retention_days`. The file `.used` has the number
    of bytes that the votes take, and is locked while a vote is added or withdrawn.
    """

    def __init__(
        self,
        folder: Path,
        quota_bytes: int = DEFAULT_QUOTA_BYTES,
        retention_days: int = DEFAULT_RETENTION_DAYS,
    ):
        self._folder, self._quota_bytes, self._retention_days = folder, quota_bytes, retention_days
        self._one_at_a_time = threading.Lock()
        self._tally = CachedTally(self._counted, COUNT_SECONDS)

    def keep(self, vote: dict[str, Any]) -> str:
        """Store a vote in the folder of its day, and return its id. Raises StorageFull or OSError."""
        content = (json.dumps(vote, ensure_ascii=False) + "\n").encode()
        file = self._folder / place_of(vote["id"])
        try:
            with self._one_at_a_time, self._room_for(_taken(len(content))):
                if not file.parent.exists():
                    self._expire()  # once a day
                _make_private(file.parent)
                with atomic_write(file, PRIVATE_FILE) as temporary:
                    temporary.write_bytes(content)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise _full("The disk is full", str(error)) from error
            raise
        self._tally.forget()
        return str(vote["id"])

    def withdraw(self, vote_id: str) -> None:
        """Delete the vote with this id, and free its space; do nothing if it is gone already."""
        file = self._folder / place_of(vote_id)
        with self._one_at_a_time, self._ledger() as ledger:
            try:
                size = _taken(file.stat().st_size)
                file.unlink()
            except FileNotFoundError:
                return
            noted = ledger.read()
            # If the content of the ledger is invalid, the next vote measures the folder again.
            if noted.strip().isdigit():
                _note(ledger, max(int(noted) - size, 0))
        self._tally.forget()

    def tally(self) -> Tally:
        """The counts of the votes, which may be COUNT_SECONDS old."""
        return self._tally()

    def _counted(self) -> Tally:
        """Count the votes by the names of their files."""
        return Tally(kinds(file.stem for file in self._folder.glob("date=*/*.json")))

    def _expire(self) -> None:
        """Delete the folders of days that are older than the retention time."""
        oldest = datetime.now(UTC).date() - timedelta(days=self._retention_days)
        for day in self._folder.glob("date=*"):
            if day.name < f"date={oldest}":
                shutil.rmtree(day)

    @contextmanager
    def _room_for(self, size: int) -> Iterator[None]:
        """Reserve `size` bytes of the quota for the block; free them if it fails. Raises StorageFull."""
        with self._ledger() as ledger:
            age = time.time() - os.fstat(ledger.fileno()).st_mtime
            noted, stale = ledger.read(), age > MEASURED_FOR_SECONDS
            used = int(noted) if noted.strip().isdigit() else self._measured()
            if used + size > self._quota_bytes and stale:
                used = self._measured()
                _note(ledger, used)
            if used + size > self._quota_bytes:
                raise _full(
                    "The folder for votes is full", f"{used:,} of {self._quota_bytes:,} bytes are used"
                )
            # Noted before the block, so that a process that is killed counts too much rather than too little.
            _note(ledger, used + size)
            try:
                yield
            except BaseException:
                _note(ledger, used)
                raise

    @contextmanager
    def _ledger(self) -> Iterator[Any]:
        """The file with the number of bytes that the votes take, locked for the block."""
        _make_private(self._folder)
        handle = os.open(self._folder / ".used", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        with open(handle, "r+b", buffering=0) as ledger:
            fcntl.flock(ledger, fcntl.LOCK_EX)
            yield ledger

    def _measured(self) -> int:
        return sum(_taken(file.stat().st_size) for file in self._folder.glob("date=*/*.json"))


def _taken(size: int) -> int:
    """Return the disk space in bytes that a file of that size takes."""
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _note(ledger: Any, used: int) -> None:
    # The length is constant, so that this never needs more disk space.
    os.pwrite(ledger.fileno(), f"{used:<20}".encode(), 0)


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    status = folder.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():  # made by an earlier version, or by hand
        folder.chmod(PRIVATE_FOLDER)


def _full(what: str, detail: str) -> StorageFull:
    return StorageFull(f"{what}, so this vote cannot be kept.", detail=detail)
