"""Log the record of a training run to MLflow, incrementally."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import mlflow
import mlflow.pyfunc
import pandas
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.utils.uri import is_databricks_uri

from sentiment.errors import SentimentError
from sentiment.evaluation import figures
from sentiment.files import CHECKSUMS
from sentiment.serving.artifact import version_of
from tracking.client import without_passwords
from tracking.run_record import FILE_NAME, RunRecord

EXPERIMENT = "movie-sentiment"
RECORD_TAG = "record"
MODEL_TAG = "logged_model"
TEST_ACCURACY = ("test_accuracy", "accuracy")
"""The metric's name, and the predecessor's name for it, so that runs of both can be compared."""
MODEL_NAME = "model"
EXAMPLE = ("One of the best films I have ever seen.", "A dull, predictable waste of two hours.")
PYFUNC = Path(__file__).resolve().with_name("pyfunc_model.py")
# A column without a name accepts a string, a list of strings, or a table of one column.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(DataType.string)]),
    outputs=Schema(
        [
            ColSpec(DataType.string, "sentiment"),
            ColSpec(DataType.double, "probability"),
            ColSpec(DataType.boolean, "unsure"),
            ColSpec(DataType.string, "model"),
        ]
    ),
)
PARAMETERS_A_REQUEST = 100
"""The limit of MLflow's REST API."""


class ExperimentNameError(SentimentError):
    """The tracking server does not accept the experiment's name; the message says what to set instead."""


class LoggedRun:
    """A run on the tracking server, found by its record's id or created. All methods are idempotent."""

    def __init__(self, client: MlflowClient, record: RunRecord):
        self.client = client
        self.experiment_id = _experiment(client)
        self.run = _run(client, self.experiment_id, record)
        self.id = self.run.info.run_id
        self._parameters_logged = False
        self._epochs_logged = 0

    def log_progress(self, record: RunRecord) -> None:
        """Log parameters and tags, and the metrics of the epochs that have ended since the last call."""
        if not self._parameters_logged:
            if record.status == "RUNNING":  # it may have ended before, and been resumed
                self.client.update_run(self.id, "RUNNING")
            self._log_parameters(record)
            self._parameters_logged = True
        metrics = [
            Metric(name, float(value), entry["time"], entry["epoch"])
            for entry in record.epochs[self._epochs_logged :]
            for name, value in entry.items()
            if name not in ("epoch", "time")
        ]
        if metrics:
            self.client.log_batch(self.id, metrics=metrics)
        self._epochs_logged = len(record.epochs)

    def _log_parameters(self, record: RunRecord) -> None:
        # `mlflow run` has already logged the parameters that it was given, as they were written.
        logged = self.run.data.params
        new = [Param(name, str(value)) for name, value in record.parameters.items() if name not in logged]
        for start in range(0, len(new), PARAMETERS_A_REQUEST):
            self.client.log_batch(self.id, params=new[start : start + PARAMETERS_A_REQUEST])
        self.client.log_batch(self.id, tags=[RunTag(name, value) for name, value in _tags(record).items()])
        if fingerprint := str(record.data["reviews_sha256"]):
            profile = json.dumps({name: str(value) for name, value in record.data.items()})
            source = json.dumps({"reviews_sha256": fingerprint})
            reviews = Dataset("movie-reviews", fingerprint[:32], "local", source, profile=profile)
            self.client.log_inputs(self.id, datasets=[DatasetInput(reviews)])

    def log_results(self, record: RunRecord, model_folder: Path | None) -> None:
        """Log the final metrics, the plots, and some files of the model folder."""
        when = record.ended or record.started
        results = dict(record.results)
        if record.test:
            results |= dict.fromkeys(TEST_ACCURACY, record.test["accuracy"])
        if results:
            self.client.log_batch(
                self.id, metrics=[Metric(name, float(value), when, 0) for name, value in results.items()]
            )
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            _draw_figures(record, folder / "figures")
            record.write(folder / FILE_NAME)
            for name in ("word_dict.json", "metrics.json", "config.json"):
                if model_folder is not None and (model_folder / name).is_file():
                    shutil.copyfile(model_folder / name, folder / name)
            self.client.log_artifacts(self.id, scratch)

    def log_model(self, model_folder: Path) -> str:
        """Log the model folder as a pyfunc model of this run, unless it was logged; return its models:/ URI.

        A run that was stopped, logged and resumed has several models. Raises ArtifactError.
        """
        version = version_of(model_folder)
        tag = f"{MODEL_TAG}.{version}"
        if tag in (tags := self.client.get_run(self.id).data.tags):
            return tags[tag]
        config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as scratch:
            staged = _staged(model_folder, Path(scratch) / MODEL_NAME)
            mlflow.set_experiment(experiment_id=self.experiment_id)
            logged = Model.log(
                artifact_path=None,
                name=MODEL_NAME,
                flavor=mlflow.pyfunc,
                run_id=self.id,
                python_model=str(PYFUNC),
                artifacts={MODEL_NAME: str(staged)},
                signature=SIGNATURE,
                input_example=_example(),
                pip_requirements=[
                    f"mlflow=={mlflow.__version__}",
                    *(f"{name}=={config['versions'][name].split('+')[0]}" for name in ("torch", "numpy")),
                ],
                tags={"version": version},
            )
        self.client.set_tag(self.id, tag, logged.model_uri)
        return str(logged.model_uri)

    def end(self, record: RunRecord) -> None:
        """Set the final status; a record that still says RUNNING belongs to a failed run."""
        status = record.status if record.status != "RUNNING" else "FAILED"
        self.client.set_terminated(self.id, status, record.ended or record.started)

    @property
    def address(self) -> str:
        """The URL of the run's page; for stores without a server, a description."""
        uri = without_passwords(mlflow.get_tracking_uri())
        if not uri.startswith("http"):
            return f"run {self.id} in {uri}"
        return f"{uri.rstrip('/')}/#/experiments/{self.experiment_id}/runs/{self.id}"


