"""What a person may choose for a run; every step receives the same settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

# The newest PyTorch that SageMaker offers for training and inference alike (image_uris of SDK 2.257).
FRAMEWORK_VERSION = "2.6.0"
PY_VERSION = "py312"


@dataclass(frozen=True)
class Settings:
    """Choices of one run.

    `data` names a source of `sentiment.dataset`, `data_path` its file or folder where it needs one.
    `hyperparameters` override those of the recipe; their names are the arguments of `train/train.py`.
    `model` takes a model that is there instead of training one (see pipeline.given_model).
    """

    data: str = "sample"
    data_path: Path | None = None
    recipe: str = "fast"
    hyperparameters: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    stack: str = "movie-sentiment"
    sam: str = "sam"
    train_instance_type: str = "ml.m5.xlarge"
    transform_instance_type: str = "ml.m5.large"
    endpoint_memory_mb: int = 3072
    build: Path = PROJECT / "build"


class PipelineError(Exception):
    """A step cannot go on; the message says what is wrong and what to do."""
