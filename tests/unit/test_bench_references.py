"""The references learn what they should, store and load, and use the settings that validation chose."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pytest
from sentiment_fixtures import made_up_reviews

from benchmarks.__main__ import CHOICES
from benchmarks.corpus import Labelled, write_corpus
from benchmarks.errors import BenchError
from benchmarks.fasttext import features
from benchmarks.references import REFERENCES, log_count_ratios, words_and_punctuation
from sentiment.data.reviews import table

FEW = {
    "xgboost": {"num_round": 40},
    "xgboost-tuned": {"num_round": 40},
    "fasttext": {"buckets": 512, "epochs": 12, "learning_rate": 0.05, "batch_size": 16},
}


@pytest.fixture(scope="module")
def made_up() -> dict[str, Labelled]:
    reviews = made_up_reviews(400, 80)
    return {
        name: Labelled(part.texts, part.labels)
        for name in ("train", "validation", "test")
        for part in [reviews.select(name)]
    }


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name == "fasttext" else name for name in REFERENCES],
)
def test_a_reference_learns_and_answers_the_same_after_storing(name, made_up, tmp_path):
    reference = REFERENCES[name]
    said = []
    settings = {**reference.settings, **FEW.get(name, {})}
    model = reference.fit(made_up["train"], made_up["validation"], settings, said.append)
    test = made_up["test"]
    probabilities = np.asarray(model.probabilities(test.texts))
    assert ((probabilities >= 0.5) == (test.labels == 1)).mean() > 0.85
    assert said
    joblib.dump(model, tmp_path / "model", compress=3)
    again = joblib.load(tmp_path / "model").probabilities(test.texts[:3])
    assert np.allclose(again, probabilities[:3], atol=1e-6)
    # A review without a known word still gets an answer.
    assert 0 <= float(model.probabilities(["\U0001f600"])[0]) <= 1


def test_log_count_ratios_are_those_of_the_paper():
    from scipy.sparse import csr_matrix  # takes a second to import

    counts = csr_matrix(np.array([[1, 0], [1, 1], [0, 1], [0, 1]], dtype=np.float32))
    found = log_count_ratios(counts, np.array([1, 1, 0, 0]))
    # Positive: (1 + 2, 1 + 1) of 5; negative: (1 + 0, 1 + 2) of 4.
    assert found == pytest.approx(np.log([(3 / 5) / (1 / 4), (2 / 5) / (3 / 4)]))


def test_words_and_marks_keep_every_mark():
    assert words_and_punctuation("Great<br />film... isn't it?!") == [
        *("great", "film", ".", ".", ".", "isn", "'", "t", "it", "?", "!")
    ]


def test_fasttext_features_are_words_then_bigrams():
    found = features(["good", "film", "unknown"], {"good": 1, "film": 2}, buckets=100)
    assert found[:3].tolist() == [1, 2, 0]
    assert len(found) == 5 and (found[3:] >= 3).all() and (found[3:] < 103).all()
    assert features([], {"good": 1}, 100).tolist() == [0]


@pytest.mark.parametrize("name", [name for name, each in REFERENCES.items() if each.grid])
def test_a_reference_uses_what_validation_chose(name):
    reference = REFERENCES[name]
    tried = json.loads(CHOICES.read_text())[name]
    assert len(tried) == len(reference.candidates())
    best = max(tried, key=lambda row: row["validation_accuracy"])
    assert {setting: reference.settings[setting] for setting in reference.grid} == best["settings"]


def test_a_corpus_needs_a_test_split(tmp_path):
    reviews = table([("good", 1, "train", "a"), ("bad", 0, "validation", "b")])
    with pytest.raises(BenchError, match="no test split"):
        write_corpus(reviews, False, tmp_path)
