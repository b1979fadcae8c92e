"""What tests of tracking share: train.py as people run it, train/tracking.py in the tests' process."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from tests.conftest import PROJECT
from tests.unit.sentiment_fixtures import options_of, prepared
from tracking import commands

TRAIN = PROJECT / "train"


class Done(NamedTuple):
    status: int
    out: str
    err: str


def tracking(uri: str, *arguments: str | Path, **more: str) -> Done:
    """`python train/tracking.py ARGUMENTS` against that server; importing MLflow once is enough.

    `more` are environment variables.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(uri, **more), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = commands.main([str(argument) for argument in arguments])
    return Done(status, out.getvalue(), err.getvalue())


def environment(uri: str | None, **more: str) -> dict[str, str]:
    """Ours without what would point to another server or run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    kept["MLFLOW_DISABLE_TELEMETRY"] = "true"
    return kept | ({"MLFLOW_TRACKING_URI": uri} if uri else {}) | more


def training(model_dir: Path, *more: str, **changes) -> list[str]:
    """A command that trains a tiny model by train.py."""
    data = prepared()
    places = ["--train", data.train, "--validation", data.validation, "--model-dir", model_dir]
    options = [*places, "--threads", "1", "--precision", "float32", *options_of(**changes), *more]
    return [sys.executable, str(TRAIN / "train.py"), *map(str, options)]


def train(model_dir: Path, uri: str | None, *more: str, **changes) -> Done:
    done = subprocess.run(
        training(model_dir, *more, **changes),
        env=environment(uri),
        cwd=PROJECT,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)
