"""The models that the stack serves: the current one, one on trial beside it, and the previous one.

All three are parameters of the stack, so that they change together with it or not at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from pipeline import aws, hosting, image, inputs, stack
from pipeline.package import packaged
from pipeline.settings import Settings

# The template's default of ModelVersion.
UNKNOWN = "unknown"
NO_CANARY: dict[str, str | int] = {
    "CanaryModelDataUrl": "",
    "CanaryImageUri": "",
    "CanaryContainer": "",
    "CanaryVersion": "none",
    "CanaryPercent": 0,
    "CanaryMaxConcurrency": 1,
}
# With fewer, a second person at the same moment would be refused.
MIN_CONCURRENCY = 2


class ServedModel(NamedTuple):
    """A model by the template's parameters: the URIs of its data and image, the image's name, the version."""

    data_url: str
    image_uri: str
    container: str
    version: str

    def as_model(self) -> dict[str, str | int]:
        """The parameters with which this model answers alone."""
        return {
            "ModelDataUrl": self.data_url,
            "ImageUri": self.image_uri,
            "Container": self.container,
            "ModelVersion": self.version,
            **NO_CANARY,
        }

    def as_canary(self, percent: int, concurrency: int) -> dict[str, str | int]:
        """The parameters with which this model answers `percent` of the texts, beside the current one.

        Its maximum concurrency is the same share of the current model's `concurrency`.
        """
        return {
            "CanaryModelDataUrl": self.data_url,
            "CanaryImageUri": self.image_uri,
            "CanaryContainer": self.container,
            "CanaryVersion": self.version,
            "CanaryPercent": percent,
            "CanaryMaxConcurrency": max(MIN_CONCURRENCY, math.ceil(concurrency * percent / 100)),
        }


class ServedModels(NamedTuple):
    """The models that the stack serves; each is None if there is none."""

    model: ServedModel | None
    canary: ServedModel | None
    previous: ServedModel | None


def chosen(settings: Settings) -> ServedModel:
    """The packaged model of these settings, in their container."""
    uri, _ = packaged(settings)
    # Serverless endpoints have no instance type, and no GPU.
    place = hosting.chosen(settings).instance_type or hosting.SERVERLESS
    return ServedModel(uri, image.hosting_image(settings, place), settings.container, _version(uri))


def of_stack(settings: Settings) -> ServedModels:
    """The models that the stack serves now; none if there is no stack."""
    given = stack.parameters(settings)

    def model(*names: str) -> ServedModel | None:
        uri, image_uri, container, version = (given.get(name, "") for name in names)
        if not uri:
            return None
        if version in ("", UNKNOWN):  # deployed without this parameter, which earlier templates lacked
            version = _version(uri)
        return ServedModel(uri, image_uri, container, version)

    before = given.get("PreviousModel", "")
    return ServedModels(
        model("ModelDataUrl", "ImageUri", "Container", "ModelVersion"),
        model("CanaryModelDataUrl", "CanaryImageUri", "CanaryContainer", "CanaryVersion"),
        ServedModel(*before.split(",")) if before else None,
    )


def _version(uri: str) -> str:
    """The version of a model, according to its description."""
    return str(aws.read_json(inputs.description_uri(uri))["model"])
