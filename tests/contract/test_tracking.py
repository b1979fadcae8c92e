"""Runs and models in MLflow: a real server on SQLite that answers, hangs, is down, or dies in between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import yaml
from mlflow import MlflowClient

from project.ports import free_port
from sentiment.files import write_checksums, write_json
from sentiment.serving.artifact import read_model
from sentiment.serving.predictor import Predictor
from sentiment.training.recipes import RECIPES
from tests.conftest import BAD, GOOD, PROJECT
from tests.contract.selfhost_fixtures import Tracking, wait_until
from tests.contract.tracking_fixtures import TRAIN, environment, tracking, train, training
from tests.tethered import tethered
from tests.unit.sentiment_fixtures import model_folder, prepared
from tracking import background, registration
from tracking import server as mlflow_server
from tracking.champion import CHALLENGER
from tracking.mlflow_run import PYFUNC, job_link
from tracking.registry import Registry
from tracking.run_record import RunRecord, read_record

pytestmark = pytest.mark.slow
NAME = "movie-sentiment"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # What is not there is not there: the tests ask themselves once more.
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        started = Tracking(tmp_path_factory.mktemp("tracking")).start()
        yield started
        started.stop()


@pytest.fixture(scope="module")
def client(server):
    return MlflowClient(server.url, server.url)


@pytest.fixture(scope="module")
def champion(server, tmp_path_factory):
    """The model folder of a run that was logged while it trained; the first one registered."""
    folder = tmp_path_factory.mktemp("champion") / "model"
    done = train(folder, server.url, "--test", str(prepared().test), seed=1)
    assert done.err == "" and "version 1 is the champion: the first" in done.out
    return folder


def run_of(client, folder):
    """The MLflow run of a model folder, found by the id of its record; there is exactly one."""
    record = read_record(folder / "run.json")
    experiments = [each.experiment_id for each in client.search_experiments()]
    (run,) = client.search_runs(experiments, f"tags.record = '{record.id}'")
    return run, record


def history(client, run, name):
    """(epoch, time, value) of a metric, in order."""
    return sorted((m.step, m.timestamp, m.value) for m in client.get_metric_history(run.info.run_id, name))


def assert_logged_whole(client, folder):
    """All epochs at their true times, each once, and the run's own beginning and end."""
    run, record = run_of(client, folder)
    assert run.info.status == record.status
    assert (run.info.start_time, run.info.end_time) == (record.started, record.ended)
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        assert history(client, run, name) == [
            (entry["epoch"], entry["time"], entry[name]) for entry in record.epochs
        ]
    return run, record


def test_a_run_is_logged_with_all_that_made_it(champion, client):
    run, record = assert_logged_whole(client, champion)
    assert record.status == "FINISHED"
    parameters = {"max_epochs": "2", "batch_size": "16", "learning_rate": "0.004", "embedding_dim": "8"}
    parameters |= {"hidden_dim": "8", "vocab_size": "120", "recipe": "fast", "seed": "1", "dropout": "0.5"}
    assert parameters.items() <= run.data.params.items()
    assert not {"epochs", "name"} & run.data.params.keys()
    assert run.data.metrics["best_validation_accuracy"] == read_model(champion).metrics["validation_accuracy"]
    assert run.data.metrics["test_accuracy"] == record.test["accuracy"] == run.data.metrics["accuracy"]
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=PROJECT, text=True, capture_output=True, check=False
    )
    assert run.data.tags.get("mlflow.source.git.commit", "") == head.stdout.strip()
    preprocessing = json.loads((prepared().train / "preprocessing.json").read_text())
    assert run.data.tags["reviews_sha256"] == preprocessing["reviews_sha256"]
    assert run.inputs.dataset_inputs[0].dataset.digest == preprocessing["reviews_sha256"][:32]

    def listed(folder=None):
        return {file.path for file in client.list_artifacts(run.info.run_id, folder)}

    assert {"word_dict.json", "metrics.json", "run.json"} <= listed()
    pictures = ("learning_curve", "validation_confusion", "validation_reliability", "test_confusion")
    assert {f"figures/{name}.png" for name in pictures} <= listed("figures")


def test_logging_it_again_changes_nothing(champion, client, server):
    before, _ = run_of(client, champion)
    again = tracking(server.url, "log", champion)
    assert again.status == 0 and "registered already: movie-sentiment version 1" in again.out
    after, _ = assert_logged_whole(client, champion)
    assert after.to_dictionary() == before.to_dictionary()
    assert len(history(client, after, "test_accuracy")) == 1


