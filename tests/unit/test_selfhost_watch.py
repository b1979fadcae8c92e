"""What the watch does with what a registry says; the cache that processes share; settings."""

from __future__ import annotations

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from selfhost import __main__ as selfhost
from selfhost import watch as watching
from selfhost.admission import Admission
from selfhost.cache import Cached, ModelCache
from selfhost.model import ServedModel
from selfhost.scoreboard import Scoreboard
from selfhost.settings import Settings, SettingsError
from selfhost.watch import Watch
from sentiment.errors import ArtifactError
from sentiment.files import sha256_of
from sentiment.serving.predictor import Prediction, Predictor
from tests.contract.selfhost_fixtures import wait_until
from tests.unit.sentiment_fixtures import model_folder
from tracking.champion import Champion, RegistryError

from sentiment_api.api import COUNTED_ONLY  # isort: skip - selfhost puts it on the path
from sentiment_api.errors import (  # isort: skip
    Broken,
    ModelFailed,
    NoModel,
    NotReady,
    Overloaded,
    Waking,
)


def champion(number: int, model: str = "") -> Champion:
    return Champion("movie-sentiment", str(number), "run", 1000 + number, model)


def version(folder: Path) -> str:
    return sha256_of(folder / "checksums.json")[:12]


def served_model() -> ServedModel:
    """A model that lets two of eight requests compute at the same time."""
    return ServedModel(Admission(Scoreboard(), places=8, concurrent=2))


class Source:
    """A registry whose champion a test chooses."""

    def __init__(self) -> None:
        self.named: Champion | None = None
        self.folder: Path | None = None
        self.trouble: Exception | None = None
        self.fetched = 0

    def champion(self) -> Champion | None:
        if self.trouble:
            raise self.trouble
        return self.named

    def fetch(self, champion: Champion, folder: Path) -> Path:
        self.fetched += 1
        return Path(shutil.copytree(self.folder, folder / "model"))


@pytest.fixture
def source() -> Source:
    source = Source()
    source.folder = model_folder()
    return source


@pytest.fixture
def cache(tmp_path) -> ModelCache:
    return ModelCache(tmp_path / "models")


@pytest.fixture
def model(tmp_path) -> ServedModel:
    return served_model()


@pytest.fixture
def watch(model, cache, source) -> Watch:
    watch = Watch(model, cache, lambda: source, poll_seconds=10.0)
    assert cache.lock()
    return watch


def test_a_champion_is_fetched_once_and_served(watch, model, source):
    source.named = champion(1)
    for _ in range(3):
        watch.ask()
        watch.follow()
    assert source.fetched == 1
    assert model.version == version(source.folder)
    [verdict] = model.predict(["A wonderful film."], explain=True)
    sent = ["sentiment", "probability", "unsure", "reason", "model", "words", "spans", "cut"]
    assert list(verdict) == [*sent, *COUNTED_ONLY]
    assert verdict["model"] == model.version


def test_without_a_champion_nothing_is_served(watch, model):
    watch.ask()
    watch.follow()
    for call in (model.check, model.describe, lambda: model.predict(["A film."], False)):
        with pytest.raises(NoModel) as refused:
            call()
        assert refused.value.retry_after > 0


def test_every_process_says_why_there_is_no_model(watch, model, source, cache):
    """It is on its way, there is none, the registry is out of order, the files are; each in its own words."""
    other = served_model()
    Watch(other, ModelCache(cache.folder), lambda: source, poll_seconds=10.0)
    told = {}

    def tells(kind: type[NotReady]) -> None:
        for each in (model, other):
            with pytest.raises(kind) as refused:
                each.check()
            assert type(refused.value) is kind and refused.value.retry_after > 0
            told[kind] = refused.value.message

    tells(Waking)  # nobody has asked yet
    watch.ask()
    tells(NoModel)
    source.trouble = RegistryError("connection refused")
    watch.ask()
    tells(Waking)  # it may be starting
    for _ in range(watching.QUESTIONS_TO_START):
        watch.ask()
    tells(Broken)
    source.trouble = None
    watch.ask()
    tells(NoModel)
    source.named = champion(1, model="another")
    watch.ask()
    tells(Broken)
    assert len({kind.code for kind in told}) == len(set(told.values())) == 3
    source.named = champion(2)
    watch.ask()
    for each in (model, other):
        each.check()


def test_a_cache_that_cannot_be_written_is_reported_as_broken(model, source, tmp_path):
    (tmp_path / "models").write_text("a file, where a folder should be")
    watch = Watch(model, ModelCache(tmp_path / "models"), lambda: source, poll_seconds=10.0)
    watch.start()
    try:
        wait_until(lambda: watch.absence() is Broken)
    finally:
        watch.stop()


