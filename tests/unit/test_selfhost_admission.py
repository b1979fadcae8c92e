"""The places that the processes of the web server share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from project.paths import PROJECT
from selfhost.admission import MAX_RETRY_SECONDS, Admission, Places

from sentiment_api.errors import Overloaded  # isort: skip - selfhost puts it on the path

HOLDER = """
import sys
from pathlib import Path
from selfhost.admission import Places
places = Places(Path(sys.argv[1]), int(sys.argv[2]))
print(sum(places.take() is not None for _ in range(int(sys.argv[3]))), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process, which takes `wanted` of four places and keeps them; how many it got."""
    started: list[subprocess.Popen[str]] = []

    def start(wanted: int) -> tuple[subprocess.Popen[str], int]:
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "places"), "4", str(wanted)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
        )
        started.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_processes_share_the_places_and_a_killed_one_leaves_its_own(tmp_path, holder):
    places = Places(tmp_path / "places", 4)
    mine = places.take()
    assert mine is not None
    other, got = holder(4)
    assert got == 3
    assert places.take() is None
    other.kill()
    other.wait()
    assert [places.take() is not None for _ in range(4)] == [True, True, True, False]
    places.leave(mine)
    assert holder(4)[1] == 1


def test_without_a_file_to_share_a_process_has_the_places_for_itself(tmp_path, caplog):
    (tmp_path / "cache").write_text("no folder")
    places = Places(tmp_path / "cache" / "places", 1)
    assert places.take() == 0 and places.take() is None
    assert "do not share" in caplog.text


def test_who_finds_no_place_is_told_to_come_back_at_different_times(tmp_path):
    admission = Admission(Places(tmp_path / "places", 1))
    told = set()
    with admission.turn():
        for _ in range(100):
            with pytest.raises(Overloaded) as refused, admission.turn():
                pass
            told.add(refused.value.retry_after)
    assert told == set(range(1, MAX_RETRY_SECONDS + 1))
    with admission.turn():
        pass  # the place was left
