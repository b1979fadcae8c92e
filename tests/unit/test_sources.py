"""Which files a trained model depends on: a change of any other must not train it again."""

from __future__ import annotations

from project.paths import PROJECT
from project.sources import training_sources


def names() -> set[str]:
    return {file.relative_to(PROJECT).as_posix() for file in training_sources()}


def test_what_makes_a_model_is_among_its_sources():
    expected = {
        "train/train.py",
        "serve/inference.py",
        "sentiment/errors.py",
        "sentiment/files.py",
        "sentiment/data/channels.py",
        "sentiment/evaluation/calibration.py",
        "sentiment/model/lstm.py",
        "sentiment/serving/onnx_engine.py",
        "sentiment/text/predecessor/stop_words_english.txt",
        "sentiment/training/export.py",
        "sentiment/training/glove.npz",
        "sentiment/training/ngram_fit.py",
        "sentiment/training/trainer.py",
    }
    assert expected <= names()


def test_code_that_draws_reads_reviews_or_logs_a_run_is_not_among_its_sources():
    assert "sentiment/evaluation/figures.py" not in names()
    assert not {"sentiment/data/kaggle.py", "sentiment/data/download.py"} & names()
    assert not [name for name in names() if name.startswith(("tracking/", "project/", "pipeline/"))]