def test_reviews_beyond_what_the_model_can_do_are_refused_and_the_others_are_answered(
    watch, model, source, monkeypatch
):
    source.named = champion(1)
    watch.ask()
    watch.follow()
    computing, go_on = threading.Semaphore(0), threading.Event()

    def predict(self, reviews):
        computing.release()
        assert go_on.wait(60)
        return [Prediction("positive", 0.9, False)]

    monkeypatch.setattr(Predictor, "predict", predict)
    with ThreadPoolExecutor(40) as threads:
        asked = [threads.submit(model.predict, ["A film."], False) for _ in range(40)]
        for _ in range(2):
            computing.acquire()
        # The refused are told at once, while the admitted still compute or wait.
        refused = list(islice(as_completed(asked), 32))
        for each in refused:
            with pytest.raises(Overloaded) as why:
                each.result()
            assert why.value.retry_after > 0
        assert not computing.acquire(blocking=False), "no more than two compute at the same time"
        go_on.set()
        assert all(each.result() for each in asked if each not in refused)
    assert model.predict(["A film."], False)


def test_a_process_without_a_model_looks_for_one_before_it_refuses(watch, cache, source):
    """Another process has fetched it, and this one's watch has not come round yet."""
    late = served_model()
    Watch(late, ModelCache(cache.folder), lambda: source, poll_seconds=10.0)
    with pytest.raises(NotReady):
        late.check()
    source.named = champion(1)
    watch.ask()
    late.check()
    assert late.version == version(source.folder)


def test_requests_that_come_at_once_load_the_model_once(watch, model, source, monkeypatch):
    source.named = champion(1)
    watch.ask()
    loaded, load = [], Cached.predictor

    def slowly(cached: Cached):
        loaded.append(cached)
        time.sleep(0.2)
        return load(cached)

    monkeypatch.setattr(Cached, "predictor", slowly)
    with ThreadPoolExecutor(4) as threads:
        verdicts = list(threads.map(lambda _: model.predict(["A film."], explain=False), range(4)))
    assert len(verdicts) == 4 and len(loaded) == 1


def test_the_same_version_number_of_another_model_is_noticed(watch, source, cache):
    """Somebody has deleted the registered model and begun anew."""
    source.named = champion(1)
    watch.ask()
    source.named = Champion("movie-sentiment", "1", "another run", 2000, "")
    watch.ask()
    assert source.fetched == 2
    assert cache.current().champion == source.named


def test_a_champion_that_is_removed_leaves_its_model(watch, model, source):
    source.named = champion(1)
    watch.ask()
    source.named = None
    watch.ask()
    watch.follow()
    assert model.version == version(source.folder)


def test_a_challenger_that_is_removed_is_no_longer_served_by_any_process(model, cache, source):
    watch = Watch(model, cache, lambda: source, poll_seconds=10.0, optional=True)
    other = served_model()
    follower = Watch(other, ModelCache(cache.folder), lambda: source, poll_seconds=10.0, optional=True)
    assert cache.lock()
    watch.ask()
    follower.follow()
    assert (model.version, watch.served) == (None, None)
    for percent in (10.0, 50.0):
        source.named = replace(champion(2), percent=percent)
        for each in (watch.ask, watch.follow, follower.follow):
            each()
        assert model.version == other.version == version(source.folder)
        assert watch.served.percent == follower.served.percent == percent
    source.named = None
    for each in (watch.ask, watch.follow, follower.follow):
        each()
    assert (model.version, other.version, watch.served, follower.served) == (None,) * 4


def test_requests_become_rarer_while_the_registry_is_away(watch, source, monkeypatch):
    monkeypatch.setattr(watching.random, "uniform", lambda low, high: high)
    source.trouble = RegistryError("connection refused")
    waits = [watch.ask() for _ in range(6)]
    assert waits == pytest.approx([24, 48, 72, 72, 72, 72])
    source.trouble = None
    assert watch.ask() == pytest.approx(12)


def test_however_long_the_registry_is_away_it_is_asked_again(watch, source, monkeypatch):
    monkeypatch.setattr(watching.random, "uniform", lambda low, high: 1)
    source.trouble = RegistryError("connection refused")
    assert {watch.ask() for _ in range(2000)} == {20, 40, 60}, "2000 questions are a day and a half"


def test_a_cache_that_cannot_be_written_is_reported_and_tried_again(model, cache, source, monkeypatch):
    source.named = champion(1)
    monkeypatch.setattr(watching, "FOLLOW_SECONDS", 0.01)
    lock, refusals = cache.lock, iter([PermissionError(13, "Permission denied", "lock")] * 3)

    def refused_at_first() -> bool:
        if error := next(refusals, None):
            raise error
        return lock()

    monkeypatch.setattr(cache, "lock", refused_at_first)
    watch = Watch(model, cache, lambda: source, poll_seconds=10.0)
    watch.start()
    try:
        deadline = time.monotonic() + 60
        while model.version is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert model.version == version(source.folder)
    finally:
        watch.stop()


