"""The keys of a run's results, and where the results are stored, here and in S3.

A key is a hash of everything that a result depends on. A step that finds a result under its key has nothing
to do.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pipeline.containers import TRAINING
from pipeline.settings import Settings
from project.paths import PROJECT
from project.sources import training_sources


def hyperparameters(settings: Settings) -> dict[str, str]:
    """Return the arguments of train.py: the recipe's name and the hyperparameters that override it."""
    return {"recipe": settings.recipe, **settings.hyperparameters}


def model_key(settings: Settings, data_key: str) -> str:
    """Return the key of the model that the settings train: a hash of data, program and hyperparameters.

    The number of instances that share each batch is included, since each draws its own dropout. Whether they
    are spot instances is not, because an interrupted job gives the same model.
    """
    digest = hashlib.sha256()
    parts: list[object] = [data_key, TRAINING.tag, hyperparameters(settings)]
    if settings.instances > 1:
        parts.append(settings.instances)
    digest.update(json.dumps(parts, sort_keys=True).encode())
    for file in training_sources():
        digest.update(str(file.relative_to(PROJECT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def model_file(settings: Settings, key: str) -> Path:
    """Return the path of a model on this machine."""
    return settings.build / "models" / key / "model.tar.gz"


def data_uri(bucket: str, data_key: str) -> str:
    """Return the S3 URI of prepared reviews, with one folder for each channel below it."""
    return f"s3://{bucket}/data/{data_key}"


def training_uri(bucket: str, key: str) -> str:
    """Return the S3 URI below which training jobs write: program, checkpoints and artefact."""
    return f"s3://{bucket}/training/{key}"


def evaluation_uri(bucket: str, key: str, data_key: str, instances: int) -> str:
    """Return the S3 URI below which batch transform jobs write a model's answers to the test reviews.

    It depends on the number of instances, which determines how the reviews are divided into files.
    """
    files = f"-by-{instances}" if instances > 1 else ""
    return f"s3://{bucket}/evaluation/{key}-{data_key}{files}"


def model_uri(bucket: str, key: str) -> str:
    """Return the S3 URI from which the endpoint loads a model."""
    return f"s3://{bucket}/models/{key}/model.tar.gz"


def description_uri(model_uri: str) -> str:
    """Return the S3 URI of a model's description, which GET /model returns (infra/openapi.yaml)."""
    return f"{model_uri.rpartition('/')[0]}/model.json"