def _draw_figures(record: RunRecord, folder: Path) -> None:
    """Plot whatever the record has figures for."""
    if record.epochs:
        figures.save(figures.learning_curve(record.epochs), folder / "learning_curve.png")
    for split, result in (("validation", record.validation), ("test", record.test)):
        if result:
            figures.save(figures.confusion_matrix(result, split), folder / f"{split}_confusion.png")
            figures.save(figures.reliability(result, split), folder / f"{split}_reliability.png")


def _example() -> pandas.DataFrame:
    return pandas.DataFrame({"review": EXAMPLE})


def _staged(model_folder: Path, target: Path) -> Path:
    """Copy the model's files and its record, without other files such as Python's caches."""
    names = [*json.loads((model_folder / CHECKSUMS).read_text(encoding="utf-8")), CHECKSUMS]
    if (model_folder / FILE_NAME).is_file():
        names.append(FILE_NAME)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model_folder / name, target / name)
    return target


def _experiment(client: MlflowClient) -> str:
    """The id of the experiment that MLflow's variables name, by default the project's own.

    Raises ExperimentNameError.
    """
    if number := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return number
    on_databricks = is_databricks_uri(mlflow.get_tracking_uri())
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or ("/Shared/" if on_databricks else "") + EXPERIMENT
    if on_databricks and not name.startswith("/"):
        raise ExperimentNameError(
            f"on Databricks an experiment's name is a path in the workspace, which {name!r} is not: set "
            f"MLFLOW_EXPERIMENT_NAME, e.g. to /Shared/{name}"
        )
    if found := client.get_experiment_by_name(name):
        return found.experiment_id
    try:
        return client.create_experiment(name)
    except MlflowException:
        if found := client.get_experiment_by_name(name):  # created by another run in the meantime
            return found.experiment_id
        raise


def _run(client: MlflowClient, experiment_id: str, record: RunRecord) -> Run:
    if given := record.tags.get("mlflow_run_id"):
        try:
            return client.get_run(given)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    found = client.search_runs([experiment_id], f"tags.{RECORD_TAG} = '{record.id}'", max_results=1)
    if found:
        return found[0]
    return client.create_run(
        experiment_id, record.started, tags={RECORD_TAG: record.id}, run_name=record.tags.get("job")
    )


def _tags(record: RunRecord) -> dict[str, str]:
    tags = {**record.tags, **{name: str(value) for name, value in record.data.items()}, RECORD_TAG: record.id}
    tags.pop("mlflow_run_id", None)
    tags["mlflow.source.name"] = "train/train.py"
    tags["mlflow.source.type"] = "JOB" if "job" in tags else "LOCAL"
    if commit := tags.get("git_commit"):
        tags["mlflow.source.git.commit"] = commit.removesuffix("-dirty")
    if "job" in tags and (link := job_link(tags.get("job_arn", ""))):
        tags["job_link"] = link
        tags["mlflow.note.content"] = f"SageMaker training job [{tags['job']}]({link})"
    return tags


def job_link(arn: str) -> str | None:
    """The URL of a training job in AWS's console, from arn:aws:sagemaker:REGION:ACCOUNT:training-job/NAME."""
    parts = arn.split(":")
    if len(parts) != 6 or not parts[5].startswith("training-job/"):
        return None
    domain = {"aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}.get(parts[1], "aws.amazon.com")
    region, name = parts[3], parts[5].partition("/")[2]
    return f"https://{region}.console.{domain}/sagemaker/home?region={region}#/jobs/{name}"
