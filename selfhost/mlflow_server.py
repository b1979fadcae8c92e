"""MLflow's tracking server and registry on this machine: a sqlite database and a folder of artefacts."""

from __future__ import annotations

import sys
from pathlib import Path

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Scheduled evaluations and the like: several processes more, of which this project uses none.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def command(host: str, port: int, folder: Path) -> list[str]:
    """The command that serves what `folder` holds; it is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *(sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
