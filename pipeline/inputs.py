"""What a training run is made from, and the content keys that name its results.

A key is a hash of everything that can change a result, so a step whose key has been seen before has nothing
to do.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pipeline.settings import FRAMEWORK_VERSION, Settings
from project.paths import PROJECT
from project.sources import training_sources


def hyperparameters(settings: Settings) -> dict[str, str]:
    """The arguments of train.py: the recipe's name and what the person overrides."""
    return {"recipe": settings.recipe, **settings.hyperparameters}


def model_key(settings: Settings, data_key: str) -> str:
    """Names the model that these settings train: its data, its program and its hyperparameters."""
    digest = hashlib.sha256()
    digest.update(
        json.dumps([data_key, FRAMEWORK_VERSION, hyperparameters(settings)], sort_keys=True).encode()
    )
    for file in training_sources():
        digest.update(str(file.relative_to(PROJECT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def model_file(settings: Settings, key: str) -> Path:
    """Where this machine keeps the model of a key."""
    return settings.build / "models" / key / "model.tar.gz"


def data_uri(bucket: str, data_key: str) -> str:
    """Where the cloud keeps prepared reviews: one folder a channel below it."""
    return f"s3://{bucket}/data/{data_key}"


def training_uri(bucket: str, key: str) -> str:
    """Where training jobs write what belongs to the model of a key: program, checkpoints and artefact."""
    return f"s3://{bucket}/training/{key}"


def evaluation_uri(bucket: str, key: str, data_key: str) -> str:
    """Where batch transform jobs write the answers of a model to the test reviews of a data key."""
    return f"s3://{bucket}/evaluation/{key}-{data_key}"


def model_uri(bucket: str, key: str) -> str:
    """Where the cloud keeps the model of a key, and the endpoint loads it from."""
    return f"s3://{bucket}/models/{key}/model.tar.gz"


def description_uri(model_uri: str) -> str:
    """Where the cloud keeps what the API tells about a model (GET /model in infra/openapi.yaml)."""
    return f"{model_uri.rpartition('/')[0]}/model.json"
