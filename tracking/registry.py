"""Read from MLflow's model registry: which version is the champion, and its files.

By default, MLflow retries an unreachable server for minutes. Here every request fails after a few seconds,
and the caller tries again later.
"""

from __future__ import annotations

import os
from pathlib import Path

# MLflow reads these variables at each request; values that the user has set take precedence.
for _name, _value in {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # With SageMaker's plug-in installed, MLflow would warn at each request to any other server.
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    # Do not warn if git is missing.
    "GIT_PYTHON_REFRESH": "quiet",
}.items():
    os.environ.setdefault(_name, _value)

import mlflow  # noqa: E402
import requests  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.artifacts import download_artifacts  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

from tracking.champion import (  # noqa: E402
    MODEL_FOLDER,
    MODEL_TAG,
    PERCENT_TAG,
    Champion,
    RegistryError,
)
from tracking.client import server_and_reason  # noqa: E402

# The error codes for a missing registered model and a missing alias.
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class Registry:
    """A registered model on the MLflow server (or in any store that MLflow supports) at `tracking_uri`."""

    def __init__(self, tracking_uri: str, name: str, alias: str):
        self.tracking_uri, self.name, self.alias = tracking_uri, name, alias
        mlflow.set_tracking_uri(tracking_uri)
        # MLFLOW_REGISTRY_URI, or the tracking server's own registry; for Databricks, Unity Catalog.
        self._registry_uri = mlflow.get_registry_uri()
        self._client = MlflowClient(tracking_uri, self._registry_uri)

    def champion(self) -> Champion | None:
        """The version with the alias; None if there is none. Raises RegistryError."""
        try:
            version = self._client.get_model_version_by_alias(self.name, self.alias)
        except MlflowException as error:
            if error.error_code in NOT_THERE:
                return None
            raise RegistryError(server_and_reason(error, self.tracking_uri)) from error
        except (requests.RequestException, OSError) as error:
            raise RegistryError(server_and_reason(error, self.tracking_uri)) from error
        return Champion(
            name=version.name,
            version=str(version.version),
            run_id=version.run_id or "",
            created=version.creation_timestamp,
            model=version.tags.get(MODEL_TAG, ""),
            percent=_percent(version.tags.get(PERCENT_TAG, "")),
        )

    def fetch(self, champion: Champion, folder: Path) -> Path:
        """Download a model folder to a place below `folder`, and return its path. Raises RegistryError."""
        try:
            fetched = download_artifacts(
                artifact_uri=f"models:/{champion.name}/{champion.version}/{MODEL_FOLDER}",
                dst_path=str(folder),
                tracking_uri=self.tracking_uri,
                registry_uri=self._registry_uri,
            )
        except (MlflowException, requests.RequestException, OSError) as error:
            raise RegistryError(
                f"{champion} cannot be downloaded: {server_and_reason(error, self.tracking_uri)}"
            ) from error
        return Path(fetched)


def _percent(tag: str) -> float:
    """The percentage in a tag; 0 if it is invalid, since anybody may write tags."""
    try:
        percent = float(tag)
    except ValueError:
        return 0.0
    return percent if 0 <= percent <= 100 else 0.0
