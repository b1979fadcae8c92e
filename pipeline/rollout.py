"""Canary deployment: a new model answers a share of the texts, then takes over or is rolled back.

`make deploy CANARY=10` starts a trial and watches it until it is decided; `make canary-finish` resumes
watching. The counts of both models (pipeline.comparison) and the stack's alarms on the new one decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import aws, comparison, deploy, served, stack
from pipeline.comparison import Counts
from pipeline.containers import warn_of_the_end
from pipeline.served import NO_CANARY, ServedModel
from pipeline.settings import PipelineError, Settings
from project.console import say, step

POLL_SECONDS = 15.0
# The prefix that CloudFormation gives to the names of the new model's alarms, from their ids in the template.
ALARM_PREFIX = "{stack}-Canary"


def run(settings: Settings) -> None:
    """Deploy the packaged model; with CANARY, on trial beside the old one. Raises PipelineError."""
    if settings.canary is None:
        deploy.run(settings)
    else:
        begin(settings, settings.canary)
        finish(settings)


def begin(settings: Settings, percent: int) -> None:
    """Start a trial in which the packaged model answers `percent` of the texts. Raises PipelineError."""
    answering = answering_model(settings, percent)
    new = served.chosen(settings)
    if new.version == answering.version:
        raise PipelineError(f"CANARY={percent}: the model {new.version} is the current one already")
    step(f"Try the model {new.version} on {percent} % of the texts, beside {answering.version}")
    warn_of_the_end(settings.hosting_image)
    concurrency = int(stack.parameters(settings)["MaxConcurrency"])
    stack.sam_deploy(settings, ModelVersion=answering.version, **new.as_canary(percent, concurrency))


def answering_model(settings: Settings, percent: int) -> ServedModel:
    """The model that a new one is tried beside. Raises PipelineError where there is none."""
    model = served.of_stack(settings).model
    if model is None:
        raise PipelineError(
            f"CANARY={percent}: there is no current model to compare a new one with; run `make deploy` first"
        )
    return model


def finish(settings: Settings, pause: Callable[[float], None] = time.sleep) -> None:
    """Watch a trial until the new model takes over or is rolled back.

    Raises PipelineError if it is rolled back, or if another deployment ends the trial.
    """
    models = served.of_stack(settings)
    if models.model is None or models.canary is None:
        raise PipelineError("no new model is being tried: `make deploy CANARY=10` starts a trial")
    old, new = models.model.version, models.canary.version
    step(f"Watch the model {new} beside {old}")
    say("Ctrl-C leaves both running: `make canary-finish` resumes, `make rollback` removes the new model")
    began = _began(settings)
    reported = None
    while True:
        try:
            counted, counted_old = (comparison.counts(settings.stack, each, began) for each in (new, old))
            against = _alarm(settings) or comparison.worse(counted, counted_old)
            still = served.of_stack(settings)
        except (BotoCoreError, ClientError) as error:
            if not aws.is_transient(error):
                raise
            say(f"{error}; trying again in {POLL_SECONDS:.0f} s")
            pause(POLL_SECONDS)
            continue
        if still != models:
            raise PipelineError(f"the trial of {new} has been ended by another deployment")
        minutes = (datetime.now(UTC) - began).total_seconds() / 60
        line = f"{_summary(counted)}; minute {minutes:.0f} of {settings.canary_minutes:g}"
        if line != reported:
            say(reported := line)
        if against is None and minutes >= settings.canary_minutes:
            if counted.answers >= settings.canary_answers:
                step(f"The model {new} takes over")
                return deploy.serve(settings, models.canary)
            against = f"it has given too few answers: {settings.canary_answers} are needed (CANARY_ANSWERS)"
        if against is not None:
            step(f"Roll back the model {new}")
            stack.sam_deploy(settings, **NO_CANARY)
            raise PipelineError(f"the new model {new} was rolled back, and {old} answers: {against}")
        pause(POLL_SECONDS)


def back(settings: Settings) -> None:
    """Roll back: end the trial of a new model, or return to the previous one. Raises PipelineError."""
    models = served.of_stack(settings)
    if models.canary is not None:
        step(f"Remove the model {models.canary.version}")
        stack.sam_deploy(settings, **NO_CANARY)
    elif models.previous is not None:
        step(f"Return to the model {models.previous.version}")
        deploy.serve(settings, models.previous)
    else:
        raise PipelineError(f"the stack '{settings.stack}' has no previous model")


def _began(settings: Settings) -> datetime:
    """When the trial began: the time of the last change to the new model's endpoint."""
    name = stack.output(settings, "CanaryEndpointName")
    began: datetime = aws.client("sagemaker").describe_endpoint(EndpointName=name)["LastModifiedTime"]
    return began


def _alarm(settings: Settings) -> str | None:
    """Why an alarm on the new model is raised; None if none is."""
    pages = aws.client("cloudwatch").get_paginator("describe_alarms")
    for page in pages.paginate(AlarmNamePrefix=ALARM_PREFIX.format(stack=settings.stack)):
        for alarm in page["MetricAlarms"]:
            if alarm["StateValue"] == "ALARM":
                return f"{alarm['AlarmDescription']} ({alarm['StateReason']})"
    return None


def _summary(counted: Counts) -> str:
    return (
        f"{counted.answers} answers, {counted.unsure} of them unsure, {counted.failures} failures, "
        f'{counted.no_votes} of {counted.votes} votes "no"'
    )
