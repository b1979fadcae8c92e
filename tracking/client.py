"""How this project speaks to MLflow: quietly, with bounded patience, and with errors of one line."""

from __future__ import annotations

import http.client
import importlib.util
import logging
import os
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sentiment.errors import SentimentError

if (
    TYPE_CHECKING
):  # importing MLflow takes seconds, and a process that connects may still be told to wait less
    from mlflow import MlflowClient

DEFAULT_URI = "http://127.0.0.1:5001"
# MLflow itself would wait for two minutes, seven times. A person who logs by hand wants it to arrive.
WHILE_TRAINING = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
BY_HAND = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
ANSWER_SECONDS = 5.0
MAX_REASON_CHARACTERS = 300


class TrackingError(Exception):
    """Why nothing can be logged; the message is meant to be shown to a person."""


def connect(patience: Mapping[str, str]) -> MlflowClient:
    """MLflow's client, told how long to wait. Raises TrackingError where what it needs is not installed."""
    for name, value in {**QUIET, **patience}.items():
        os.environ.setdefault(name, value)
    uri = os.environ.setdefault("MLFLOW_TRACKING_URI", DEFAULT_URI)
    if importlib.util.find_spec("mlflow") is None:
        raise TrackingError("mlflow is not installed (pip install 'mlflow>=3,<4')")
    if uri.startswith("arn:") and importlib.util.find_spec("sagemaker_mlflow") is None:
        raise TrackingError(
            f"MLFLOW_TRACKING_URI is SageMaker's {uri}, which needs a plug-in: pip install sagemaker-mlflow"
        )
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    import mlflow

    # Importing MLflow has switched its own back on.
    warnings.simplefilter("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient()


def require_answer(uri: str) -> None:
    """Raise TrackingError unless the server says anything at all, soon: MLflow itself waits for longer."""
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/version", timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        return  # an answer, whatever it says: MLflow knows the credentials
    except (OSError, http.client.HTTPException) as error:
        raise TrackingError(reason(error)) from None


def reason(error: BaseException) -> str:
    """One line of what went wrong, without the libraries' story around it."""
    if isinstance(error, (SentimentError, TrackingError)):
        return str(error)
    text = " ".join(str(error).split())
    if "Connection refused" in text:
        text = "connection refused: is it up?"
    elif "timed out" in text.lower():
        text = "it accepts connections but does not answer in time"
    return text[:MAX_REASON_CHARACTERS] or type(error).__name__
