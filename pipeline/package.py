"""Check the trained model, and upload it with its description for batch transform and the endpoint."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from pipeline import aws, inputs, stack
from pipeline.given_model import model_key
from pipeline.settings import PipelineError, Settings
from project.console import say, shown, step
from sentiment import archives
from sentiment.errors import ArchiveError, ArtifactError


def run(settings: Settings) -> None:
    """Package the model of these settings. Raises PipelineError."""
    step("Package the model")
    uri, _ = packaged(settings)
    say(f"ready: {uri}")


def packaged(settings: Settings) -> tuple[str, str]:
    """Return the S3 URI and the key of the model of these settings, and upload it if it is not there.

    The training job's model.tar.gz contains its inference code, so it is checked and copied, not repacked.
    Raises PipelineError.
    """
    key = model_key(settings)
    uri = inputs.model_uri(stack.output(settings, "DataBucketName"), key)
    description = inputs.description_uri(uri)
    if not (aws.exists(uri) and aws.exists(description)):
        from sentiment.serving.predictor import Predictor  # takes a while to import

        file = inputs.model_file(settings, key)
        if not file.exists():
            raise PipelineError(
                "there is no model for these data, recipe and sources: run `make train` first"
            )
        with tempfile.TemporaryDirectory() as folder:
            try:
                archives.unpack(file, Path(folder), archives.MODEL)
                predictor = Predictor.from_folder(folder)
            except (ArchiveError, ArtifactError) as error:
                raise PipelineError(
                    f"{shown(file)} is not a usable model ({error}): delete it and run `make train` again"
                ) from error
        say(f"checked: {shown(file)}, model version {predictor.version}")
        aws.write_json(predictor.describe(), description)
        aws.upload(file, uri)
    if settings.container == "ray":
        _require_ray_files(inputs.model_file(settings, key))
    return uri, key


def _require_ray_files(file: Path) -> None:
    """Raises PipelineError for a model of earlier code that lacks the files for Ray.

    They cannot be added, because the model's checksum list lacks them. A model that is only in S3 was trained
    by the current sources, which its key covers.
    """
    from sentiment.serving.artifact import RAY_FILES  # imports numpy

    if not file.exists():
        return
    with tarfile.open(file) as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
    if missing := [name for name in RAY_FILES if name not in names]:
        raise PipelineError(
            f"CONTAINER=ray: the model in {shown(file)} was written before models held "
            f"{' and '.join(missing)}; train it again, or choose CONTAINER=slim"
        )
