"""Log the model's run to MLflow and register the model, with its test accuracy if that is known."""

from __future__ import annotations

from pipeline import evaluate, inputs, tracking
from pipeline.given_model import model_key
from pipeline.settings import PipelineError, Settings
from project.console import step


def run(settings: Settings) -> None:
    """Register the model of these settings. Raises PipelineError."""
    step("Register the model in MLflow")
    key = model_key(settings)
    file = inputs.model_file(settings, key)
    if not file.exists():
        raise PipelineError("there is no model for these data, recipe and sources: run `make train` first")
    report = evaluate.report_file(settings, key)
    tracking.log(file, report if report.exists() else None)
