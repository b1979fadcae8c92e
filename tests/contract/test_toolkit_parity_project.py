"""This project's own train.py and inference.py behave alike in AWS's toolkits and in the lean runners."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from localcloud_toolkit_fixtures import PROJECT, run_training, serving, toolkit  # noqa: F401

sys.path.append(str(PROJECT / "tests" / "unit"))
from sentiment_fixtures import TINY, prepared

pytestmark = pytest.mark.slow

GOOD = "a wonderful and touching film, brilliant to the end"
REQUESTS = [
    (GOOD.encode(), "text/plain", None),
    (json.dumps({"review": GOOD}).encode(), "application/json", None),
    (json.dumps({"review": GOOD}).encode(), "application/json; charset=utf-8", "application/json"),
    (
        json.dumps([{"review": GOOD}, {"review": "awful"}]).encode(),
        "application/json",
        "application/jsonlines",
    ),
    (b'{"review": "dull"}\n{"review": "superb"}\n', "application/jsonlines", "application/jsonlines"),
    (b"review\ndull mess\n", "text/csv", "text/csv"),
    (b"", "text/plain", None),
    (b"", "application/json", None),
    (b"{", "application/json", None),
    (b'{"text": "x"}', "application/json", None),
    (b"\xff\xfe", "text/plain", None),
    (b"\xff", "application/json", None),
    (b"<p>", "text/html", None),
    (GOOD.encode(), "text/plain", "image/png"),
    (b"x", None, None),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """What the estimator sends: source_dir="train" with the dependencies sentiment and serve."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("sentiment", "tracking", "serve"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "train" / "train.py", folder)
    return folder


@pytest.fixture(scope="module")
def trained(toolkit, source, tmp_path_factory):  # noqa: F811
    data = prepared()
    hyperparameters = {name.replace("_", "-"): value for name, value in TINY.items()}
    hyperparameters |= {"seed": 3, "threads": 1, "precision": "float32", "device": "cpu"}
    ends = []
    for genuine in (True, False):
        folder = tmp_path_factory.mktemp("genuine" if genuine else "lean")
        channels = {"train": data.train, "validation": data.validation}
        end = run_training(
            toolkit, genuine, folder, source, hyperparameters=hyperparameters, channels=channels
        )
        assert end.code == 0, end.printed
        ends.append((end, folder / "ml"))
    return ends


def test_training_leaves_the_same_model_folder(trained):
    (genuine, _), (lean, _) = trained
    assert lean.files.keys() == genuine.files.keys()
    # How long it took is measured, and the checksum list holds the checksum of that.
    measured = {"model/metrics.json", "model/checksums.json", "model/config.json", "model/run.json"}
    differing = {name for name in lean.files if lean.files[name] != genuine.files[name]}
    assert differing <= measured, differing
    assert any("code/inference.py" in name for name in lean.files)


def test_training_reports_the_same_epochs(trained):
    epochs = [
        [
            line.split(" reviews_per_second")[0]
            for line in end.printed.splitlines()
            if "validation_loss=" in line
        ]
        for end, _ in trained
    ]
    assert epochs[0] == epochs[1]
    assert len(epochs[0]) >= TINY["epochs"]


def test_a_missing_channel_is_the_same_failure(toolkit, source, tmp_path):  # noqa: F811
    ends = []
    for genuine in (True, False):
        folder = tmp_path / ("genuine" if genuine else "lean")
        folder.mkdir()
        ends.append(run_training(toolkit, genuine, folder, source, channels={"train": prepared().train}))
    assert ends[0].code == ends[1].code == 1
    assert ends[0].failure == ends[1].failure
    assert all("the validation channel is missing" in end.printed for end in ends)


def test_the_same_model_folder_gives_the_same_answers(toolkit, trained):  # noqa: F811
    base = trained[0][1]
    with serving(toolkit, True, base) as genuine, serving(toolkit, False, base) as lean:
        assert genuine.comes_up()
        assert lean.comes_up()
        statuses = []
        for request in REQUESTS:
            answer = lean.invoke(*request)
            assert answer == genuine.invoke(*request), request
            statuses.append(answer.status)
        assert statuses[:6] == [200] * 6
        assert all(400 <= status < 500 for status in statuses[6:11])
