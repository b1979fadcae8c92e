"""Determine which model the steps use: the one that the settings train, or the one given as MODEL.

MODEL is a model folder, a model.tar.gz, a model in MLflow (models:/movie-sentiment@champion, runs:/ID/model),
or "approved": the newest approved model of SageMaker's model registry.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

from pipeline import aws, inputs, model_packages, remote, tracking
from pipeline.settings import APPROVED, MLFLOW_MODELS, PipelineError, Settings
from project.console import say
from sentiment import archives
from sentiment.errors import ArchiveError, ArtifactError
from sentiment.files import CHECKSUMS, atomic_write
from tracking.run_record import FILE_NAME


def model_key(settings: Settings) -> str:
    """Return the model's key, which identifies it here and in S3. A given model is stored here first.

    Raises PipelineError.
    """
    if settings.model is None:
        return inputs.model_key(settings, remote.data_key(settings))
    with tempfile.TemporaryDirectory() as scratch:
        return _take(settings, settings.model, Path(scratch) / "model")


def _take(settings: Settings, given: str, scratch: Path) -> str:
    """Check a given model, and store it under its version, which is its key. Raises PipelineError."""
    from sentiment.serving.artifact import read_model  # imports numpy, so only if there is a model to check

    folder = archive = Path(given)
    if given == APPROVED:
        archive = scratch.with_suffix(".tar.gz")
        aws.download(model_packages.approved(settings), archive)
    if given.startswith(MLFLOW_MODELS):
        tracking.fetch(given, scratch)
        folder = scratch
    elif archive.is_file():
        folder = scratch
        try:
            archives.unpack(archive, folder, archives.MODEL)
        except ArchiveError as error:
            raise PipelineError(f"MODEL={given} is not a readable model.tar.gz ({error})") from error
    try:
        key = read_model(folder).version
    except ArtifactError as error:
        raise PipelineError(f"MODEL={given} is not a usable model: {error}") from error
    file = inputs.model_file(settings, key)
    if not file.exists():
        with atomic_write(file) as temporary:
            if archive.is_file():
                shutil.copyfile(archive, temporary)
            else:
                _pack(folder, temporary)
    say(f"given: {given}, model version {key}")
    return key


def _pack(folder: Path, target: Path) -> None:
    """Pack the model's own files and its record as a model.tar.gz; the same model gives the same bytes."""
    names = [*json.loads((folder / CHECKSUMS).read_text(encoding="utf-8")), CHECKSUMS, FILE_NAME]
    with (
        target.open("wb") as stream,
        gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for name in sorted(names):
            if (folder / name).is_file():
                entry = tarfile.TarInfo(name)
                entry.size = (folder / name).stat().st_size
                with (folder / name).open("rb") as content:
                    archive.addfile(entry, content)
