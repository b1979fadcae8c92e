"""The folder of people's votes: private, within its quota, and nothing half-written on a full disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from selfhost.feedback import BLOCK_BYTES, MEASURED_FOR_SECONDS, FolderOfVotes
from tests.conftest import PROJECT

from sentiment_api.errors import StorageFull  # isort: skip - selfhost puts it on the path


def vote(review: str = "A film.") -> dict[str, str]:
    return {"id": f"2026-11-28-{uuid.uuid4().hex}", "time": "2026-11-28T10:00:00Z", "review": review}


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("date=*/*.json"))


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "feedback"


def test_nobody_else_may_read_votes(folder):
    folder.mkdir(mode=0o755)  # as an earlier version made it
    old = os.umask(0)
    try:
        FolderOfVotes(folder).keep(vote())
    finally:
        os.umask(old)
    modes = {
        file.relative_to(folder).parts[0]: file.stat().st_mode & 0o777 for file in folder.rglob("*.json")
    }
    assert modes == {"date=2026-11-28": 0o600}
    assert {each.stat().st_mode & 0o777 for each in (folder, folder / "date=2026-11-28")} == {0o700}


def test_votes_beyond_the_quota_are_refused_by_every_process(folder):
    first, second = (FolderOfVotes(folder, quota_bytes=3 * BLOCK_BYTES) for _ in range(2))
    for votes in (first, second, first):
        votes.keep(vote())
    for votes in (first, second, FolderOfVotes(folder, quota_bytes=3 * BLOCK_BYTES)):
        with pytest.raises(StorageFull, match="The folder for votes is full"):
            votes.keep(vote())
    assert len(kept(folder)) == 3
    assert [each for each in folder.rglob("*") if each.is_file() and each not in kept(folder)] == [
        folder / ".used"
    ]


def test_votes_that_were_there_count_and_votes_that_were_taken_away_do_not(folder):
    for _ in range(3):
        FolderOfVotes(folder).keep(vote())
    (folder / ".used").unlink()
    votes = FolderOfVotes(folder, quota_bytes=3 * BLOCK_BYTES)
    with pytest.raises(StorageFull):
        votes.keep(vote())
    kept(folder)[0].unlink()
    long_ago = time.time() - MEASURED_FOR_SECONDS - 1
    os.utime(folder / ".used", (long_ago, long_ago))
    votes.keep(vote())
    with pytest.raises(StorageFull):
        votes.keep(vote())


def test_a_vote_that_is_taken_back_makes_room(folder):
    votes = FolderOfVotes(folder, quota_bytes=2 * BLOCK_BYTES)
    first, _ = votes.keep(vote()), votes.keep(vote())
    votes.withdraw(first)
    assert first not in [file.stem for file in kept(folder)]
    votes.keep(vote())
    votes.withdraw(first)  # gone already: that frees nothing
    with pytest.raises(StorageFull):
        votes.keep(vote())


def test_old_days_are_deleted_when_a_new_one_begins(folder):
    votes = FolderOfVotes(folder, retention_days=10)
    day = datetime.now(UTC).date()
    for days in (12, 9):
        votes.keep(vote() | {"id": f"{day - timedelta(days=days)}-{uuid.uuid4().hex}"})
    votes.keep(vote() | {"id": f"{day}-{uuid.uuid4().hex}"})
    assert sorted(each.name for each in folder.glob("date=*")) == [
        f"date={day - timedelta(days=9)}",
        f"date={day}",
    ]


ON_A_SMALL_DISK = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from selfhost.feedback import FolderOfVotes
from sentiment_api.errors import StorageFull
folder, told = Path(sys.argv[2]) / "feedback", []
for number in range(40):
    vote = {"id": f"2026-11-28-{number:032x}", "time": "2026-11-28T10:00:00Z", "review": "x" * 20_000}
    try:
        told.append(FolderOfVotes(folder).keep(vote))
    except StorageFull as error:
        told.append(error.message)
held = {file.name: json.loads(file.read_text())["id"] for file in folder.rglob("*") if file.name != ".used"
        if file.is_file()}
print(json.dumps([told, held]))
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs Linux's unshare to make a small disk")
def test_a_full_disk_is_reported_and_leaves_nothing_half_written(tmp_path):
    mount = f'mount -t tmpfs -o size=256k tmpfs {tmp_path} && exec "$@"'
    python = [sys.executable, "-c", ON_A_SMALL_DISK, str(PROJECT), str(tmp_path)]
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *python]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no small disk can be made here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    told, held = json.loads(done.stdout)
    refused = "The disk is full, so this vote cannot be kept."
    assert told[0] == f"2026-11-28-{0:032x}" and told[-1] == refused and set(told[len(held) :]) == {refused}
    assert held == {f"{name}.json": name for name in told[: len(held)]}
