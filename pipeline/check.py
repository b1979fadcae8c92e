"""Check region, credentials and a given model, before anything is created or billed."""

from __future__ import annotations

from pipeline import aws, given_model
from pipeline.settings import Settings


def run(settings: Settings) -> None:
    """Raises PipelineError for what cannot work. The settings themselves were checked when created."""
    aws.require_account()
    if settings.model is not None:
        given_model.model_key(settings)
