"""Which models the stack serves: the one that answers, one that is tried beside it, and the one before.

The stack's parameters hold all three, so that they change with it or not at all.
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
# Fewer would refuse two people who come at the same moment.
MIN_CONCURRENCY = 2


class ServedModel(NamedTuple):
    """A model as the template's parameters choose it: its data and image, the image's name, its version."""

    data_url: str
    image_uri: str
    container: str
    version: str

    def as_model(self) -> dict[str, str | int]:
        """The parameters with which this model answers, and none is tried beside it."""
        return {
            "ModelDataUrl": self.data_url,
            "ImageUri": self.image_uri,
            "Container": self.container,
            "ModelVersion": self.version,
            **NO_CANARY,
        }

    def as_canary(self, percent: int, concurrency: int) -> dict[str, str | int]:
        """The parameters with which it answers that share of the texts beside the other.

        It may answer as many texts at a time as its share is of the other's `concurrency`.
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
    """What the stack serves; None for what there is not."""

    model: ServedModel | None
    canary: ServedModel | None
    previous: ServedModel | None


def chosen(settings: Settings) -> ServedModel:
    """The packaged model of these settings, in their container."""
    uri, _ = packaged(settings)
    # In place of an instance type: serverless endpoints have no GPU.
    place = hosting.chosen(settings).instance_type or hosting.SERVERLESS
    return ServedModel(uri, image.hosting_image(settings, place), settings.container, _version(uri))


def of_stack(settings: Settings) -> ServedModels:
    """What the stack serves now; nothing where there is no stack."""
    given = stack.parameters(settings)

    def model(*names: str) -> ServedModel | None:
        uri, image_uri, container, version = (given.get(name, "") for name in names)
        if not uri:
            return None
        if version in ("", UNKNOWN):  # deployed before there was this parameter, or without it
            version = _version(uri)
        return ServedModel(uri, image_uri, container, version)

    before = given.get("PreviousModel", "")
    return ServedModels(
        model("ModelDataUrl", "ImageUri", "Container", "ModelVersion"),
        model("CanaryModelDataUrl", "CanaryImageUri", "CanaryContainer", "CanaryVersion"),
        ServedModel(*before.split(",")) if before else None,
    )


def _version(uri: str) -> str:
    """The version of a model, as its description tells it."""
    return str(aws.read_json(inputs.description_uri(uri))["model"])
