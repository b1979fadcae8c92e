"""Take the README's pictures of MLflow's pages: `python docs/mlflow_screenshots.py`, or `make mlflow-shots`.

Three short trainings on the real reviews are logged to a temporary server, which takes some minutes; or --uri
names a server that has runs already. MLflow's pages load nothing from other servers.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright
from screenshots import DOCS, browser_path

PROJECT = DOCS.parent
sys.path.insert(0, str(PROJECT))

from project import ports  # noqa: E402
from project.console import say, step  # noqa: E402
from project.supervisor import Program  # noqa: E402
from sentiment.training.command_line import Parser, exit_status  # noqa: E402

NAME = "movie-sentiment"
TRAININGS = (
    "--recipe fast --epochs 1 --vocab-size 5000 --embedding-dim 32 --hidden-dim 32 --learning-rate 0.002",
    "--recipe fast --epochs 2 --vocab-size 5000 --embedding-dim 32 --hidden-dim 32 --batch-size 128",
    "--recipe fast --epochs 2 --vocab-size 10000 --embedding-dim 32 --hidden-dim 48",
)
PARAMETERS = ("max_epochs", "batch_size", "learning_rate", "embedding_dim", "hidden_dim", "vocab_size")
METRICS = ("accuracy", "best_validation_accuracy")
COLUMN_WIDTH, WIDE_COLUMN = 112, 190
RUNS: ViewportSize = {"width": 1640, "height": 420}
MODEL: ViewportSize = {"width": 1400, "height": 880}
PATIENCE_MS = 60_000
SETTLED_MS = 2_000
START_SECONDS = 120


def main() -> None:
    """Run the command line."""
    parser = Parser(description=__doc__)
    parser.add_argument("--uri", help="tracking server with runs to show (default: a temporary one)")
    uri = parser.parse_args().uri
    path = browser_path()
    if uri:
        take(uri, path)
        return
    with server() as uri:
        for options in TRAININGS:
            train(uri, options)
        take(uri, path)


@contextmanager
def server() -> Iterator[str]:
    """Run an MLflow server in a temporary folder for the block; yield its address."""
    port = ports.free_port()
    uri = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="mlflow-") as folder:
        command = [sys.executable, "train/tracking.py", "serve", "--port", str(port), "--folder", folder]
        program = Program("MLflow", command, {}, Path(folder) / "log")
        try:
            ports.wait_until_answers(f"{uri}/health", program, START_SECONDS)
            yield uri
        finally:
            program.stop()
            program.wait()


def train(uri: str, options: str) -> None:
    """Train a model with these options, and log its run."""
    step(f"Train: {options}")
    with tempfile.TemporaryDirectory() as model:
        subprocess.run(
            [sys.executable, "train/from_reviews.py", "--model-dir", f"{model}/model", *options.split()],
            cwd=PROJECT,
            env={**os.environ, "MLFLOW_TRACKING_URI": uri},
            check=True,
        )


def take(uri: str, chromium_path: str) -> None:
    """Take the pictures docs/mlflow-runs.png and docs/mlflow-model.png."""
    experiment = ask(uri, f"experiments/get-by-name?experiment_name={NAME}")["experiment"]["experiment_id"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(device_scale_factor=1.25)
        context.add_init_script(settled(experiment))
        page = context.new_page()
        page.set_viewport_size(RUNS)
        page.goto(f"{uri}/#/experiments/{experiment}/runs?workflowType=machine_learning")
        expect(page.get_by_text("accuracy", exact=True).first).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text("vocab_size", exact=True).first).to_be_visible(timeout=PATIENCE_MS)
        picture(page, "runs")
        page.set_viewport_size(MODEL)
        page.goto(f"{uri}/#/models/{NAME}?workflowType=machine_learning")
        expect(page.get_by_text("@ champion").first).to_be_visible(timeout=PATIENCE_MS)
        picture(page, "model")
        browser.close()


def ask(uri: str, what: str) -> dict[str, Any]:
    """Read from MLflow's REST API."""
    with urllib.request.urlopen(f"{uri}/api/2.0/mlflow/{what}", timeout=30) as answer:
        content: dict[str, Any] = json.load(answer)
    return content


def settled(experiment: str) -> str:
    """A script that sets the preferences that MLflow's pages store: which columns, and no assistant."""
    columns = [f"params.`{name}`" for name in PARAMETERS] + [f"metrics.`{name}`" for name in METRICS]
    remembered = {
        f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState': {
            "orderByKey": "attributes.start_time",
            "orderByAsc": False,
            "selectedColumns": columns,
            "columnOrder": columns,
            "columnWidths": dict.fromkeys(columns, COLUMN_WIDTH) | {columns[-1]: WIDE_COLUMN},
        },
        "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
        "mlflow.assistant.panelOpen_v1": False,
    }
    return "".join(
        f"localStorage.setItem({json.dumps(name)}, {json.dumps(json.dumps(value))});"
        for name, value in remembered.items()
    )


def picture(page: Page, name: str) -> None:
    """Take the picture docs/mlflow-NAME.png."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLED_MS)  # the pages poll all the time, so no event says that they are complete
    file = DOCS / f"mlflow-{name}.png"
    page.screenshot(path=file)
    say(f"wrote: {file.relative_to(PROJECT)} ({file.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    sys.exit(exit_status(main))
