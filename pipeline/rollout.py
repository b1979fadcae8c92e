"""A new model earns its place: it answers a share of the texts, then takes over or goes back.

`make deploy CANARY=10` begins and watches until that is decided; `make canary-finish` watches on where that
was broken off. Only counts decide (pipeline.comparison), and the stack's alarms on the new model.
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
# Of the new model's alarms, as CloudFormation names them after their names in the template.
ALARM_PREFIX = "{stack}-Canary"


def run(settings: Settings) -> None:
    """Deploy the packaged model, as CANARY says beside the old one until it has earned its place."""
    if settings.canary is None:
        deploy.run(settings)
    else:
        begin(settings, settings.canary)
        finish(settings)


def begin(settings: Settings, percent: int) -> None:
    """Have the packaged model answer that share of the texts."""
    answering = answering_model(settings, percent)
    new = served.chosen(settings)
    if new.version == answering.version:
        raise PipelineError(f"CANARY={percent}: the model {new.version} is the one that answers already")
    step(f"Try the model {new.version} on {percent} % of the texts, beside {answering.version}")
    warn_of_the_end(settings.hosting_image)
    concurrency = int(stack.parameters(settings)["MaxConcurrency"])
    stack.sam_deploy(settings, ModelVersion=answering.version, **new.as_canary(percent, concurrency))


def answering_model(settings: Settings, percent: int) -> ServedModel:
    """The model that a new one is tried beside. Raises PipelineError where there is none."""
    model = served.of_stack(settings).model
    if model is None:
        raise PipelineError(
            f"CANARY={percent}: no model answers yet that a new one could be tried beside; run `make deploy`"
        )
    return model


def finish(settings: Settings, pause: Callable[[float], None] = time.sleep) -> None:
    """Watch until the new model takes over or goes back.

    Raises PipelineError where it goes back, and where another deployment has ended the trial.
    """
    models = served.of_stack(settings)
    if models.model is None or models.canary is None:
        raise PipelineError("no new model is being tried: `make deploy CANARY=10` begins")
    old, new = models.model.version, models.canary.version
    step(f"Watch the model {new} beside {old}")
    say("Ctrl-C leaves both: then `make canary-finish` watches on, `make rollback` takes the new one away")
    began = _began(settings)
    told = None
    while True:
        try:
            counted, counted_old = (comparison.counts(settings.stack, each, began) for each in (new, old))
            against = _alarm(settings) or comparison.worse(counted, counted_old)
            still = served.of_stack(settings)
        except (BotoCoreError, ClientError) as error:
            if not aws.is_transient(error):
                raise
            say(f"{error}; looks again in {POLL_SECONDS:.0f} s")
            pause(POLL_SECONDS)
            continue
        if still != models:
            raise PipelineError(f"the trial of {new} has been ended by another deployment")
        minutes = (datetime.now(UTC) - began).total_seconds() / 60
        line = f"{_told(counted)}; minute {minutes:.0f} of {settings.canary_minutes:g}"
        if line != told:
            say(told := line)
        if against is None and minutes >= settings.canary_minutes:
            if counted.answers >= settings.canary_answers:
                step(f"The model {new} takes over")
                return deploy.serve(settings, models.canary)
            against = f"it has given too few answers; it needs {settings.canary_answers} (CANARY_ANSWERS)"
        if against is not None:
            step(f"The model {new} goes back")
            stack.sam_deploy(settings, **NO_CANARY)
            raise PipelineError(f"the new model {new} went back, and {old} answers: {against}")
        pause(POLL_SECONDS)


def back(settings: Settings) -> None:
    """Return to the model before: end the trial of a new one, or swap the last two that answered."""
    models = served.of_stack(settings)
    if models.canary is not None:
        step(f"Take the model {models.canary.version} away")
        stack.sam_deploy(settings, **NO_CANARY)
    elif models.previous is not None:
        step(f"Return to the model {models.previous.version}")
        deploy.serve(settings, models.previous)
    else:
        raise PipelineError(f"the stack '{settings.stack}' knows no model before the one that answers")


def _began(settings: Settings) -> datetime:
    """When the new model's endpoint became what it is."""
    name = stack.output(settings, "CanaryEndpointName")
    began: datetime = aws.client("sagemaker").describe_endpoint(EndpointName=name)["LastModifiedTime"]
    return began


def _alarm(settings: Settings) -> str | None:
    """What the new model's alarms say, where one has been raised."""
    pages = aws.client("cloudwatch").get_paginator("describe_alarms")
    for page in pages.paginate(AlarmNamePrefix=ALARM_PREFIX.format(stack=settings.stack)):
        for alarm in page["MetricAlarms"]:
            if alarm["StateValue"] == "ALARM":
                return f"{alarm['AlarmDescription']} ({alarm['StateReason']})"
    return None


def _told(counted: Counts) -> str:
    return (
        f"{counted.answers} answers, {counted.unsure} of them unsure, {counted.failures} failures, "
        f'{counted.no_votes} of {counted.votes} votes "no"'
    )
