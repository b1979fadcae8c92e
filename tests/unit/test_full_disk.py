"""A disk without room: one line that says where, nothing half written, and what was there before stays.

A limit on the size of files stands in for it, which works for every user; only the reason's words differ.
"""

import contextlib
import csv
import resource
import tarfile

import boto3
import pytest
from moto import mock_aws
from sentiment_fixtures import options_of, prepared

import pipeline.__main__ as pipeline
from pipeline import aws
from pipeline.given_model import model_key
from pipeline.settings import Settings
from sentiment.data.download import download
from sentiment.errors import DatasetError
from sentiment.serving.artifact import read_model
from sentiment.training.checkpoint import FILE_NAME as CHECKPOINT
from train import train as program

FULL = "File too large"


@contextlib.contextmanager
def room_for(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def train(folder, *more, seed=0):
    data = prepared()
    places = ["--train", str(data.train), "--validation", str(data.validation), "--model-dir", str(folder)]
    return program.main([*places, "--threads", "1", "--seed", str(seed), *more, *options_of(epochs=1)])


def files_under(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def errors(capsys):
    """What is told, but for warnings and the progress of what went well."""
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    return [line for line in lines if line and not line.startswith(("warning: ", "preparing"))]


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 2_000, 20_000])
def test_a_model_that_finds_no_room_leaves_the_one_before(tmp_path, capsys, room):
    assert train(tmp_path / "model") == 0
    before, version = files_under(tmp_path), read_model(tmp_path / "model").version
    capsys.readouterr()
    with room_for(room):
        assert train(tmp_path / "model", seed=1) == 1
    assert errors(capsys) == [f"error: {tmp_path / 'model'}: {FULL}"]
    assert files_under(tmp_path) == before
    assert read_model(tmp_path / "model").version == version


@pytest.mark.slow
def test_a_checkpoint_that_finds_no_room(tmp_path, capsys):
    with room_for(2_000):
        assert train(tmp_path / "model", "--checkpoint-dir", str(tmp_path / "checkpoints")) == 1
    assert errors(capsys) == [f"error: {tmp_path / 'checkpoints' / CHECKPOINT}: {FULL}"]
    assert set(files_under(tmp_path)) <= {"checkpoints/run.json"}


def test_prepared_reviews_that_find_no_room(tmp_path, capsys):
    reviews = tmp_path / "reviews.csv"
    with reviews.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("review", "sentiment"))
        writer.writerows((f"A film {n} of {n * n}", ("positive", "negative")[n % 2]) for n in range(200))
    step = ["prepare", "--data", "kaggle", "--data-path", str(reviews), "--build", str(tmp_path / "build")]
    step += ["--set", "snippets=0", "--set", "counterfactuals=0"]  # reviews alone are quicker to prepare
    with room_for(500):
        assert pipeline.main(step) == 1
    (line,) = errors(capsys)
    assert line.startswith(f"error: {tmp_path / 'build' / 'prepared'}") and line.endswith(f": {FULL}")
    assert files_under(tmp_path) == ["reviews.csv"]


def test_an_object_that_finds_no_room(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        aws.client.cache_clear()
        s3 = boto3.client("s3", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="models")
        s3.put_object(Bucket="models", Key="model", Body=b"x" * 10_000)
        with room_for(1_000), pytest.raises(OSError, match=FULL) as refused:
            aws.download("s3://models/model", tmp_path / "model.tar.gz")
        aws.client.cache_clear()
    assert refused.value.filename == str(tmp_path / "model.tar.gz")
    assert files_under(tmp_path) == []


def test_a_download_that_finds_no_room_is_not_tried_again(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x" * 10_000)
    with room_for(1_000), pytest.raises(DatasetError, match=f"target.part cannot be written: {FULL}"):
        download(source.as_uri(), tmp_path / "target", "0" * 64, progress=False, pause=3600)


@pytest.mark.slow
def test_a_given_model_that_finds_no_room_is_not_called_broken(tmp_path):
    assert train(tmp_path / "model") == 0
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "model", ".")
    settings = Settings(model=str(archive), build=tmp_path / "build")
    with room_for(2_000), pytest.raises(OSError, match=FULL):
        model_key(settings)
    assert not (tmp_path / "build").exists()
    assert model_key(settings) == read_model(tmp_path / "model").version
