"""Deploy the stack of infra/template.yaml: page, API and endpoint.

The endpoint needs a model, and training needs the stack's bucket and role. So the same stack is deployed
twice: `bootstrap` creates it without a model, `run` adds everything that serves one.
"""

from __future__ import annotations

import json
import mimetypes
import time
from typing import Any

from pipeline import aws, bill, drift, hosting, inputs, served, stack
from pipeline.containers import warn_of_the_end
from pipeline.served import ServedModel
from pipeline.settings import Settings
from project import model_card
from project.console import say, step
from project.paths import PROJECT

WEBSITE = PROJECT / "website"
# Browsers revalidate each file, since modules of two versions would not fit together. CloudFront caches the
# files until the invalidation below.
CACHE_CONTROL = "public, max-age=0, s-maxage=86400, must-revalidate"


def bootstrap(settings: Settings) -> None:
    """Create the stack without a model, unless it exists. Raises PipelineError."""
    step(f"Bucket and roles (stack {settings.stack})")
    outputs = stack.outputs(settings)
    if all(name in outputs for name in stack.BOOTSTRAPPED):
        say(f"unchanged: {outputs['DataBucketName']}")
        return
    stack.sam_deploy(settings)
    say(f"made: {stack.output(settings, 'DataBucketName')}")


def run(settings: Settings, **parameters: str | int) -> None:
    """Deploy the packaged model; `parameters` are additional parameters of the template.

    Raises PipelineError.
    """
    model = served.chosen(settings)
    step(f"Deploy {model.data_url} (stack {settings.stack}, container {settings.container})")
    warn_of_the_end(settings.hosting_image)
    endpoint = hosting.chosen(settings)
    hosting.require_convertible(settings, endpoint)
    for line in bill.endpoint_estimate(endpoint, settings.endpoint_memory_mb):
        say(line)
    serve(settings, model, MemorySizeInMB=settings.endpoint_memory_mb, **endpoint.parameters(), **parameters)


def serve(settings: Settings, model: ServedModel, **parameters: str | int) -> None:
    """Make this the only model that answers, remember the previous one, and publish the page.

    Parameters of the template that are not given keep their values, such as those of the endpoint's hosting.
    """
    before = served.of_stack(settings).model
    if before is not None and before != model:
        parameters["PreviousModel"] = ",".join(before)
    parameters |= drift.alarm_parameters(settings, model)
    stack.sam_deploy(settings, **model.as_model(), **parameters)
    publish(settings)


def publish(settings: Settings) -> None:
    """Upload the page to its bucket, with the address of its API and the model card."""
    step("Publish the page")
    bucket = stack.output(settings, "WebsiteBucketName")
    files = {
        file.relative_to(WEBSITE).as_posix(): file.read_bytes()
        for file in WEBSITE.rglob("*")
        if file.is_file()
    }
    files[model_card.NAME] = model_card.render(_answering(settings))
    files["config.json"] = json.dumps({"apiUrl": stack.output(settings, "ApiUrl")}).encode()
    for name, body in files.items():
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        aws.client("s3").put_object(
            Bucket=bucket, Key=name, Body=body, ContentType=kind, CacheControl=CACHE_CONTROL
        )
    aws.client("cloudfront").create_invalidation(
        DistributionId=stack.output(settings, "DistributionId"),
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": ["/*"]},
            "CallerReference": str(time.time_ns()),
        },
    )
    say(f"wrote: s3://{bucket} ({len(files)} files)")


def _answering(settings: Settings) -> dict[str, Any]:
    """The description of the deployed model (Predictor.describe)."""
    model = aws.client("sagemaker").describe_model(ModelName=stack.output(settings, "ModelName"))
    uri = inputs.description_uri(model["PrimaryContainer"]["ModelDataUrl"])
    description: dict[str, Any] = aws.read_json(uri)
    return description
