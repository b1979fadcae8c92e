"""The web server follows the champion of the registry and loses nothing by it, whatever happens there."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from selfhost import counts
from tests.contract.selfhost_fixtures import (
    Tracking,
    Web,
    models,
    registered,
    tracking,
    version_of,
    wait_until,
    web,
)
from tests.contract.tracking_fixtures import tracking as tracking_command

__all__ = ["models", "registered", "tracking", "web"]  # fixtures
pytestmark = pytest.mark.slow

REVIEW = {"review": "A wonderful story, superb and touching."}


class Load(threading.Thread):
    """Asks for verdicts without a pause until it is stopped; keeps (status, model) of each answer."""

    def __init__(self, web: Web):
        super().__init__(daemon=True)
        self.web, self.answers, self._stopped = web, [], threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                answer = self.web.post("/predict", REVIEW)
                self.answers.append((answer.status, answer.json.get("model")))
            except OSError as error:
                self.answers.append((0, repr(error)))

    def stop(self) -> list[tuple[int, str]]:
        self._stopped.set()
        self.join()
        return self.answers


def test_a_new_champion_is_swapped_in_without_a_lost_request(tracking, models, registered, web):
    old, new = (version_of(model) for model in models)
    tracking.register(models[0], registered)
    web.start()
    web.wait_for_model(old)
    load = [Load(web) for _ in range(4)]
    for each in load:
        each.start()
    tracking.register(models[1], registered)
    web.wait_for_model(new)
    after = threading.Event()
    after.wait(0.5)
    answers = [each.stop() for each in load]
    assert {status for each in answers for status, _ in each} == {200}
    for each in answers:
        served = [model for _, model in each]
        assert served[0] == old
        assert served[-1] == new
        # The two workers swap within a moment of each other; from then on only the new one answers.
        assert set(served) == {old, new}
    fetched = [line for line in web.lines() if line["message"] == "fetching a model"]
    assert len(fetched) == 2, "one worker downloads for all of them"


def test_a_challenger_answers_its_share_of_the_texts_until_the_challenge_ends(
    tracking, models, registered, web
):
    champion, challenger = (version_of(model) for model in models)
    tracking.register(models[0], registered)
    number = tracking.register(models[1], registered, alias="candidate")
    web.start()
    web.wait_for_model(champion)
    texts = [f"A wonderful story, superb and touching, told {number} times." for number in range(16)]

    def answered() -> list[str]:
        return [web.post("/predict", {"review": text}).json["model"] for text in texts]

    def command(*arguments: str) -> None:
        done = tracking_command(tracking.url, *arguments, MLFLOW_REGISTERED_MODEL=registered)
        assert done.status == 0, done.err

    command("challenge", number, "--percent", "50")
    web.wait_for_model(challenger)
    first = answered()
    assert set(first) == {champion, challenger}
    assert answered() == answered() == first, "asking again flips no answer, whichever worker is asked"
    assert web.get("/model").json["challenger"] == {"model": challenger, "percent": 50}
    for version in (champion, challenger):
        answer = web.post(f"/predict?model={version}", {"review": texts[0]}).json
        assert answer["model"] == version
    vote = {
        "review": "A film",
        "sentiment": "positive",
        "probability": 0.9,
        "model": challenger,
        "vote": "down",
    }
    assert web.post("/feedback", vote).status == 201
    counted = [line for line in web.lines() if line.get("model") == challenger and "requestId" in line]
    assert sum(line.get("Answers", 0) for line in counted) == 3 * first.count(challenger)
    assert sum(line.get("NoVotes", 0) for line in counted) == 1
    # ... and so they are by the hour, whichever worker answered.
    by_hour = counts.read(web.feedback, challenger).values()
    assert sum(each.get("Answers", 0) for each in by_hour) == 3 * first.count(challenger)

    command("rollback")
    wait_until(lambda: set(answered()) == {champion})


def test_without_a_champion_it_says_so_and_starts_to_answer_when_there_is_one(
    tracking, models, registered, web
):
    web.start("/")
    assert web.get("/").status == 200
    wait_until(lambda: web.get("/health").json["error"]["code"] == "no_model")
    # A connection each, so that each process is asked: the one that asks the registry, and the other.
    for answer in 5 * (web.get("/health"), web.get("/model"), web.post("/predict", REVIEW)):
        assert answer.status == 503
        assert answer.json["error"]["code"] == "no_model"
        assert int(answer.headers["retry-after"]) > 0
    tracking.register(models[0], registered)
    wait_until(lambda: web.get("/health").status == 200)
    # A connection each, so both workers are asked: where one is ready, none refuses.
    assert {web.get("/health").status for _ in range(20)} == {200}
    web.wait_for_model(version_of(models[0]))
    assert web.get("/health").json == {"status": "ready"}
    assert web.get("/model").json["model"] == version_of(models[0])
    assert web.post("/predict", REVIEW).status == 200


def test_it_serves_on_without_the_registry_starts_without_it_and_finds_it_again(tmp_path, models, registered):
    tracking = Tracking(tmp_path)
    web = Web(tmp_path, tracking.url, registered)
    try:
        tracking.start()
        tracking.register(models[0], registered)
        web.start()
        web.wait_for_model(version_of(models[0]))

        tracking.kill()
        wait_until(
            lambda: any(
                line["message"] == "cannot get the champion from the registry" for line in web.lines()
            )
        )
        assert {web.post("/predict", REVIEW).status for _ in range(10)} == {200}

        web.stop()
        web.log.unlink()
        web.start()  # before the registry is there again
        assert web.get("/health").status == 200, "the model is there before the first request"
        assert web.served() == version_of(models[0])

        tracking.start()
        tracking.register(models[1], registered)
        web.wait_for_model(version_of(models[1]))
        said = [line["message"] for line in web.lines()]
        assert said.count("cannot get the champion from the registry") < 5, "not one line per request"
    finally:
        web.stop()
        tracking.stop()


def test_a_worker_that_dies_is_replaced_and_another_one_watches(tracking, models, registered, web):
    tracking.register(models[0], registered)
    web.start()
    web.wait_for_model(version_of(models[0]))
    fetching = next(line["process"] for line in web.lines() if line["message"] == "fetching a model")
    os.kill(fetching, 9)
    wait_until(lambda: len(web.workers()) == 2 and fetching not in [each.pid for each in web.workers()])
    tracking.register(models[1], registered)
    web.wait_for_model(version_of(models[1]))
    assert web.post("/predict", REVIEW).status == 200


def test_broken_files_are_refused_and_the_old_model_stays(tracking, models, registered, web, tmp_path):
    tracking.register(models[0], registered)
    web.start()
    web.wait_for_model(version_of(models[0]))

    broken = tmp_path / "broken"
    shutil.copytree(models[1], broken)
    with (broken / "weights.npz").open("r+b") as weights:
        weights.seek(1000)
        weights.write(b"\0" * 64)
    tracking.register(broken, registered)
    wait_until(lambda: any("weights.npz" in line.get("why", "") for line in web.lines()))
    assert web.served() == version_of(models[0])
    assert web.post("/predict", REVIEW).status == 200
    kept = {file.name for file in web.cache.glob("*/")} - {"challenger"}
    assert kept == {version_of(models[0])}, "nothing half-made is left"

    # Whole, but another model than was registered under that tag.
    forged = tmp_path / "forged"
    shutil.copytree(models[1], forged)
    number = tracking.register(forged, registered)
    web.wait_for_model(version_of(models[1]))
    assert number


def test_a_cache_that_was_damaged_is_fetched_again(tracking, models, registered, web):
    tracking.register(models[0], registered)
    web.start()
    version = version_of(models[0])
    web.wait_for_model(version)
    web.stop()
    web.log.unlink()
    (web.cache / version / "word_dict.json").write_text("{}")
    web.start("/")
    web.wait_for_model(version)
    assert json.loads((web.cache / version / "word_dict.json").read_text())
    assert any(line["message"] == "a model in the cache is broken" for line in web.lines())


def test_ctrl_c_and_docker_stop_end_all_of_it(tracking, models, registered, web):
    tracking.register(models[0], registered)
    web.start()
    web.wait_for_model(version_of(models[0]))
    processes = [web.process.pid, *(worker.pid for worker in web.workers())]
    load = Load(web)
    load.start()
    time.sleep(0.5)
    assert web.stop() == 0
    answers = load.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)
    statuses = [status for status, _ in answers if status]
    assert statuses
    assert set(statuses) == {200}, "what was begun was answered"
