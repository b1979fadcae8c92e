"""Take everything down that `deploy` made: the end of all costs."""

from __future__ import annotations

from pipeline import aws, stack
from pipeline.console import say, step
from pipeline.settings import Settings


def run(settings: Settings) -> None:
    step(f"Destroy the stack {settings.stack}")
    outputs = stack.outputs(settings)
    if not outputs:
        say("there is no such stack")
        return
    # CloudFormation deletes only empty buckets.
    for name in ("DataBucketName", "WebsiteBucketName"):
        say(f"emptied {outputs[name]} ({aws.empty_bucket(outputs[name])} objects)")
    stack.sam_delete(settings)