def test_processes_do_not_ask_in_step(watch):
    waits = {watch.ask() for _ in range(20)}
    assert len(waits) == 20
    assert all(8 <= wait <= 12 for wait in waits)


def test_a_fault_of_the_source_does_not_end_the_watch(watch, model, source):
    source.trouble = ZeroDivisionError("a defect of a library")
    watch.ask()
    source.trouble, source.named = None, champion(1)
    watch.ask()
    watch.follow()
    assert model.version == version(source.folder)


@pytest.mark.parametrize("file", ["weights.npz", "config.json", "checksums.json"])
def test_broken_files_are_not_kept(watch, cache, source, tmp_path, file):
    source.folder = Path(shutil.copytree(source.folder, tmp_path / "broken"))
    content = (source.folder / file).read_bytes()
    (source.folder / file).write_bytes(content[: len(content) // 2])
    source.named = champion(1)
    watch.ask()
    assert cache.current() is None
    assert {each.name for each in cache.folder.iterdir()} == {"lock", "absence"}


def test_a_model_that_is_not_the_registered_one_is_not_kept(watch, cache, source):
    source.named = champion(1, model="0123456789ab")
    watch.ask()
    assert cache.current() is None
    with cache.temporary_folder() as folder, pytest.raises(ArtifactError, match="0123456789ab"):
        cache.keep(source.named, source.fetch(source.named, folder))


def test_one_process_fetches_for_all(cache, source, watch, model):
    other = ModelCache(cache.folder)
    assert not other.lock()
    source.named = champion(1)
    watch.ask()
    assert other.current() == cache.current()
    cache.release()
    assert other.lock()


def test_leftovers_of_a_killed_download_are_deleted(cache):
    left = cache.folder / ".new-x"
    left.mkdir(parents=True)
    assert cache.lock()
    assert not left.exists()


def test_the_previous_model_stays_for_processes_that_are_loading_it(watch, cache, source):
    folders = [model_folder("fast"), model_folder("predecessor")]
    for number, folder in enumerate(folders):
        source.named, source.folder = champion(number), folder
        watch.ask()
    assert {each.name for each in cache.folder.iterdir() if each.is_dir()} == set(map(version, folders))
    older = cache.folder / "0123456789ab"
    shutil.copytree(folders[0], older)
    source.named, source.folder = champion(2), folders[0]
    watch.ask()
    assert len([each for each in cache.folder.iterdir() if each.is_dir()]) == 2


@pytest.mark.parametrize("content", ["", "null", "[]", '{"champion": {}}', '{"champion": 1, "model": 2}'])
def test_an_unreadable_note_is_ignored(cache, content):
    cache.folder.mkdir()
    (cache.folder / "current.json").write_text(content)
    assert cache.current() is None


def test_a_note_cannot_point_outside_of_the_cache(cache, watch, source):
    source.named = champion(1)
    watch.ask()
    note = cache.folder / "current.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"model": "../../etc"}))
    assert cache.current().folder == cache.folder / "etc"


def test_a_model_that_fails_is_an_error_of_the_model(model):
    class Failing:
        version = "0123"

        def explain(self, reviews):
            raise RuntimeError("out of memory")

    model.serve(Failing())
    with pytest.raises(ModelFailed) as failed:
        model.predict(["A film."], explain=True)
    assert isinstance(failed.value.__cause__, RuntimeError)


def test_settings_come_from_the_environment():
    assert Settings.from_environment({}) == Settings()
    environment = {
        "MLFLOW_TRACKING_URI": "http://mlflow:5000",
        "SENTIMENT_MODEL": "models:/films@candidate",
        "SENTIMENT_CACHE": "/cache",
        "SENTIMENT_FEEDBACK": "/votes",
        "SENTIMENT_FEEDBACK_BYTES": "1000",
        "SENTIMENT_POLL_SECONDS": "2.5",
    }
    assert Settings.from_environment(environment) == Settings(
        "http://mlflow:5000", "films", "candidate", Path("/cache"), Path("/votes"), 1000, 2.5
    )
    trained = {"MLFLOW_REGISTERED_MODEL": "main.default.films"}
    assert Settings.from_environment(trained) == Settings(name="main.default.films")
    assert Settings.from_environment({**environment, **trained}).name == "films"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTIMENT_MODEL", "models:/movie-sentiment/3"),
        ("SENTIMENT_MODEL", "movie-sentiment"),
        ("SENTIMENT_FEEDBACK_BYTES", "-1"),
        ("SENTIMENT_POLL_SECONDS", "0"),
        ("SENTIMENT_POLL_SECONDS", "nan"),
        ("SENTIMENT_POLL_SECONDS", "soon"),
    ],
)
def test_an_invalid_setting_is_named_before_anything_starts(monkeypatch, capsys, name, value):
    with pytest.raises(SettingsError, match=f"{name} is '{value}'"):
        Settings.from_environment({name: value})
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        selfhost.main([])
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {name} is '{value}'") and said.err.count("\n") == 1 and not said.out
