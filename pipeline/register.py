"""The packaged model -> a run and a registered version in MLflow, with its test accuracy if it is known."""

from __future__ import annotations

from pipeline import evaluate, inputs, tracking
from pipeline.given_model import model_key
from pipeline.settings import PipelineError, Settings
from project.console import step


def run(settings: Settings) -> None:
    step("Register the model in MLflow")
    key = model_key(settings)
    file = inputs.model_file(settings, key)
    if not file.exists():
        raise PipelineError("there is no model for these data, recipe and sources: run `make train` first")
    report = evaluate.report_file(settings, key)
    tracking.log(file, report if report.exists() else None)
