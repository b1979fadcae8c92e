"""The model folder: its contents, the same bytes for the same model, and nothing broken is ever loaded."""

import json
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from sentiment_fixtures import ROOT, model_folder

from sentiment.errors import ArtifactError
from sentiment.files import write_checksums
from sentiment.serving.artifact import read_model
from sentiment.serving.torch_engine import load_model
from sentiment.training.export import write_model


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(model_folder(), tmp_path / "model")


def write_again(loaded, target):
    write_model(
        target,
        load_model(loaded),
        loaded.word_dict,
        loaded.tokenizer.name,
        loaded.metrics,
        {},
        ROOT / "serve",
    )
    return target


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_folder_holds_what_serving_needs(folder):
    expected = {
        "weights.npz",
        "model.onnx",
        "config.json",
        "word_dict.json",
        "metrics.json",
        "checksums.json",
        "config.yaml",  # this and the next for AWS's Ray container
        "deployment.py",
        "code/inference.py",
        "run.json",  # the record of the training run, which is no part of the model
    }
    package = contents(ROOT / "sentiment").keys()
    rooms = ("text/", "model/", "serving/")
    code = {name for name in package if name.startswith(rooms) and "__pycache__" not in name}
    code |= {"__init__.py", "errors.py", "files.py"}
    assert contents(folder).keys() == expected | {f"code/sentiment/{name}" for name in code}
    config = json.loads((folder / "config.json").read_text())
    assert config["architecture"]["ngrams"] == 3 and config["preprocessing"]["tokenizer"] == "words"
    assert config["versions"]["torch"] == torch.__version__
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["calibration"]["reviews"] == 40
    assert metrics["validation_accuracy"] > 0.8 and len(metrics["epochs"]) >= metrics["best_epoch"]


def test_what_was_written_is_what_is_read(folder, tmp_path):
    loaded = read_model(folder)
    again = read_model(write_again(loaded, tmp_path / "again"))
    reviews = [np.array([2, 5, 9, 70, 3], dtype=np.int32)]
    assert np.array_equal(load_model(loaded).logits(reviews), load_model(again).logits(reviews))
    assert loaded.word_dict == again.word_dict


def test_the_same_model_gives_the_same_bytes_and_version(folder, tmp_path):
    loaded = read_model(folder)
    first, second = (write_again(loaded, tmp_path / name) for name in "ab")
    assert contents(first) == contents(second)
    assert read_model(first).version == read_model(second).version != loaded.version  # another recipe entry


def test_an_older_model_is_replaced_as_a_whole(folder, tmp_path):
    (folder / "stale.txt").write_text("old")
    write_again(read_model(model_folder()), folder)
    assert "stale.txt" not in contents(folder)
    read_model(folder)


def test_a_failed_write_leaves_the_old_model(folder, monkeypatch):
    before, loaded = contents(folder), read_model(folder)
    monkeypatch.setattr("sentiment.training.export.write_checksums", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_again(loaded, folder)
    assert contents(folder) == before


@pytest.mark.parametrize(
    "name", ["weights.npz", "config.json", "word_dict.json", "code/sentiment/model/lstm.py"]
)
def test_a_changed_file_is_named(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(ArtifactError, match=rf"{name}: its content is not what was written"):
        read_model(folder)


def test_a_missing_file_is_named(folder):
    (folder / "weights.npz").unlink()
    with pytest.raises(ArtifactError, match=r"weights\.npz: missing"):
        read_model(folder)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"is not a model folder: it has no checksums\.json"):
        read_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "has format 99"),
        ({"architecture": {"vocab_size": 5}}, "cannot be read"),
        ({"preprocessing": {"tokenizer": "words", "version": 99}}, "no version 99 of the tokenizer 'words'"),
        ({"preprocessing": {"tokenizer": "none", "version": 1}}, "no tokenizer 'none'"),
    ],
)
def test_a_model_of_other_code_says_what_to_do(folder, change, message):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    write_checksums(folder)
    with pytest.raises(ArtifactError, match=message):
        read_model(folder)


def test_pickled_weights_are_never_executed(folder, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    np.savez(folder / "weights.npz", evil=np.array([Evil()], dtype=object))
    write_checksums(folder)
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_model(read_model(folder))
    assert not (tmp_path / "owned").exists()


def test_weights_that_are_not_an_archive_are_refused(folder):
    (folder / "weights.npz").write_bytes(b"PK\x03\x04 not really")
    write_checksums(folder)
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_model(read_model(folder))
    assert not zipfile.is_zipfile(folder / "weights.npz")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runtime", "others"), [("torch", ["onnxruntime", "onnx"]), ("onnxruntime", ["torch", "onnx"])]
)
def test_the_folder_serves_by_itself_with_one_runtime_and_numpy_only(folder, runtime, others):
    """As in the container: the folder's own code, and nothing else of what the project installs."""
    program = """
import importlib.abc, json, sys

class OnlyTheRuntimeAndNumpy(importlib.abc.MetaPathFinder):
    missing = {"nltk", "bs4", "tqdm", "scipy", "pandas", "boto3", "sagemaker", *sys.argv[2:]}
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in self.missing:
            raise ImportError(f"{name} is not in the serving container")

sys.meta_path.insert(0, OnlyTheRuntimeAndNumpy())
sys.path.insert(0, sys.argv[1] + "/code")
import importlib.util
plain = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in sys.argv[2:] else plain(name)
import inference, sentiment
assert sentiment.__file__.startswith(sys.argv[1]), sentiment.__file__
model = inference.model_fn(sys.argv[1])
request = inference.input_fn(json.dumps({"review": "A wonderful &amp; touching film"}), "application/json")
print(inference.output_fn(inference.predict_fn(request, model), "application/json")[0])
print(model.describe()["runtime"])
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(folder), *others],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer, used = done.stdout.splitlines()
    assert json.loads(answer)["sentiment"] == "positive" and used == runtime
    assert [word for word, _ in json.loads(answer)["words"]] == ["A", "wonderful", "touching", "film"]
