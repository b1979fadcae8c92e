"""Where the endpoint's containers run: serverless, or on instances of a fixed or a scaling number."""

from __future__ import annotations

import re
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pipeline import aws
from pipeline.settings import PipelineError, Settings

SERVERLESS, INSTANCES = "serverless", "instances"
# Of the template (MaxConcurrency): more cannot be kept warm.
MAX_CONCURRENCY = 10


@dataclass(frozen=True)
class Hosting:
    """The endpoint of a deployment. `scale` are the least and the most instances, where their number follows
    the load; `provisioned` is how many containers of a serverless endpoint are kept warm.
    """

    instance_type: str
    instances: int = 1
    scale: tuple[int, int] | None = None
    provisioned: int = 0

    @property
    def serverless(self) -> bool:
        return not self.instance_type

    def parameters(self) -> dict[str, str | int]:
        """The parameters of infra/template.yaml, all of them: those left out would keep their value."""
        least, most = self.scale or (0, 0)
        return {
            "InstanceType": self.instance_type,
            "InstanceCount": self.instances,
            "MinInstances": least,
            "MaxInstances": most,
            "ProvisionedConcurrency": self.provisioned,
        }


def chosen(settings: Settings) -> Hosting:
    """The endpoint that these settings ask for. Raises PipelineError for what cannot be."""
    kind = settings.endpoint or (INSTANCES if settings.container == "ray" else SERVERLESS)
    if kind not in (SERVERLESS, INSTANCES):
        raise PipelineError(f"ENDPOINT={kind}: there are {SERVERLESS} and {INSTANCES}")
    if kind == SERVERLESS:
        return _serverless(settings)
    if settings.canary is not None:
        raise PipelineError(
            f"CANARY={settings.canary}: a new model is tried on a serverless endpoint; CONTAINER=ray and "
            "ENDPOINT=instances are for `make deploy` without CANARY"
        )
    count = settings.endpoint_instances
    if settings.provisioned:
        raise PipelineError(
            "PROVISIONED keeps serverless containers warm; instances always are: leave it out"
        )
    if count < 1:
        raise PipelineError(f"INSTANCES={count}: an endpoint has one instance or more")
    scale = _scale(settings.autoscale)
    if scale and not scale[0] <= count <= scale[1]:
        count = scale[0]
    return Hosting(settings.endpoint_instance_type, count, scale)


def _serverless(settings: Settings) -> Hosting:
    if settings.container == "ray":
        raise PipelineError(
            "CONTAINER=ray answers on instances: AWS documents it for these only, and it starts too slowly "
            "to be woken; leave ENDPOINT out"
        )
    if settings.autoscale or settings.endpoint_instances != 1:
        raise PipelineError("AUTOSCALE and INSTANCES are of ENDPOINT=instances; serverless scales by itself")
    if not 0 <= settings.provisioned <= MAX_CONCURRENCY:
        raise PipelineError(
            f"PROVISIONED={settings.provisioned}: of the endpoint's {MAX_CONCURRENCY} containers, 0 to "
            f"{MAX_CONCURRENCY} are kept warm"
        )
    return Hosting("", provisioned=settings.provisioned)


def _scale(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", text)
    if not found or int(found[1]) > int(found[2]):
        raise PipelineError(f"AUTOSCALE={text} is not LEAST:MOST instances, such as 2:10")
    return int(found[1]), int(found[2])


def require_convertible(settings: Settings, hosting: Hosting) -> None:
    """Raises PipelineError where an endpoint on instances would have to become serverless.

    SageMaker refuses that only when the stack is half updated:
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
            f"the endpoint {settings.stack} answers on instances, and SageMaker makes none of these "
            "serverless: keep ENDPOINT=instances, or `make destroy` first"
        )
