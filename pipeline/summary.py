"""Print the addresses of the page and the API, and a command to try."""

from __future__ import annotations

import json

from pipeline import evaluate, stack
from pipeline.given_model import model_key
from pipeline.settings import Settings
from project.console import say, step


def run(settings: Settings) -> None:
    """Raises PipelineError if the stack is not deployed."""
    page, api = stack.output(settings, "WebsiteUrl"), stack.output(settings, "ApiUrl")
    step("Ready")
    say(f"Page  {page}")
    say(f"API   {api}/predict")
    say("Try   curl -H 'content-type: application/json' \\")
    say(f"        -d '{json.dumps({'review': 'What a wonderful film!'})}' {api}/predict")
    if settings.model is None:  # a given model may be used without reviews, which the report's key needs
        report = evaluate.report_file(settings, model_key(settings))
        if report.exists():
            evaluate.show(json.loads(report.read_text()))
