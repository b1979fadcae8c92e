"""What the trial component of a job has from the request for the job.

The names are those that AWS gives (Source: the tables that SDK v2's ExperimentAnalytics shows, and components
of processing and transform jobs of AWS that were recorded by others).
"""

import math
from collections.abc import Mapping
from typing import Any

from localcloud.numerals import number_of

Parts = dict[str, Any]
"""Parameters, InputArtifacts and OutputArtifacts of a trial component."""


def training_parts(job: Mapping[str, Any]) -> Parts:
    """The hyperparameters, the resources, the image and the channels of a training job."""
    inputs = {"SageMaker.ImageUri": _artifact(job["AlgorithmSpecification"]["TrainingImage"])}
    for channel in job.get("InputDataConfig") or ():
        source = channel["DataSource"]["S3DataSource"]
        inputs[channel["ChannelName"]] = _artifact(source["S3Uri"], channel.get("ContentType"))
    resources = _resources(job.get("ResourceConfig") or {})
    return {
        "Parameters": _parameters((job.get("HyperParameters") or {}) | resources),
        "InputArtifacts": inputs,
    }


def processing_parts(job: Mapping[str, Any]) -> Parts:
    """The resources, the image, the inputs and the outputs of a processing job."""
    inputs = {"SageMaker.ImageUri": _artifact(job["AppSpecification"]["ImageUri"])}
    for each in job.get("ProcessingInputs") or ():
        inputs[each["InputName"]] = _artifact(each["S3Input"]["S3Uri"])
    outputs = (job.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    return {
        "Parameters": _parameters(_resources(job["ProcessingResources"]["ClusterConfig"])),
        "InputArtifacts": inputs,
        "OutputArtifacts": {each["OutputName"]: _artifact(each["S3Output"]["S3Uri"]) for each in outputs},
    }


def transform_parts(job: Mapping[str, Any], container: Mapping[str, Any]) -> Parts:
    """The resources, the model, the input and the output of a transform job. `container` is the model's."""
    model = {"SageMaker.ModelName": job["ModelName"], "SageMaker.ModelPrimary.Image": container["Image"]}
    if "ModelDataUrl" in container:
        model["SageMaker.ModelPrimary.DataUrl"] = container["ModelDataUrl"]
    source, output = job["TransformInput"], job["TransformOutput"]
    given = _artifact(source["DataSource"]["S3DataSource"]["S3Uri"], source.get("ContentType"))
    return {
        "Parameters": _parameters(_resources(job["TransformResources"]) | model),
        "InputArtifacts": {"SageMaker.TransformInput": given},
        "OutputArtifacts": {"SageMaker.TransformOutput": _artifact(output["S3OutputPath"])},
    }


def _resources(given: Mapping[str, Any]) -> dict[str, Any]:
    names = ("InstanceCount", "InstanceType", "VolumeSizeInGB")
    return {f"SageMaker.{name}": given[name] for name in names if name in given}


def _parameters(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: _parameter(value) for name, value in values.items()}


def _parameter(value: Any) -> dict[str, Any]:
    number = number_of(str(value))
    return {"StringValue": value} if number is None or math.isinf(number) else {"NumberValue": number}


def _artifact(value: str, media_type: str | None = None) -> dict[str, str]:
    return {"Value": value} | ({"MediaType": media_type} if media_type else {})
