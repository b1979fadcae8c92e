"""The folder of people's votes: private, within its quota, and nothing half-written on a full disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from selfhost.feedback import BLOCK_BYTES, MEASURED_FOR_SECONDS, Votes
from tests.conftest import PROJECT

from sentiment_api.errors import StorageFull  # isort: skip - selfhost puts it on the path


def vote(review: str = "A film.") -> dict[str, str]:
    return {"id": uuid.uuid4().hex, "time": "2026-11-28T10:00:00Z", "review": review}


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("date=*/*.json"))


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "feedback"


def test_nobody_else_may_read_votes(folder):
    folder.mkdir(mode=0o755)  # as an earlier version made it
    old = os.umask(0)
    try:
        Votes(folder).keep(vote())
    finally:
        os.umask(old)
    modes = {
        file.relative_to(folder).parts[0]: file.stat().st_mode & 0o777 for file in folder.rglob("*.json")
    }
    assert modes == {"date=2026-11-28": 0o600}
    assert {each.stat().st_mode & 0o777 for each in (folder, folder / "date=2026-11-28")} == {0o700}


def test_votes_beyond_the_quota_are_refused_in_words_by_every_process(folder):
    first, second = (Votes(folder, quota_bytes=3 * BLOCK_BYTES) for _ in range(2))
    for votes in (first, second, first):
        votes.keep(vote())
    for votes in (first, second, Votes(folder, quota_bytes=3 * BLOCK_BYTES)):
        with pytest.raises(StorageFull, match="The folder for votes is full"):
            votes.keep(vote())
    assert len(kept(folder)) == 3
    assert [each for each in folder.rglob("*") if each.is_file() and each not in kept(folder)] == [
        folder / ".used"
    ]


def test_votes_that_were_there_count_and_votes_that_were_taken_away_do_not(folder):
    for _ in range(3):
        Votes(folder).keep(vote())
    (folder / ".used").unlink()
    votes = Votes(folder, quota_bytes=3 * BLOCK_BYTES)
    with pytest.raises(StorageFull):
        votes.keep(vote())
    kept(folder)[0].unlink()
    long_ago = time.time() - MEASURED_FOR_SECONDS - 1
    os.utime(folder / ".used", (long_ago, long_ago))
    votes.keep(vote())
    with pytest.raises(StorageFull):
        votes.keep(vote())


ON_A_SMALL_DISK = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from selfhost.feedback import Votes
from sentiment_api.errors import StorageFull
folder, told = Path(sys.argv[2]) / "feedback", []
for number in range(40):
    vote = {"id": f"vote-{number}", "time": "2026-11-28T10:00:00Z", "review": "x" * 20_000}
    try:
        told.append(Votes(folder).keep(vote))
    except StorageFull as error:
        told.append(error.message)
held = {file.name: json.loads(file.read_text())["id"] for file in folder.rglob("*") if file.name != ".used"
        if file.is_file()}
print(json.dumps([told, held]))
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs Linux's unshare to make a small disk")
def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path):
    mount = f'mount -t tmpfs -o size=256k tmpfs {tmp_path} && exec "$@"'
    python = [sys.executable, "-c", ON_A_SMALL_DISK, str(PROJECT), str(tmp_path)]
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *python]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no small disk can be made here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    told, held = json.loads(done.stdout)
    refused = "The disk is full, so this vote cannot be kept."
    assert told[0] == "vote-0" and told[-1] == refused and set(told[len(held) :]) == {refused}
    assert held == {f"{name}.json": name for name in told[: len(held)]}
