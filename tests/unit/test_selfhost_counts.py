"""What the web server counts by the hour: private, added up from all processes, dropped in the end."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from project import drift
from selfhost import counts
from selfhost import drift as command
from selfhost.admission import Admission
from selfhost.app import application
from selfhost.cache import ModelCache
from selfhost.counts import KEPT_HOURS, HourlyCounts
from selfhost.feedback import FolderOfVotes
from selfhost.model import ServedModel
from selfhost.scoreboard import Scoreboard
from tests.unit.sentiment_fixtures import made_up_reviews, model_folder
from tracking.champion import Champion

HOUR = datetime(2026, 11, 29, 10, tzinfo=UTC)


def test_the_counts_of_all_processes_add_up_by_hour_and_model(tmp_path):
    """Each of them has a connection of its own, as each process has, and threads beside it."""
    folder = tmp_path / "feedback"
    now = HOUR.timestamp() + 1800
    each = [HourlyCounts(folder, lambda: now) for _ in range(3)]

    def add(of: HourlyCounts) -> None:
        for _ in range(20):
            of.add("old", {"Answers": 1, "Probability": 0.25})

    threads = [threading.Thread(target=add, args=(of,)) for of in each * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    each[0].add("new", {"Answers": 1})
    now += 3600
    each[1].add("old", {"Answers": 2})
    assert counts.read(folder, "old") == {
        HOUR: {"Answers": 120, "Probability": 30},
        datetime(2026, 11, 29, 11, tzinfo=UTC): {"Answers": 2},
    }
    assert counts.read(folder, "new") == {HOUR: {"Answers": 1}}
    assert counts.read(tmp_path / "none", "old") == {}
    for file in (folder, *folder.iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, "nobody else may read it"


def test_the_database_is_opened_by_one_at_a_time(tmp_path):
    """SQLite refuses one of two processes that make it at once, whose counts would be lost."""
    turn = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(turn, fcntl.LOCK_EX)
    adds = threading.Thread(target=HourlyCounts(tmp_path, HOUR.timestamp).add, args=("m", {"Answers": 1}))
    adds.start()
    adds.join(0.5)
    assert adds.is_alive() and not list(tmp_path.iterdir())
    os.close(turn)
    adds.join()
    assert counts.read(tmp_path, "m") == {HOUR: {"Answers": 1}}


def test_old_hours_are_deleted(tmp_path):
    now = HOUR.timestamp()
    kept = HourlyCounts(tmp_path, lambda: now)
    kept.add("m", {"Answers": 1})
    now += 3600 * KEPT_HOURS
    kept.add("m", {"Answers": 1})
    assert len(counts.read(tmp_path, "m")) == 2
    now += 3600
    kept.add("m", {"Answers": 1})
    assert HOUR not in counts.read(tmp_path, "m")


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A model in the cache, which an application answers with; what sends that many texts at once."""
    cache, feedback = ModelCache(tmp_path / "models"), tmp_path / "feedback"
    copy = tmp_path / "models" / "fetched"
    shutil.copytree(model_folder(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    kept = cache.keep(Champion("movie-sentiment", "1", "", 0, ""), copy)
    monkeypatch.setenv("SENTIMENT_CACHE", str(cache.folder))
    monkeypatch.delenv("SENTIMENT_FEEDBACK", raising=False)
    model = ServedModel(Admission(Scoreboard()))
    model.serve(kept.predictor())
    client = application(model, FolderOfVotes(feedback), HourlyCounts(feedback)).test_client()

    def send(texts: list[str]) -> None:
        assert client.post("/predict/batch", json={"reviews": texts}).status_code == 200

    return send


def test_what_people_sent_is_compared_without_server_and_mlflow(served, tmp_path, capsys, monkeypatch):
    held_out = made_up_reviews(0, 200)
    monkeypatch.setattr(drift.snippets, "load", lambda: held_out)
    monkeypatch.setattr(drift, "_test_reviews", lambda choices: [])
    arguments = ["--build", str(tmp_path / "build"), "--var", str(tmp_path), "--window", "1h"]
    served(["a film"])
    assert command.main(arguments) == 0
    assert "no verdict: at least 50 texts are needed" in capsys.readouterr().out
    served(list(made_up_reviews(0, 50, seed=6).texts[:99]))
    assert command.main(arguments) == 0
    said = capsys.readouterr().out
    assert "100 texts" in said and "everything lies within its band" in said
    served(["Wirklich sehr schlecht gemacht, leider ganz und gar ohne jede Idee."] * 100)
    assert command.main(arguments) == 1
    said = capsys.readouterr()
    assert "OUTSIDE words that the model does not know" in said.out
    assert said.err.startswith("error: outside the band: ") and said.err.count("\n") == 1
    [page] = (tmp_path / "build" / "drift").glob("*/drift.html")
    assert "movie-sentiment" in page.read_text(encoding="utf-8")


def test_what_cannot_be_compared_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SENTIMENT_CACHE", str(tmp_path))
    assert command.main(["--window", "1w"]) == 1
    assert command.main([]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: WINDOW=1w: hours or days, such as 24h or 7d; 227d at most",
        f"error: there is no champion in {tmp_path}: run `make selfhost` first",
    ]
