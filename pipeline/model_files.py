"""Load a model from S3 on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline import aws
from pipeline.settings import PipelineError
from sentiment import archives
from sentiment.errors import ArchiveError
from sentiment.serving.predictor import Predictor


@contextmanager
def opened(uri: str) -> Iterator[Predictor]:
    """Load the model.tar.gz at an S3 URI for the block. Raises PipelineError or ArtifactError."""
    with tempfile.TemporaryDirectory() as scratch:
        archive, folder = Path(scratch) / "model.tar.gz", Path(scratch) / "model"
        aws.download(uri, archive)
        try:
            archives.unpack(archive, folder, archives.MODEL)
        except ArchiveError as error:
            raise PipelineError(f"{uri} is not a readable model.tar.gz ({error})") from error
        yield Predictor.from_folder(folder)
