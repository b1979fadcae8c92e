"""Use MLflow by running train/tracking.py, so that the pipeline need not import it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipeline.settings import PipelineError
from project.console import say, shown
from project.paths import PROJECT

PROGRAM = PROJECT / "train" / "tracking.py"
# Steps for which tracking is a side effect do not wait long for a server.
SHORT_TIMEOUTS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


def is_enabled() -> bool:
    """Whether MLFLOW_TRACKING_URI is set."""
    return bool(os.environ.get("MLFLOW_TRACKING_URI"))


def log(model: Path, evaluation: Path | None = None) -> None:
    """Log a model's run and register it. Raises PipelineError."""
    _run("log", model, *(("--test", evaluation) if evaluation else ()))


def log_if_enabled(command: str, *arguments: Path) -> None:
    """Run a command of train/tracking.py if MLFLOW_TRACKING_URI is set; a failure is only a warning."""
    if not is_enabled():
        return
    try:
        _run(command, *arguments, defaults=SHORT_TIMEOUTS)
    except PipelineError as error:
        again = " ".join([shown(PROGRAM), command, *map(shown, arguments)])
        say(f"warning: not logged to MLflow: {error}; to log it afterwards: python {again}")


def fetch(uri: str, folder: Path) -> None:
    """Download the model folder of a models:/ or runs:/ URI to `folder`. Raises PipelineError."""
    _run("fetch", uri, folder)


def _run(*arguments: str | Path, defaults: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        env={**(defaults or {}), **os.environ},
        text=True,
        capture_output=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        say(line)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        raise PipelineError(errors[-1].removeprefix("error: ") if errors else done.stderr.strip()[-500:])
