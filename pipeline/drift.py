"""`make drift`: what people send, beside what the model that answers was measured on; and the alarm on it."""

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
    """Compare a window with the held-out texts. Raises PipelineError, and Drifted outside the band."""
    period = drift.period(settings.window)
    model = served.of_stack(settings).model
    if model is None:
        raise PipelineError(f"no model of the stack '{settings.stack}' answers: run `make deploy` first")
    heading = f"What people send to the model {model.version} (stack {settings.stack})"
    step(heading)
    hours = counts.by_period(
        settings.stack, model.version, METRICS, PERIOD_SECONDS, period.before, period.end
    )
    folder = settings.build / "drift" / model.version
    drift.report(heading, period, hours, baseline(settings, model), folder)


def baseline(settings: Settings, model: ServedModel) -> dict[str, Any]:
    """What the model says of held-out texts, kept beside it in the data bucket."""
    uri = f"{model.data_url.rpartition('/')[0]}/{drift.BASELINE}"
    if not aws.exists(uri):
        open_model = partial(opened, model.data_url)
        aws.write_json(drift.baseline(model.version, open_model, settings, settings.on == "here"), uri)
    found: dict[str, Any] = aws.read_json(uri)
    return found


def alarm_parameters(settings: Settings, model: ServedModel) -> dict[str, str | int]:
    """The template's parameter of the alarm on drift; empty, which is no alarm, where there is no band.

    A model is deployed without that alarm rather than not at all.
    """
    try:
        return {"DriftFormula": alarm_formula(baseline(settings, model))}
    except (ProjectError, SentimentError) as error:
        say(f"no alarm on drift: the model cannot be measured here ({error})")
        return {"DriftFormula": ""}
