"""MLflow servers that the tracking tests start, kill and start again, and training against them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.conftest import PROJECT, free_port
from tests.unit.sentiment_fixtures import options_of, prepared

TRACKING = PROJECT / "train" / "tracking.py"
STARTING_SECONDS = 120


class Server:
    """A real MLflow server on sqlite, as `make mlflow` starts it; killed, it can be started again."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> Server:
        command = [sys.executable, TRACKING, "serve", "--port", str(self.port), "--folder", self.folder]
        with (self.folder.parent / "mlflow.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder.parent / "mlflow.log").read_text()
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return self
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(self.url)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ctrl-C; the exit status."""
        return self._end(signal.SIGINT)

    def _end(self, number: int) -> int:
        # The group: MLflow's command has the web server as a child.
        os.killpg(self.process.pid, number)
        return self.process.wait(30)


def environment(uri: str | None, **more: str) -> dict[str, str]:
    """Ours without what would point to another server or run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return kept | ({"MLFLOW_TRACKING_URI": uri} if uri else {}) | more


def training(model_dir: Path, uri: str | None, *more: str, **changes) -> list[str]:
    """A command that trains a tiny model by train.py."""
    data = prepared()
    places = ["--train", data.train, "--validation", data.validation, "--model-dir", model_dir]
    options = [*places, "--threads", "1", "--precision", "float32", *options_of(**changes), *more]
    return [sys.executable, str(PROJECT / "train" / "train.py"), *map(str, options)]


def train(model_dir: Path, uri: str | None, *more: str, **changes) -> subprocess.CompletedProcess[str]:
    command = training(model_dir, uri, *more, **changes)
    done = subprocess.run(
        command, env=environment(uri), cwd=PROJECT, text=True, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def tracking(uri: str, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """train/tracking.py, as a person runs it."""
    command = [sys.executable, TRACKING, *arguments]
    done = subprocess.run(
        command, env=environment(uri), cwd=PROJECT, text=True, capture_output=True, timeout=300, check=False
    )
    assert not check or done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done
