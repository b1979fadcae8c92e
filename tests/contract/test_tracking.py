"""Runs and models in MLflow: a real server on sqlite that answers, hangs, is down, and dies in the middle."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from sentiment.artifact import read_model
from sentiment.files import write_checksums, write_json
from sentiment.predictor import Predictor
from sentiment.recipes import RECIPES
from sentiment.run_record import read_record
from tests.conftest import BAD, GOOD, PROJECT, free_port
from tests.contract.tracking_fixtures import Server, environment, tracking, train, training
from tests.unit.sentiment_fixtures import made_up_reviews, model_folder, prepared

pytestmark = pytest.mark.slow
NAME = "movie-sentiment"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        started = Server(tmp_path_factory.mktemp("tracking") / "mlflow").start()
        yield started
        started.kill()


@pytest.fixture(scope="module")
def client(server):
    return MlflowClient(server.url)


@pytest.fixture(scope="module")
def champion(server, tmp_path_factory):
    """The model folder of a run that was logged while it trained; the first one registered."""
    folder = tmp_path_factory.mktemp("champion") / "model"
    done = train(folder, server.url, "--test", str(prepared().test), seed=1)
    assert "warning" not in done.stderr
    assert "version 1 is the champion" in done.stdout
    return folder


def run_of(client, folder):
    """The MLflow run of a model folder, found by the id of its record; there is exactly one."""
    record = read_record(folder / "run.json")
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.record = '{record.id}'")
    assert len(runs) == 1
    return runs[0], record


def history(client, run, name):
    return [(m.step, m.timestamp, m.value) for m in client.get_metric_history(run.info.run_id, name)]


def assert_logged_whole(client, folder):
    run, record = run_of(client, folder)
    assert run.info.status == record.status == "FINISHED"
    assert (run.info.start_time, run.info.end_time) == (record.started, record.ended)
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        expected = [(entry["epoch"], entry["time"], entry[name]) for entry in record.epochs]
        assert sorted(history(client, run, name)) == expected
    return run, record


def test_a_run_is_logged_with_all_that_made_it(champion, client):
    run, record = assert_logged_whole(client, champion)
    parameters = {"max_epochs": "2", "batch_size": "16", "learning_rate": "0.004", "embedding_dim": "8"}
    parameters |= {"hidden_dim": "8", "vocab_size": "120", "recipe": "fast", "seed": "1", "dropout": "0.5"}
    assert parameters.items() <= run.data.params.items()
    assert "epochs" not in run.data.params
    assert run.data.metrics["best_validation_accuracy"] == read_model(champion).metrics["validation_accuracy"]
    assert run.data.metrics["test_accuracy"] == record.test["accuracy"]
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
    said = tracking(server.url, "log", champion).stdout
    assert "registered already: movie-sentiment version 1" in said
    after, _ = run_of(client, champion)
    assert after.to_dictionary() == before.to_dictionary()
    for name in before.data.metrics:
        assert len(history(client, after, name)) == (
            2 if name in json.dumps(read_record(champion / "run.json").epochs) else 1
        )


def test_the_registered_model_is_the_model_folder(champion, server, tmp_path):
    tracking(server.url, "fetch", f"models:/{NAME}@champion", tmp_path / "fetched")
    assert read_model(tmp_path / "fetched").version == read_model(champion).version
    said = tracking(server.url, "fetch", f"models:/{NAME}/99", tmp_path / "other", check=False)
    assert said.returncode == 1
    assert said.stderr.startswith("error: ") and len(said.stderr.splitlines()) == 1
    assert not (tmp_path / "other").exists()


def test_mlflow_serves_it_without_the_project(champion, server, tmp_path):
    """`mlflow models serve`, in a folder from which the project cannot be imported."""
    port = free_port()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["models", "serve", "-m", f"models:/{NAME}/1", "--env-manager", "local", "-p", str(port)]
    with (tmp_path / "log").open("wb") as log:
        serving = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlflow", *command],
            env=environment(server.url, PATH=path, MLFLOW_DISABLE_TELEMETRY="true"),
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            assert serving.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            try:
                if requests.get(f"{url}/ping", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.2)
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
            assert [row["probability"] for row in rows] == pytest.approx(
                [each.probability for each in expected]
            )
    finally:
        os.killpg(serving.pid, 9)
        serving.wait()


def test_the_server_dies_in_the_middle_of_training(tmp_path):
    """Killed after some epochs, back after the training: nothing is lost, and the times are true."""
    server = Server(tmp_path / "mlflow").start()
    client = MlflowClient(server.url)
    folder = tmp_path / "model"
    process = subprocess.Popen(
        training(folder, server.url, epochs=2000, patience=2000, schedule="constant"),
        env=environment(server.url),
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    drained = threading.Thread(target=lambda: [None for _ in process.stdout])
    drained.start()
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < deadline
        runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
        if runs and runs[0].data.metrics.get("train_loss"):
            break
        time.sleep(0.2)
    assert runs[0].info.status == "RUNNING"
    logged = len(history(client, runs[0], "train_loss"))
    server.kill()
    time.sleep(2)
    assert process.poll() is None, "training went on"
    # It is told to stop rather than waited for: 2000 epochs only make sure that it still ran.
    process.terminate()
    drained.join(120)
    errors = process.stderr.read()
    assert process.wait(120) == 0, errors
    assert errors.count("warning:") == 1 and f"train/tracking.py log {folder}" in errors, errors
    record = read_record(folder / "run.json")
    assert record.status == "KILLED" and len(record.epochs) > logged

    server.start()
    try:
        tracking(server.url, "log", folder)
        run, _ = run_of(client, folder)
        assert run.info.run_id == runs[0].info.run_id
        assert (run.info.start_time, run.info.end_time) == (record.started, record.ended)
        expected = [(entry["epoch"], entry["time"], entry["train_loss"]) for entry in record.epochs]
        assert sorted(history(client, run, "train_loss")) == expected
        assert client.get_model_version_by_alias(NAME, "champion").tags["model"] == read_model(folder).version
    finally:
        assert server.stop() == 0


def test_a_server_that_is_down_costs_no_run(tmp_path, server, client, champion):
    folder = tmp_path / "model"
    uri = f"http://127.0.0.1:{free_port()}"
    done = train(folder, uri, seed=2)
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"warning: cannot log to MLflow at {uri} (connection refused")
    assert f"python train/tracking.py log {folder}" in done.stderr
    said = tracking(server.url, "log", folder).stdout
    assert_logged_whole(client, folder)
    assert "stays champion" in said and "on the same validation reviews" in said


def test_a_server_that_hangs_costs_no_run(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        train(tmp_path / "free", None)
        usual = time.monotonic() - started
        done = train(tmp_path / "model", uri)
        waited = time.monotonic() - started - usual
    assert done.stderr.count("\n") == 1 and "does not answer" in done.stderr, done.stderr
    assert (tmp_path / "model" / "run.json").is_file()
    assert waited < 2 * usual + 30


def test_mlflow_run_trains_from_reviews(server, client, tmp_path):
    """The classic parameters and any other option, on reviews of one's own; a model like any other."""
    reviews = made_up_reviews()
    csv = tmp_path / "reviews.csv"
    rows = [
        f'"{text}",{"positive" if label else "negative"}'
        for text, label in zip(reviews.texts, reviews.labels, strict=True)
    ]
    csv.write_text("review,sentiment\n" + "\n".join(rows) + "\n")
    parameters = {"max_epochs": 1, "batch_size": 16, "embedding_dim": 8, "hidden_dim": 8, "vocab_size": 100}
    parameters |= {
        "learning_rate": "1e-3",
        "data": "kaggle",
        "data_path": csv,
        "model_dir": tmp_path / "model",
    }
    parameters |= {"seed": 7, "prepared": tmp_path / "prepared"}
    command = [sys.executable, "-m", "mlflow", "run", ".", "--env-manager", "local"]
    command += [part for name, value in parameters.items() for part in ("-P", f"{name}={value}")]
    done = subprocess.run(
        command,
        env=environment(server.url, MLFLOW_DISABLE_TELEMETRY="true"),
        cwd=PROJECT,
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run, record = run_of(client, tmp_path / "model")
    assert run.info.status == "FINISHED" and run.data.tags["mlflow.project.entryPoint"] == "main"
    assert run.data.params["learning_rate"] == "1e-3" and run.data.params["dropout"] == "0.5"
    assert record.parameters["learning_rate"] == 1e-3 and record.parameters["seed"] == 7
    downloaded = download_artifacts(
        f"models:/{NAME}/{max(int(v.version) for v in client.search_model_versions())}",
        tracking_uri=server.url,
        dst_path=tmp_path,
    )
    assert (
        read_model(Path(downloaded) / "artifacts" / "model").version == read_model(tmp_path / "model").version
    )


def test_the_entry_points_of_mlflow_run_have_their_recipes_defaults():
    import yaml

    project = yaml.safe_load((PROJECT / "MLproject").read_text())
    for entry_point, name in (("main", "fast"), ("predecessor", "predecessor")):
        parameters = project["entry_points"][entry_point]["parameters"]
        for parameter in (
            "max_epochs",
            "batch_size",
            "learning_rate",
            "embedding_dim",
            "hidden_dim",
            "vocab_size",
        ):
            expected = getattr(RECIPES[name], "epochs" if parameter == "max_epochs" else parameter)
            assert type(expected)(parameters[parameter]["default"]) == expected
        assert f"--recipe {name}" in project["entry_points"][entry_point]["command"]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """train/mlflow_registry.py on a database of its own, and models that are nothing but figures."""
    import mlflow

    monkeypatch.syspath_prepend(PROJECT / "train")
    import mlflow_registry

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    yield mlflow_registry
    mlflow.set_tracking_uri(None)


def test_only_a_better_model_on_the_same_reviews_becomes_champion(registry, tmp_path):
    from sentiment.run_record import RunRecord

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
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
        return registry.champion_of(client, NAME).version, said

    assert register(0.90, "a") == ("1", "version 1 is the champion: the first")
    assert register(0.89, "a")[0] == "1"
    assert register(0.90, "a")[0] == "1", "the same model again"
    assert register(0.92, "a")[0] == "3"
    champion, said = register(0.99, "b")
    assert champion == "3" and "other reviews" in said and "promote 4" in said
    assert register(0.95, "")[0] == "3", "nobody knows on what reviews"
    registry.promote(client, "4")
    assert registry.champion_of(client, NAME).version == "4"
    assert [each.version for each in client.search_model_versions(f"name = '{NAME}'")] == list("54321")


@pytest.mark.parametrize(
    ("missing", "uri", "message"),
    [
        ("mlflow", "http://127.0.0.1:1", "mlflow is not installed"),
        (
            "sagemaker_mlflow",
            "arn:aws:sagemaker:us-east-1:1:mlflow-tracking-server/x",
            "pip install sagemaker-mlflow",
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
    record = tmp_path / "run.json"
    shutil.copyfile(model_folder() / "run.json", record)
    done = subprocess.run(
        [sys.executable, PROJECT / "train" / "tracking.py", "follow", record, tmp_path],
        env=environment(uri, PYTHONPATH=str(tmp_path)),
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3
    assert message in done.stderr and done.stderr.count("\n") == 1
