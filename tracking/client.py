"""Connect to MLflow without its log messages, with bounded waiting times, and with one-line errors."""

from __future__ import annotations

import http.client
import importlib.util
import logging
import os
import re
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sentiment.errors import SentimentError

if TYPE_CHECKING:  # importing MLflow takes seconds, and it reads the waiting times below from the environment
    from mlflow import MlflowClient

DEFAULT_URI = "http://127.0.0.1:5001"
# MLflow's own defaults are two minutes and seven retries. Someone who logs by hand can wait a bit longer.
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
    """Nothing can be logged; the message, meant for users, says why."""


def connect(patience: Mapping[str, str]) -> MlflowClient:
    """Connect to the server of MLFLOW_TRACKING_URI; `patience` has the environment variables for waiting.

    Raises TrackingError if MLflow, or a plug-in that the server needs, is not installed.
    """
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

    # Importing MLflow has enabled its warnings and log messages again.
    warnings.simplefilter("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient()


def require_answer(uri: str) -> None:
    """Raise TrackingError unless the server responds within ANSWER_SECONDS; MLflow itself waits longer."""
    if not uri.startswith(("http://", "https://")):
        return
    try:
        # urllib takes no password in an address, and none is needed to answer.
        address = without_passwords(uri).rstrip("/")
        urllib.request.urlopen(f"{address}/version", timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        return  # any response will do, even if it asks for credentials, which MLflow has
    except (OSError, http.client.HTTPException) as error:
        raise TrackingError(reason(error)) from None


def without_passwords(text: str) -> str:
    """The text without the users and passwords in its addresses, which are for nobody's log."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


def server_and_reason(error: BaseException, uri: str | None = None) -> str:
    """Describe an error in one line; it names the server if MLflow raised it."""
    if isinstance(error, (SentimentError, TrackingError)):
        return str(error)
    from mlflow.exceptions import MlflowException

    server = without_passwords(uri or os.environ.get("MLFLOW_TRACKING_URI", DEFAULT_URI))
    return f"MLflow at {server}: {reason(error)}" if isinstance(error, MlflowException) else reason(error)


def reason(error: BaseException) -> str:
    """Describe an error in one line, without the details that libraries add."""
    if isinstance(error, (SentimentError, TrackingError)):
        return str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    text = without_passwords(" ".join(str(error).split()))
    if "Connection refused" in text:
        text = "connection refused: is it up?"
    elif "timed out" in text.lower():
        text = "it accepts connections but does not answer in time"
    return text[:MAX_REASON_CHARACTERS] or type(error).__name__