def test_the_registered_model_is_the_model_folder(champion, server, tmp_path):
    fetched = tracking(server.url, "fetch", f"models:/{NAME}@champion", tmp_path / "fetched")
    assert fetched.status == 0
    assert read_model(tmp_path / "fetched").version == read_model(champion).version
    missing = tracking(server.url, "fetch", f"models:/{NAME}/99", tmp_path / "other")
    assert missing.status == 1
    assert missing.err.startswith("error: ") and missing.err.count("\n") == 1
    assert not (tmp_path / "other").exists()


def test_mlflow_serves_it_without_the_project(champion, server, tmp_path):
    """`mlflow models serve`, in a folder from which the project cannot be imported."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["models", "serve", "-m", f"models:/{NAME}/1", "--env-manager", "local", "-p", str(port)]
    with (tmp_path / "log").open("wb") as log:
        serving = subprocess.Popen(
            tethered([sys.executable, "-P", "-m", "mlflow", *command]),
            env=environment(server.url, PATH=path),
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def answers():
        assert serving.poll() is None, (tmp_path / "log").read_text()
        try:
            return requests.get(f"{url}/ping", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(answers, 120)
        expected = Predictor.from_folder(champion).predict([GOOD, BAD])
        for body in (
            {"inputs": [GOOD, BAD]},
            {"dataframe_split": {"columns": ["review"], "data": [[GOOD], [BAD]]}},
            {"dataframe_records": [{"review": GOOD}, {"review": BAD}]},
        ):
            answer = requests.post(f"{url}/invocations", json=body, timeout=60)
            assert answer.status_code == 200, answer.text
            rows = answer.json()["predictions"]
            assert [row["sentiment"] for row in rows] == [each.sentiment for each in expected]
            assert [row["unsure"] for row in rows] == [each.unsure for each in expected]
            probabilities = [each.probability for each in expected]
            assert [row["probability"] for row in rows] == pytest.approx(probabilities)
    finally:
        os.killpg(serving.pid, 9)
        serving.wait()


def test_the_pyfunc_runs_the_models_own_code_beside_the_projects(champion, tmp_path):
    """The copy of the package in the model folder answers, and the one imported here stays what it is."""
    import mlflow

    import sentiment

    folder = tmp_path / "model"
    shutil.copytree(champion, folder)
    predictor = folder / "code" / "sentiment" / "serving" / "predictor.py"
    predictor.write_text(predictor.read_text().replace('"negative"', '"negative, in its own words"'))
    write_checksums(folder)
    mlflow.pyfunc.save_model(
        tmp_path / "saved", python_model=str(PYFUNC), artifacts={"model": str(folder)}, pip_requirements=[]
    )
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "saved"))
    said = {each["sentiment"] for each in loaded.unwrap_python_model().predict(None, _table(GOOD, BAD))}
    assert "negative, in its own words" in said or said == {"positive"}
    assert sys.modules["sentiment"] is sentiment
    assert "own words" not in Predictor.from_folder(champion).predict([BAD])[0].sentiment


def _table(*reviews):
    import pandas

    return pandas.DataFrame({"review": reviews})


def test_a_run_that_is_stopped_logged_and_resumed_registers_both_its_models(server, client, tmp_path):
    """Each version in the registry holds the very model that it was registered for."""
    folder, checkpoints = tmp_path / "model", tmp_path / "checkpoints"
    changes = {"epochs": 60, "patience": 60, "schedule": "constant", "seed": 5}
    # The record asks for no server yet: what is logged after the stop is logged by hand.
    process = subprocess.Popen(
        training(folder, "--checkpoint-dir", str(checkpoints), **changes),
        env=environment(None),
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
    )
    try:
        assert any(line.startswith("epoch=2/60 ") for line in process.stdout)
        process.terminate()
        process.stdout.read()
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.stdout.close()
    stopped = read_model(folder).version
    assert read_record(folder / "run.json").status == "KILLED"
    assert tracking(server.url, "log", folder).status == 0

    done = train(folder, server.url, "--checkpoint-dir", str(checkpoints), **changes)
    assert "resuming after epoch" in done.out and done.err == ""
    finished = read_model(folder).version
    assert finished != stopped
    run, _ = assert_logged_whole(client, folder)
    assert run.info.status == "FINISHED"
    held = {each.tags["model"]: each for each in client.search_model_versions(f"name = '{NAME}'")}
    for model in (stopped, finished):
        assert held[model].run_id == run.info.run_id
        place = tmp_path / model
        assert tracking(server.url, "fetch", f"models:/{NAME}/{held[model].version}", place).status == 0
        assert read_model(place).version == model
    assert tracking(server.url, "fetch", f"runs:/{run.info.run_id}/model", tmp_path / "newest").status == 0
    assert read_model(tmp_path / "newest").version == finished


def test_the_server_dies_in_the_middle_of_training(tmp_path):
    """Killed after some epochs, back after the training: nothing is lost, and the times are true."""
    server = Tracking(tmp_path).start()
    client = MlflowClient(server.url, server.url)
    folder = tmp_path / "model"
    process = subprocess.Popen(
        training(folder, epochs=5000, patience=5000, schedule="constant"),
        env=environment(server.url),
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    drained = threading.Thread(target=lambda: [None for _ in process.stdout])
    drained.start()

    def runs():
        assert process.poll() is None, process.stderr.read()
        return client.search_runs([each.experiment_id for each in client.search_experiments()])

    try:
        wait_until(lambda: any("train_loss" in run.data.metrics for run in runs()), 120)
        (run,) = runs()
        assert run.info.status == "RUNNING"
        logged = len(history(client, run, "train_loss"))
        server.kill()
        time.sleep(2)
        assert process.poll() is None, "training goes on"
        # It is told to stop: so many epochs only make sure that there was a middle.
        process.terminate()
        drained.join(120)
        errors = process.stderr.read()
        assert process.wait(120) == 0, errors
    finally:
        process.kill()
    assert errors.count("warning: ") == 1 and f"train/tracking.py log {folder}" in errors, errors
    record = read_record(folder / "run.json")
    assert record.status == "KILLED" and len(record.epochs) > logged

    server.start()
    try:
        assert tracking(server.url, "log", folder).status == 0
        again, _ = assert_logged_whole(client, folder)
        assert again.info.run_id == run.info.run_id
        registered = client.get_model_version_by_alias(NAME, "champion")
        assert registered.tags["model"] == read_model(folder).version
    finally:
        server.stop()


def test_a_server_that_is_down_costs_no_run(champion, server, client, tmp_path):
    folder = tmp_path / "model"
    uri = f"http://127.0.0.1:{free_port()}"
    done = train(folder, uri, seed=2)
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith(f"warning: cannot log to MLflow at {uri} (connection refused")
    assert f"python train/tracking.py log {folder}" in done.err
    by_hand = tracking(server.url, "log", folder)
    assert_logged_whole(client, folder)
    assert "on the same validation reviews" in by_hand.out


def test_a_taken_port_is_one_line_that_says_what_is_there(server, tmp_path, monkeypatch):
    port = server.url.rpartition(":")[2]
    second = tracking(server.url, "serve", "--port", port, "--folder", tmp_path / "mlflow")
    assert second.status == 1
    assert second.err.startswith(f"error: {server.url} is an MLflow server already")
    monkeypatch.setattr(mlflow_server, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = tracking(server.url, "serve", "--port", port, "--folder", tmp_path / "mlflow")
    assert done.status == 1
    assert done.err.startswith(f"error: port {port} is taken") and "MLFLOW_PORT=" in done.err
    assert (second.err + done.err).count("\n") == 2
    assert not (tmp_path / "mlflow").exists()


def test_a_server_that_hangs_costs_no_run(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = train(tmp_path / "model", f"http://127.0.0.1:{silent.getsockname()[1]}")
        # The run is over while the server still hangs: whoever connected to it was given up.
        assert read_record(tmp_path / "model" / "run.json").status == "FINISHED"
    assert done.err.count("\n") == 1 and "does not answer" in done.err, done.err


def deaf(program: Path) -> tuple[Path, Callable[[], bool]]:
    """A program that SIGTERM does not end, and whether it has got so far."""
    ready = program.with_suffix(".ready")
    program.write_text(
        "import pathlib, signal, time\nsignal.signal(15, signal.SIG_IGN)\n"
        f"pathlib.Path({str(ready)!r}).touch()\ntime.sleep(600)\n"
    )
    return program, ready.exists


def test_a_follower_that_neither_reads_nor_ends_holds_nothing_up(tmp_path, monkeypatch, capfd):
    """Far more news than a pipe holds; then it is told to end, and killed."""
    program, ready = deaf(tmp_path / "stubborn.py")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setattr(background, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(background, "FINISH_SECONDS", 2.0)
    monkeypatch.setattr(background, "GIVE_UP_SECONDS", 0.2)
    follower = background.Follower(program, tmp_path / "run.json", tmp_path / "model")
    wait_until(ready)
    for _ in range(200_000):
        follower.wake()
    follower.finish()
    assert follower.process.returncode == -signal.SIGKILL, "it was not waited for"
    errors = capfd.readouterr().err
    assert errors.count("warning: ") == 1 and f"stubborn.py log {tmp_path / 'model'}" in errors


def test_ctrl_c_ends_the_wait_for_a_follower_and_nothing_is_left(tmp_path, monkeypatch, capfd):
    program, ready = deaf(tmp_path / "slow.py")
    monkeypatch.setattr(background, "GIVE_UP_SECONDS", 0.2)
    follower = background.Follower(program, tmp_path / "run.json", tmp_path / "model")
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def press() -> None:
        wait_until(lambda: ready() and follower._pipe.closed)  # it is being waited for
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        follower.finish()
    assert follower.process.returncode == -signal.SIGKILL
    assert "slow.py log" in capfd.readouterr().err


def test_the_entry_points_of_mlflow_run_have_their_recipes_defaults():
    project = yaml.safe_load((PROJECT / "MLproject").read_text())
    classic = ("max_epochs", "batch_size", "learning_rate", "embedding_dim", "hidden_dim", "vocab_size")
    for entry_point, name in (("main", "fast"), ("predecessor", "predecessor")):
        stated = project["entry_points"][entry_point]["parameters"]
        for parameter in classic:
            expected = getattr(RECIPES[name], "epochs" if parameter == "max_epochs" else parameter)
            assert type(expected)(stated[parameter]["default"]) == expected
        assert f"--recipe {name}" in project["entry_points"][entry_point]["command"]


def test_only_a_better_model_on_the_same_reviews_becomes_champion(tmp_path, monkeypatch):
    registry = registration
    client = MlflowClient(uri := f"sqlite:///{tmp_path / 'mlflow.db'}", uri)
    # Where MLflow itself looks the source of a version up: a setting of the whole process.
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", uri)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # which Registry sets
    experiment = client.create_experiment("models", artifact_location=str(tmp_path / "artifacts"))

    def register(accuracy, split):
        folder = tmp_path / f"{accuracy}-{split}"
        folder.mkdir(exist_ok=True)
        write_json(folder / "metrics.json", {"validation_accuracy": accuracy, "of": split})
        write_checksums(folder)
        record = RunRecord({"recipe": "fast"}, {"validation_split": split})
        run = client.create_run(experiment)
        model = client.create_logged_model(experiment, name="model", source_run_id=run.info.run_id)
        _, said = registry.register(client, record, folder, f"models:/{model.model_id}", run.info.run_id)
        # A store gives versions as numbers, a server as text.
        return str(registry.champion_of(client, NAME).version), said

    assert register(0.90, "a") == ("1", "version 1 is the champion: the first")
    assert register(0.89, "a")[0] == "1"
    assert register(0.90, "a")[0] == "1", "the same model again is no new version"
    assert register(0.92, "a")[0] == "3"
    champion, said = register(0.99, "b")
    assert champion == "3" and "other reviews" in said and "promote 4" in said
    assert register(0.95, "")[0] == "3", "the reviews that it was measured on are unknown"
    registry.promote(client, "4")
    assert str(registry.champion_of(client, NAME).version) == "4"
    # A challenger stands beside the champion until it is chosen or the challenge ends.
    with pytest.raises(registry.RegistryChoiceError, match="version 4 is the champion"):
        registry.challenge(client, "4", 10)
    source = Registry(uri, NAME, CHALLENGER)
    assert source.champion() is None
    registry.challenge(client, "5", 10)
    assert (source.champion().version, source.champion().percent) == ("5", 10)
    assert "no longer a challenger" in registry.rollback(client)
    assert source.champion() is None
    registry.challenge(client, "5", 20)
    registry.promote(client, "5")
    assert source.champion() is None
    assert registry.rollback(client) == f"version 4 of {NAME} is the champion"
    registry.promote(client, "4")  # again: the one before is still another
    assert registry.rollback(client) == f"version 5 of {NAME} is the champion"
    held = client.search_model_versions(f"name = '{NAME}'")
    assert {str(each.version) for each in held} == set("12345")


@pytest.mark.parametrize(
    ("missing", "uri", "message"),
    [
        ("mlflow", "sqlite:///nowhere.db", "mlflow is not installed"),
        (
            "sagemaker_mlflow",
            "arn:aws:sagemaker:us-east-1:1:mlflow-tracking-server/x",
            "pip install sagemaker",
        ),
    ],
)
def test_what_is_missing_is_named_and_training_goes_on(tmp_path, missing, uri, message):
    """A package is missing where Python finds none of that name."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "find_spec = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *a: None if name == {missing!r} else find_spec(name, *a)\n"
    )
    shutil.copyfile(model_folder() / "run.json", tmp_path / "run.json")
    done = subprocess.run(
        [sys.executable, TRAIN / "tracking.py", "follow", tmp_path / "run.json", tmp_path],
        env=environment(uri, PYTHONPATH=str(tmp_path)),
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3
    assert message in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arn", "link"),
    [
        (
            "arn:aws:sagemaker:eu-west-1:123456789012:training-job/movie-1",
            "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/movie-1",
        ),
        (
            "arn:aws-cn:sagemaker:cn-north-1:123456789012:training-job/movie-1",
            "https://cn-north-1.console.amazonaws.cn/sagemaker/home?region=cn-north-1#/jobs/movie-1",
        ),
        ("", None),
    ],
)
def test_a_training_jobs_link(arn, link):
    assert job_link(arn) == link
