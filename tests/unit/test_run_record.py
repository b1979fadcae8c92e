"""The record of a run beside its checkpoint: continued, begun anew, and never worth a training run."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from sentiment.data.channels import read_channel
from sentiment.errors import ArtifactError
from sentiment.serving.artifact import read_model
from tests.unit.sentiment_fixtures import options_of, prepared
from tracking import run_record
from tracking.background import log_in_background
from tracking.run_record import FILE_NAME, RunRecord, begin_record, read_record

PARAMETERS = {"recipe": "fast", "seed": 1}


def begun(checkpoints: Path) -> RunRecord:
    data = prepared()
    return begin_record(PARAMETERS, data.train, read_channel(data.validation, "validation"), checkpoints)


def test_a_run_that_resumes_is_the_same_run(tmp_path):
    earlier = begun(tmp_path)
    earlier.note_epochs([{"epoch": 1, "train_loss": 0.5}])
    earlier.end("KILLED")
    earlier.write(tmp_path / FILE_NAME)
    resumed = begun(tmp_path)
    assert (resumed.id, resumed.epochs) == (earlier.id, earlier.epochs)
    assert (resumed.status, resumed.ended) == ("RUNNING", None)


def other(**changes) -> str:
    """A record that is as it should be but for the changes."""
    data = prepared()
    record = begin_record(PARAMETERS, data.train, read_channel(data.validation, "validation"))
    return json.dumps({"format": run_record.FORMAT_VERSION, **vars(record), **changes})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"run": "of another program"}',
        '{"format": 999}',
        other(epochs="three"),
        other(epochs=[{"epoch": 1}]),
        other(tags=None),
        other(id=7),
        other(more="than there is"),
        b"\xff\xfe",
    ],
)
def test_a_broken_or_foreign_record_is_replaced_by_a_new_one(tmp_path, capsys, content):
    file = tmp_path / FILE_NAME
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ArtifactError):
        read_record(file)
    record = begun(tmp_path)
    assert record.status == "RUNNING" and record.epochs == []
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {file} is not a record") and said.count("\n") == 1
    with log_in_background(record, Path("unused"), tmp_path, tmp_path) as publish:
        publish()
    assert read_record(file).id == record.id


def test_a_record_of_other_settings_is_left_for_a_new_one(tmp_path):
    RunRecord({"recipe": "best"}, {"reviews_sha256": "1"}, id="another").write(tmp_path / FILE_NAME)
    assert begun(tmp_path).id != "another"


@pytest.fixture
def full_disk(monkeypatch):
    """A disk without room for records; a list of the files that were to be written."""
    refused: list[Path] = []

    def refuse(file: Path):
        refused.append(file)
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    monkeypatch.setattr(run_record, "atomic_write", refuse)
    return refused


def test_a_full_disk_is_warned_of_once_and_tried_again(tmp_path, capsys, full_disk):
    record = begun(tmp_path)
    with log_in_background(record, Path("unused"), tmp_path, tmp_path) as publish:
        publish()
        publish()
    assert full_disk == [tmp_path / FILE_NAME] * 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("warning: ") and "No space left on device" in said and str(tmp_path) in said


def test_the_error_of_a_training_is_not_hidden_by_that_of_its_record(tmp_path, full_disk):
    with (
        pytest.raises(ZeroDivisionError),
        log_in_background(begun(tmp_path), Path("unused"), tmp_path, tmp_path),
    ):
        raise ZeroDivisionError


def test_training_writes_its_model_where_no_record_can_be_written(tmp_path, capsys, full_disk, monkeypatch):
    from train import train

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    data, folder = prepared(), tmp_path / "model"
    places = ["--train", data.train, "--validation", data.validation, "--model-dir", folder]
    places += ["--checkpoint-dir", tmp_path / "checkpoints"]
    options = [*map(str, places), "--precision", "float32", "--threads", "1", *options_of()]
    assert train.main(options) == 0
    assert read_model(folder).version
    assert {file.parent for file in full_disk} == {folder, tmp_path / "checkpoints"}
    said = capsys.readouterr()
    assert said.err.count("warning: ") == said.err.count("\n") == 2
    assert "wrote the model of epoch" in said.out


def test_no_place_for_temporary_files_costs_the_log_alone(tmp_path, capsys, monkeypatch):
    def refuse(**_):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setattr("tracking.background.tempfile.TemporaryDirectory", refuse)
    with log_in_background(begun(tmp_path), Path("unused"), tmp_path, None) as publish:
        publish()
    assert "No usable temporary directory" in capsys.readouterr().err
