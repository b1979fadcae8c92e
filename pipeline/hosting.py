"""Where the endpoint's containers run: serverless, or on a fixed or a scaling number of instances."""

from __future__ import annotations

import re
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pipeline import aws
from pipeline.settings import PipelineError, Settings

SERVERLESS, INSTANCES = "serverless", "instances"
# The default of the template's MaxConcurrency; no more containers can be kept warm.
MAX_CONCURRENCY = 10


@dataclass(frozen=True)
class Hosting:
    """The hosting of an endpoint; `instance_type` is empty if it is serverless.

    `scale` is the minimum and maximum number of instances if it follows the load. `provisioned` is the number
    of containers of a serverless endpoint that are kept warm.
    """

    instance_type: str
    instances: int = 1
    scale: tuple[int, int] | None = None
    provisioned: int = 0

    @property
    def serverless(self) -> bool:
        """Whether the endpoint is serverless."""
        return not self.instance_type

    def parameters(self) -> dict[str, str | int]:
        """All parameters of infra/template.yaml for hosting, since omitted ones would keep their values."""
        least, most = self.scale or (0, 0)
        return {
            "InstanceType": self.instance_type,
            "InstanceCount": self.instances,
            "MinInstances": least,
            "MaxInstances": most,
            "ProvisionedConcurrency": self.provisioned,
        }


def chosen(settings: Settings) -> Hosting:
    """The hosting that the settings ask for. Raises PipelineError for settings that do not go together."""
    kind = settings.endpoint or (INSTANCES if settings.container == "ray" else SERVERLESS)
    if kind not in (SERVERLESS, INSTANCES):
        raise PipelineError(f"ENDPOINT={kind}: choose {SERVERLESS} or {INSTANCES}")
    if kind == SERVERLESS:
        return _serverless(settings)
    count = settings.endpoint_instances
    if settings.provisioned:
        raise PipelineError(
            "PROVISIONED keeps serverless containers warm, but instances are always warm: leave it out"
        )
    if count < 1:
        raise PipelineError(f"INSTANCES={count}: an endpoint needs at least one instance")
    scale = _scale(settings.autoscale)
    if scale and not scale[0] <= count <= scale[1]:
        count = scale[0]
    return Hosting(settings.endpoint_instance_type, count, scale)


def _serverless(settings: Settings) -> Hosting:
    if settings.container == "ray":
        raise PipelineError(
            "CONTAINER=ray runs on instances: AWS documents it only for these, and it starts too slowly to "
            "be serverless; leave ENDPOINT out"
        )
    if settings.autoscale or settings.endpoint_instances != 1:
        raise PipelineError("AUTOSCALE and INSTANCES need ENDPOINT=instances; serverless scales by itself")
    if not 0 <= settings.provisioned <= MAX_CONCURRENCY:
        raise PipelineError(
            f"PROVISIONED={settings.provisioned}: 0 to {MAX_CONCURRENCY} containers can be kept warm"
        )
    return Hosting("", provisioned=settings.provisioned)


def _scale(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", text)
    if not found or int(found[1]) > int(found[2]):
        raise PipelineError(f"AUTOSCALE={text} is not MIN:MAX, the numbers of instances, such as 2:10")
    return int(found[1]), int(found[2])


def require_convertible(settings: Settings, hosting: Hosting) -> None:
    """Raises PipelineError if an endpoint on instances would have to become serverless.

    SageMaker does not support that, and refuses it only when half of the stack has been updated:
    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html, "Feature exclusions".
    """
    if not hosting.serverless:
        return
    try:
        endpoint = aws.client("sagemaker").describe_endpoint(EndpointName=settings.stack)
    except ClientError as error:
        if "Could not find" in str(error):
            return
        raise
    if any("CurrentInstanceCount" in variant for variant in endpoint.get("ProductionVariants", [])):
        raise PipelineError(
            f"the endpoint {settings.stack} runs on instances, and SageMaker cannot make it serverless: "
            "keep ENDPOINT=instances, or run `make destroy` first"
        )
