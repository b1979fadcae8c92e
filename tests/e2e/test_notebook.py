"""The walkthrough runs from top to bottom, on a small table of reviews, and leaves nothing behind."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from botocore.exceptions import ClientError

from sentiment.data import sample
from tests.conftest import PROJECT

pytestmark = pytest.mark.slow

STACK = "walkthrough-test"
REVIEWS_OF_EACH_LABEL = 1000
QUICK = {"epochs": 1, "vocab-size": 3000, "head": 64, "tail": 64, "ngram-min-reviews": 2}
QUICK |= {"snippets": 0, "counterfactuals": 0}


def small_table(file) -> None:
    """Some training reviews as the CSV file that the source "kaggle" reads."""
    reviews = sample.load().select("train")
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["review", "sentiment"])
        for label, name in ((0, "negative"), (1, "positive")):
            for row in np.flatnonzero(reviews.labels == label)[::10][:REVIEWS_OF_EACH_LABEL]:
                rows.writerow([reviews.texts[row], name])


def in_cloud(cloud, *command: str) -> list[str]:
    python = [sys.executable, "-m", "localcloud", "run", "--port", str(cloud.port), "--"]
    return [*python, sys.executable, *command]


@pytest.fixture(scope="module")
def run(cloud, tmp_path_factory):
    """The notebook after a run, executed as `make notebook-run` does it."""
    folder = tmp_path_factory.mktemp("walkthrough")
    small_table(folder / "reviews.csv")
    parameters = {
        "data": "kaggle",
        "data_path": str(folder / "reviews.csv"),
        "hyperparameters": QUICK,
        "stack_name": STACK,
        "build": str(folder / "build"),
    }
    command = ["notebooks/execute.py", "--output", str(folder / "out.ipynb")]
    done = subprocess.run(
        in_cloud(cloud, *command, "--parameters", json.dumps(parameters)),
        cwd=PROJECT,
        text=True,
        capture_output=True,
        timeout=1000,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return nbformat.read(folder / "out.ipynb", as_version=4)


def outputs(notebook, name: str):
    return next(cell for cell in notebook.cells if cell.get("id") == name).outputs


def text(notebook, name: str) -> str:
    found = outputs(notebook, name)
    return "\n".join(output.get("text") or output.data.get("text/html", "") for output in found)


def test_every_step_shows_something(run):
    empty = [
        cell.id
        for cell in run.cells
        if cell.cell_type == "code"
        and not cell.outputs
        and "parameters" not in "".join(cell.metadata.get("tags", []))
    ]
    assert empty == ["imports"]


def test_the_model_learned_in_a_job_and_passed_its_test(run):
    assert "epoch=1/1" in text(run, "train")
    assert "validation:accuracy" in text(run, "curves-plot")
    accuracy = float(re.search(r"(\d+\.\d+)%", text(run, "accuracy-line"))[1])
    assert accuracy > 70
    assert "TF-IDF + logistic regression" in text(run, "baselines")


def test_its_plots_are_pictures(run):
    shown = [output for cell in run.cells for output in cell.get("outputs", [])]
    pictures = [output for output in shown if "image/png" in output.get("data", {})]
    assert len(pictures) >= 8


def test_endpoint_lambda_and_api_answered(run):
    assert re.search(r"(positive|negative), with a probability", text(run, "endpoint"))
    assert "200 ('positive'" in text(run, "lambda-call")
    assert "400 " in text(run, "lambda-call")
    assert text(run, "api-call").startswith("200 ")


def test_the_bill_has_a_line_for_each_service(run):
    table = text(run, "bill-table")
    for what in ("Training job", "Batch transform", "Endpoint, serverless", "Lambda", "API Gateway", "S3"):
        assert what in table
    total = float(re.findall(r"\$(\d+\.\d+)", table)[-1])
    assert 0 < total < 0.10


def test_everything_that_it_made_is_gone(run, cloud):
    client = cloud.client
    with pytest.raises(ClientError, match="does not exist"):
        client("cloudformation").describe_stacks(StackName=STACK)
    left = [
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(each["EndpointName"] for each in client("sagemaker").list_endpoints()["Endpoints"]),
        *(each["ModelName"] for each in client("sagemaker").list_models()["Models"]),
        *(each["FunctionName"] for each in client("lambda").list_functions()["Functions"]),
        *(role["RoleName"] for role in client("iam").list_roles()["Roles"]),
    ]
    assert [name for name in left if name.startswith(STACK)] == []
