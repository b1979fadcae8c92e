"""The MLflow server on this machine, which `make mlflow` and `make selfhost` start."""

from __future__ import annotations

import http.client
import os
import re
import signal
import sys
import time
import urllib.request
from pathlib import Path

from project import ports
from project.paths import BUILD, VAR
from project.persistent import move_to_var
from project.supervisor import Program
from tracking.client import ANSWER_SECONDS, QUIET

HOST = "127.0.0.1"
SERVER = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
POLL_SECONDS = 0.2


def serve(port: int, folder: Path | None) -> int:
    """Run an MLflow server, with a SQLite database and a folder of artefacts, for this machine only.

    `folder` is var/mlflow by default. The server ends when this process ends, for whatever reason, or when
    the make that started it ends. Returns the exit status.
    """
    if obstacle := ports.obstacle(port):
        uri = f"http://{HOST}:{port}"
        reason = f"{uri} is an MLflow server already" if is_mlflow(uri) else f"port {port} {obstacle}"
        print(f"error: {reason}; choose another port: make mlflow MLFLOW_PORT=NUMBER", file=sys.stderr)
        return 1
    if folder is None:
        folder = VAR / "mlflow"
        for line in move_to_var(BUILD, VAR, ["mlflow"]):
            print(line, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    print(f"MLflow  http://{HOST}:{port}  (its data are in {folder}; Ctrl-C stops it)", flush=True)
    # Relative to the folder, whose name may hold characters that mean something in an address (%, ?, #).
    # One worker, since SQLite allows one writer at a time.
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts"),
        *("--uvicorn-opts", "--log-level warning"),
    ]
    server = Program("the MLflow server", command, {**QUIET, **SERVER}, folder=folder)
    signals: list[int] = []

    def end(number: int, frame: object) -> None:
        signals.append(number)
        server.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    starter = os.getppid()
    while (status := server.poll()) is None:
        # If make was killed, this process has another parent. Without make, that is intended (nohup).
        if "MAKELEVEL" in os.environ and os.getppid() != starter:
            server.stop()
        time.sleep(POLL_SECONDS)
    return 0 if signals else status  # a signal is the normal way to stop the server


def is_mlflow(uri: str) -> bool:
    """Whether an MLflow server answers there: it returns its version as plain text."""
    try:
        with urllib.request.urlopen(f"{uri}/version", timeout=ANSWER_SECONDS) as answer:
            return re.fullmatch(rb"\d+(\.\w+)+", answer.read(40)) is not None
    except (OSError, http.client.HTTPException):
        return False
