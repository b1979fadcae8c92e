"""Delete everything that `deploy` created, which ends all costs."""

from __future__ import annotations

from pipeline import aws, model_packages, stack
from pipeline.settings import Settings
from project.console import say, step


def run(settings: Settings) -> None:
    """Empty the stack's buckets, and delete the model packages and the stack. Raises PipelineError."""
    step(f"Destroy the stack {settings.stack}")
    buckets = stack.buckets(settings)
    if buckets is None:
        say("there is no such stack")
        return
    for bucket in buckets:  # CloudFormation deletes only empty ones
        say(f"emptied {bucket} ({aws.empty_bucket(bucket)} objects)")
    model_packages.delete(settings)
    stack.sam_delete(settings)
