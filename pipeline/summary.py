"""Print the addresses of the page and the API, in a form to copy."""

from __future__ import annotations

import json

from pipeline import evaluate, stack
from pipeline.given_model import model_key
from pipeline.settings import Settings
from project.console import say, step


def run(settings: Settings) -> None:
    page, api = stack.output(settings, "WebsiteUrl"), stack.output(settings, "ApiUrl")
    step("Ready")
    say(f"Page  {page}")
    say(f"API   {api}/predict")
    say("Try   curl -H 'content-type: application/json' \\")
    say(f"        -d '{json.dumps({'review': 'What a wonderful film!'})}' {api}/predict")
    if settings.model is None:  # whoever gave a model knows it, and it needs no reviews to be told of here
        report = evaluate.report_file(settings, model_key(settings))
        if report.exists():
            evaluate.show(json.loads(report.read_text()))
