"""Databricks and SageMaker's managed MLflow: their own clients, and a real MLflow server behind fronts."""

from __future__ import annotations

import boto3
import pytest
from botocore.credentials import Credentials
from managed_mlflow import UNITY_CATALOG, Databricks, SageMaker
from mlflow import MlflowClient
from moto.server import ThreadedMotoServer

from sentiment.serving.artifact import read_model
from tests.contract.selfhost_fixtures import Tracking
from tests.contract.tracking_fixtures import Done, tracking
from tests.unit.sentiment_fixtures import model_folder
from tracking.champion import Champion, RegistryError
from tracking.registry import Registry
from tracking.run_record import read_record

pytestmark = pytest.mark.slow
BUCKET = "managed-mlflow"
KEY = Credentials("AKIAEXAMPLE", "a-secret")
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/movies"
UC_NAME = "main.films.movie_sentiment"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Tracking(tmp_path_factory.mktemp("managed")).start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def s3():
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def elsewhere(monkeypatch, s3):
    """A person's credentials for AWS, and S3 here; afterwards MLflow's settings are as they were."""
    from mlflow.tracking._tracking_service import utils

    monkeypatch.setattr(utils, "_tracking_uri", utils._tracking_uri)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    boto3.client("s3", endpoint_url=s3).create_bucket(Bucket=BUCKET)
    return {"MLFLOW_S3_ENDPOINT_URL": s3, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@pytest.fixture
def databricks(server, elsewhere, monkeypatch):
    with Databricks(server.url, BUCKET, "a-token") as workspace:
        monkeypatch.setenv("DATABRICKS_HOST", workspace.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", "a-token")
        yield workspace


def last_line(done: Done) -> str:
    """Of what it said to a person; MLflow itself advertises its tracing on Databricks."""
    return done.err.splitlines()[-1]


def test_databricks_keeps_champions_in_unity_catalog(databricks, elsewhere, tmp_path, monkeypatch):
    settings = {**elsewhere, "MLFLOW_REGISTERED_MODEL": UC_NAME}
    model = model_folder()
    done = tracking("databricks", "log", model, **settings)
    assert done.status == 0, done.err
    assert f"{UC_NAME} version 1" in done.out and "version 1 is the champion: the first" in done.out
    again = tracking("databricks", "log", model, **settings)
    assert again.status == 0 and f"registered already: {UC_NAME} version 1" in again.out
    promoted = tracking("databricks", "promote", "1", **settings)
    assert promoted.status == 0 and "version 1" in promoted.out
    assert databricks.refused == []
    # The registry of MLflow's server was asked nothing.
    assert not [path for path in databricks.asked if "/mlflow/registered-models" in path]

    client = MlflowClient("databricks")
    experiment = client.get_experiment_by_name("/Shared/movie-sentiment")
    record = read_record(model / "run.json")
    (run,) = client.search_runs([experiment.experiment_id], f"tags.record = '{record.id}'")
    assert run.data.params["recipe"] == "fast" and run.info.status == "FINISHED"

    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    registry = Registry("databricks", UC_NAME, "champion")
    champion = registry.champion()
    assert isinstance(champion, Champion) and (champion.version, champion.run_id) == ("1", run.info.run_id)
    fetched = registry.fetch(champion, tmp_path)
    assert read_model(fetched).version == champion.model == read_model(model).version
    assert Registry("databricks", "main.films.no_such", "champion").champion() is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "set MLFLOW_REGISTERED_MODEL, e.g. to main.default.movie_sentiment"),
        ({"MLFLOW_REGISTERED_MODEL": "main..x"}, "set MLFLOW_REGISTERED_MODEL"),
        ({"MLFLOW_REGISTRY_URI": "databricks"}, "unset MLFLOW_REGISTRY_URI"),
    ],
)
def test_a_name_that_databricks_refuses_is_reported_without_a_request(
    databricks, elsewhere, settings, message
):
    """The run is logged all the same: only the registration waits for another name."""
    done = tracking("databricks", "log", model_folder(), **elsewhere, **settings)
    assert done.status == 1 and "logged the run" in done.out
    assert last_line(done).startswith("error: ") and message in last_line(done)
    assert not [path for path in databricks.asked if path.startswith(UNITY_CATALOG)]


def test_an_experiment_that_databricks_refuses_is_reported_without_a_request(databricks, elsewhere):
    done = tracking("databricks", "log", model_folder(), **elsewhere, MLFLOW_EXPERIMENT_NAME="movies")
    assert done.status == 1
    assert "'movies'" in last_line(done) and "/Shared/movies" in last_line(done)
    assert not [path for path in databricks.asked if "experiments" in path]


def test_a_refused_token_is_one_line(databricks, elsewhere, monkeypatch):
    monkeypatch.setenv("DATABRICKS_TOKEN", "yesterday's")
    done = tracking("databricks", "log", model_folder(), **elsewhere)
    assert done.status == 1 and "Who are you?" in last_line(done)
    with pytest.raises(RegistryError, match="Who are you"):
        Registry("databricks", UC_NAME, "champion").champion()


def test_sagemakers_tracking_server_is_asked_by_its_arn(server, elsewhere, tmp_path, monkeypatch):
    """Logged, registered and fetched by the plug-in, and every request signed by it."""
    pytest.importorskip("sagemaker_mlflow")
    with SageMaker(server.url, BUCKET, ARN, KEY) as managed:
        settings = {
            **elsewhere,
            "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": managed.url,
            "MLFLOW_REGISTERED_MODEL": "movies",
            "MLFLOW_EXPERIMENT_NAME": "movies",
        }
        done = tracking(ARN, "log", model_folder(), **settings)
        assert done.status == 0, done.err
        assert "movies version 1" in done.out and "is the champion: the first" in done.out
        place = tmp_path / "fetched"
        assert tracking(ARN, "fetch", "models:/movies@champion", place, **settings).status == 0
        assert read_model(place).version == read_model(model_folder()).version

        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        registry = Registry(ARN, "movies", "champion")
        champion = registry.champion()
        assert read_model(registry.fetch(champion, tmp_path)).version == champion.model
        assert managed.asked and managed.refused == []

        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another secret")
        refused = tracking(ARN, "log", model_folder(), **settings)
        assert refused.status == 1 and "Who are you?" in refused.err and managed.refused
