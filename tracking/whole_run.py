"""Log a finished run completely, and add later results about its model. Needs MLflow."""

from __future__ import annotations

import json
from pathlib import Path

from sentiment.serving.artifact import version_of
from tracking.client import TrackingError, connect
from tracking.mlflow_run import TEST_ACCURACY, LoggedRun
from tracking.registration import REASONS_TAG, register, versions_of
from tracking.run_record import RunRecord

MAX_TAG_CHARACTERS = 5000
"""MLflow's limit for the value of a model version's tag."""


def log_whole_run(record: RunRecord, folder: Path, run: LoggedRun | None = None) -> None:
    """Log a finished run and its model, and register the model, unless that has been done.

    `run` is given if it has been logged in part. Raises ArtifactError for a broken model folder.
    """
    client = connect({})
    version_of(folder)
    run = run or LoggedRun(client, record)
    run.log_progress(record)
    run.log_results(record, folder)
    model_uri = run.log_model(folder)
    run.end(record)
    print(f"logged the run: {run.address}", flush=True)
    for line in register(client, record, folder, model_uri, run.id):
        print(line, flush=True)


def log_test(folder: Path, evaluation: Path) -> None:
    """Add the accuracy from `make evaluate` to each registered version of the model, and to its run.

    Raises TrackingError if the model is not registered.
    """
    client, model = connect({}), version_of(folder)
    accuracy = json.loads(evaluation.read_text(encoding="utf-8"))["accuracy"]
    versions = versions_of(client, model)
    if not versions:
        raise TrackingError(
            f"model {model} is not registered yet; run: python train/tracking.py log {folder}"
        )
    for version in versions:
        client.set_model_version_tag(version.name, version.version, "test_accuracy", str(round(accuracy, 5)))
        run_id = version.run_id or ""
        for name in TEST_ACCURACY:
            client.log_metric(run_id, name, accuracy, step=0)
        for picture in evaluation.parent.glob("*.png"):
            client.log_artifact(run_id, str(picture), "evaluation")
        client.log_artifact(run_id, str(evaluation), "evaluation")
        print(
            f"stored test_accuracy={accuracy:.4f} with {version.name} version {version.version}", flush=True
        )


def log_comparison(folder: Path, comparison: Path) -> None:
    """Add the comparison from `make retrain` to each registered version of the model, and to its run.

    Raises TrackingError if the model is not registered.
    """
    client, model = connect({}), version_of(folder)
    content = json.loads(comparison.read_text(encoding="utf-8"))
    versions = versions_of(client, model)
    if not versions:
        raise TrackingError(
            f"model {model} is not registered yet; run: python train/tracking.py log {folder}"
        )
    for version in versions:
        client.set_model_version_tag(
            version.name, version.version, REASONS_TAG, "; ".join(content["reasons"])[:MAX_TAG_CHARACTERS]
        )
        run_id = version.run_id or ""
        for name, found in content["sets"].items():
            for figure in ("difference", "p"):
                client.log_metric(run_id, f"{name.replace(' ', '_')}_{figure}", found[figure], step=0)
        for file in (comparison, comparison.with_suffix(".html")):
            client.log_artifact(run_id, str(file), "comparison")
        print(f"stored the comparison with {version.name} version {version.version}", flush=True)
