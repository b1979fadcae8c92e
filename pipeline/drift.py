"""`make drift`: compare what people send with what the model was measured on; and the alarm on drift."""

from __future__ import annotations

from functools import partial
from typing import Any

from pipeline import aws, counts, served
from pipeline.model_files import opened
from pipeline.served import ServedModel
from pipeline.settings import PipelineError, Settings
from project import drift
from project.choices import ProjectError
from project.console import say, step
from sentiment.errors import SentimentError
from sentiment.evaluation.drift import LENGTHS, MEASURES, alarm_formula

PERIOD_SECONDS = 3600
METRICS = (*LENGTHS, *(measure.name for measure in MEASURES))


def run(settings: Settings) -> None:
    """Compare a window with the held-out texts. Raises PipelineError, or Drifted outside the band."""
    period = drift.period(settings.window)
    model = served.of_stack(settings).model
    if model is None:
        raise PipelineError(f"the stack '{settings.stack}' serves no model: run `make deploy` first")
    heading = f"What people send to the model {model.version} (stack {settings.stack})"
    step(heading)
    hours = counts.by_period(
        settings.stack, model.version, METRICS, PERIOD_SECONDS, period.before, period.end
    )
    folder = settings.build / "drift" / model.version
    drift.report(heading, period, hours, baseline(settings, model), folder)


def baseline(settings: Settings, model: ServedModel) -> dict[str, Any]:
    """The baseline of a model (project.drift.baseline), which is kept beside it in the data bucket."""
    uri = f"{model.data_url.rpartition('/')[0]}/{drift.BASELINE}"
    if not aws.exists(uri):
        open_model = partial(opened, model.data_url)
        aws.write_json(drift.baseline(model.version, open_model, settings, settings.on == "here"), uri)
    found: dict[str, Any] = aws.read_json(uri)
    return found


def alarm_parameters(settings: Settings, model: ServedModel) -> dict[str, str | int]:
    """The template's parameter for the alarm on drift.

    It is empty, which means no alarm, if the model cannot be measured: that should not prevent deployment.
    """
    try:
        return {"DriftFormula": alarm_formula(baseline(settings, model))}
    except (ProjectError, SentimentError) as error:
        say(f"no alarm on drift: the model cannot be measured here ({error})")
        return {"DriftFormula": ""}
