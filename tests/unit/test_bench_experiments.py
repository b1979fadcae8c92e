"""The experiments of the bench, each run whole in its quick mode on made-up reviews and a tiny model."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bench_fixtures import few_texts_beside
from sentiment_fixtures import made_up_reviews, model_folder

from benchmarks import (
    apostrophes,
    card,
    corpus,
    experiments,
    inference,
    machine,
    measure,
    official,
    predecessor,
    preprocessing,
    training,
)
from benchmarks.behaviour.forms import APOSTROPHES
from benchmarks.errors import BenchError
from benchmarks.faithfulness import SHARES, TITLES, area, candidates, changed_reviews, ids_of
from benchmarks.results import Results
from sentiment.data.reviews import Reviews
from sentiment.model.lstm import collate
from sentiment.serving.artifact import read_model
from sentiment.serving.torch_engine import TorchEngine
from sentiment.text.predecessor.review_to_words import review_to_words
from sentiment.training.precision import bfloat16_failure


@pytest.fixture
def bench(tmp_path, monkeypatch):
    of_tests = corpus.write_corpus(made_up_reviews(), True, tmp_path)
    results = Results(tmp_path / "results", machine.describe())
    monkeypatch.setattr(measure.Bench, "trained", lambda self, names: {"fast": model_folder("fast")})
    return measure.Bench(of_tests, results, tmp_path, True, lambda line: None)


@pytest.mark.slow
def test_inference_has_all_that_can_answer_side_by_side(bench):
    rows = {row["name"]: row for row in experiments.measured("inference", bench)["rows"]}
    assert list(rows) == ["fast-onnxruntime", "fast-torch", "predecessor-lean", "predecessor"]
    for row in rows.values():
        assert 0 < row["median"]["p50_ms"] <= row["median"]["p99_ms"]
        assert row["cold_start_s"] * 1000 > row["median"]["p50_ms"] and row["reviews_per_second"] > 0
    ours, base = rows["fast-onnxruntime"], rows["predecessor"]
    assert {"words", "emoji"} < set(ours["longest_explained"]) and "longest_explained" not in base
    assert inference.slowest(ours)[1] >= ours["longest_explained"]["words"]["p50_ms"] > 0
    assert ours["ratios"]["predecessor"] == pytest.approx(base["median"]["p50_ms"] / ours["median"]["p50_ms"])
    assert ours["ratios"]["predecessor"] > 10  # a tiny model without stop words read for every word
    assert ours["ratios"]["explained_median"] > 1 and "explained_median" not in base["ratios"]


def test_the_median_over_turns_is_that_of_each_figure():
    turns = [{"a": 1, "b": {"c": 5.0}}, {"a": 3, "b": {"c": 1.0}}, {"a": 9, "b": {"c": 2.0}}]
    assert inference.medians(turns) == {"a": 3.0, "b": {"c": 2.0}}


@pytest.mark.slow
def test_preprocessing_beats_the_predecessor_over_all_reviews(bench):
    result = experiments.measured("preprocessing", bench)
    reference, *ours = result["rows"]
    assert (reference["tokenizer"], reference["ratio"], reference["reviews"]) == ("predecessor", 1.0, 5)
    assert {row["tokenizer"] for row in ours} == {"review_to_words", "words"}
    for row in ours:
        assert row["reviews"] == 240 and row["ratio"] > 20
        assert row["reviews_per_second"] == pytest.approx(240 / row["seconds"])


@pytest.mark.slow
def test_a_training_step_is_set_against_the_machines_products(bench, monkeypatch):
    monkeypatch.setattr(measure, "texts_beside", few_texts_beside)
    result = experiments.measured("training", bench)
    assert [row["precision"] for row in result["rows"]] == ["bfloat16", "float32"]
    possible = [row for row in result["rows"] if "failure" not in row]
    assert [row["precision"] for row in possible][-1] == "float32"
    assert ("bfloat16" in [row["precision"] for row in possible]) == (bfloat16_failure("cpu") is None)
    for row in possible:
        assert row["recipe"] == "fast" and row["milliseconds"] > 0
        assert 0 < row["gflops"] < row["limit_gflops"]
        assert len(row["operators"]) == 4 and 0.2 < sum(row["operators"].values()) <= 1
    assert "`fast`" in card.BLOCKS["training"]({"experiments": {"training": result}})
    [epoch] = result["without_bfloat16"]["epoch_seconds"]
    assert epoch > 0 and 0 < result["without_bfloat16"]["validation_accuracy"] <= 1


def test_words_in_a_table_are_aligned_to_the_left_and_operators_have_short_names():
    columns = ("a step of", "numbers", "ms", "GFLOP/s", "the machine's", "share", "most of its time goes to")
    row = {"recipe": "fast", "precision": "float32", "milliseconds": 9, "gflops": 1, "limit_gflops": 4}
    row["operators"] = {"copy_": 0.4, "autograd::engine::evaluate_function: RnnBackward0": 0.1}
    result = {"rows": [row], "quick": False, "measured": "now", "machine": machine.describe()}
    head, rule, line, *_ = experiments.markdown("training", result).splitlines()
    assert head == f"| {' | '.join(columns)} |"
    assert rule == "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    assert line == "| `fast` | float32 | 9 | 1 | 4 | 25% | copy_ 40%, RnnBackward0 10% |"


@pytest.mark.slow
def test_a_number_format_that_the_processor_lacks_gets_a_row_that_says_so(bench, monkeypatch):
    monkeypatch.setattr(training, "PRECISIONS", {"bfloat16": torch.bfloat16})
    monkeypatch.setattr(training, "bfloat16_failure", lambda device: "no such kernel")
    trained: list[measure.Contestant] = []

    def train(bench, contestant):
        trained.append(contestant)
        return {"epoch_seconds": [3.0], "curve": [[4.0, 0.9]]}

    monkeypatch.setattr(measure.Bench, "train", train)
    result = experiments.measured("training", bench)
    assert [row["failure"] for row in result["rows"]] == ["no such kernel"]
    assert [each.precision for each in trained] == [None], "it trains without bfloat16 by itself"
    table = card.BLOCKS["training"]({"experiments": {"training": result}})
    assert "| `fast` | bfloat16 | - | - | - | - | not possible on this processor |" in table


@pytest.mark.slow
def test_words_that_differ_from_the_predecessors_stop_the_measurement(monkeypatch):
    monkeypatch.setattr(preprocessing, "review_to_words", lambda review: ["other"])
    with pytest.raises(BenchError, match="review 0 of the sample gives other words"):
        preprocessing.reference_row(["A wonderful film<br />about nothing"])


@pytest.mark.slow
def test_the_predecessor_as_written_gives_our_words_and_answers():
    review = "The acting wasn't GREAT,<br /><br />but I&#39;ve <i>loved</i> it: 10/10"
    assert predecessor.review_to_words(review) == review_to_words(review)
    model = predecessor.Predecessor(review_to_words, [review_to_words(review)])
    together = model.probabilities([review, "", "great " * 600])
    assert all(0 < probability < 1 for probability in together)
    assert together[0] == pytest.approx(model.probabilities([review])[0], abs=1e-6)


def test_the_words_that_faithfulness_weighs_are_those_that_the_model_reads():
    known = next(word for word in read_model(model_folder()).word_dict if len(word) > 4 and word.isalpha())
    mistyped = known[1] + known[0] + known[2:]
    right, corrected = ids_of(model_folder(), [f"{word} film" for word in (known, mistyped)])
    assert corrected.tolist() == right.tolist()


@pytest.mark.slow
def test_faithfulness_compares_all_candidates_and_is_drawn(bench, tmp_path):
    result = experiments.measured("faithfulness", bench)
    rows = {row["name"]: row for row in result["rows"]}
    assert list(rows) == list(TITLES) and result["reviews"] == 6
    for row in rows.values():
        assert len(row["deletion"]) == len(row["insertion"]) == len(SHARES)
        assert row["deletion"][0] == pytest.approx(rows["states"]["deletion"][0])  # nothing is deleted yet
    assert rows["states"]["deletion_area"] < rows["random"]["deletion_area"]
    assert experiments.write("faithfulness", result, tmp_path) == ["faithfulness.json", "faithfulness.svg"]
    assert json.loads((tmp_path / "faithfulness.json").read_text()) == result
    svg = ElementTree.fromstring((tmp_path / "faithfulness.svg").read_text())
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    text = card.BLOCKS["faithfulness"]({"experiments": {"faithfulness": result}})
    assert f"| {TITLES['states']} | {rows['states']['deletion_area']:.3f} |" in text
    assert "QUICK RUN" in text and "QUICK RUN" in experiments.document("faithfulness", result)


@pytest.mark.slow
def test_behaviour_is_measured_for_recipes_and_references(bench):
    result = experiments.measured("behaviour", bench)
    assert {name for row in result["rows"] for name in row["models"]} == {"fast", "tfidf-lr", "nb-lr"}
    for row in result["rows"]:
        assert row["cases"] > 0 and row["models"]["fast"]["failures"] <= row["cases"]
    assert "| ... negated |  |" in card.BLOCKS["behaviour"]({"experiments": {"behaviour": result}})


@pytest.mark.slow
def test_apostrophes_of_other_forms_change_no_verdict(bench):
    result = experiments.measured("apostrophes", bench)
    *others, _, left_out = [row["snippets"]["fast"] for row in result["rows"]]
    assert [each["changed"] for each in others] == [0] * len(APOSTROPHES)
    assert left_out["texts"] == apostrophes.QUICK_TEXTS
    table = card.BLOCKS["apostrophes"]({"experiments": {"apostrophes": result}})
    assert f"| \u2019 (U+2019) | - | 0 of {apostrophes.QUICK_TEXTS} (0.00%) |" in table


@pytest.mark.slow
def test_the_official_layout_compares_on_validation_by_movie(bench, tmp_path, monkeypatch):
    with pytest.raises(BenchError, match="name it by --aclimdb FOLDER"):
        experiments.measured("official", bench)
    monkeypatch.setattr(official, "COMPARED", ("xgboost", "nb-lr"))
    monkeypatch.setattr(official, "SUBJECT", "nb-lr")
    tree = official_layout(made_up_reviews(400), tmp_path / "aclImdb")
    result = experiments.measured("official", replace(bench, aclimdb=tree))
    assert set(result["counts"]) == {"train", "validation", "unsupervised"}
    xgboost, nb_lr = result["rows"]
    assert xgboost["seconds"] > 0
    assert nb_lr["accuracy"]["validation"]["accuracy"] > 0.9 and "test" not in nb_lr["accuracy"]
    gap = nb_lr["accuracy"]["validation"]["accuracy"] - xgboost["accuracy"]["validation"]["accuracy"]
    assert xgboost["ahead"]["difference"] == pytest.approx(gap)
    assert f"| {nb_lr['title']} |" in card.BLOCKS["official"]({"experiments": {"official": result}})


def official_layout(reviews: Reviews, root: Path) -> Path:
    """Write the training reviews in the official layout without its test half, two of each movie."""
    of_training = reviews.select("train")
    for label, name, rating in ((1, "pos", 8), (0, "neg", 2), (1, "unsup", 0)):
        texts = [
            text for text, each in zip(of_training.texts, of_training.labels, strict=True) if each == label
        ]
        folder = root / "train" / name
        folder.mkdir(parents=True)
        for number, text in enumerate(texts):
            (folder / f"{number}_{rating}.txt").write_text(text)
        movies = "".join(f"movie {number // 2}\n" for number in range(len(texts)))
        (root / "train" / f"urls_{name}.txt").write_text(movies)
    return root


def test_curves_delete_and_insert_the_words_that_count_first():
    ids = np.arange(10, 110)
    changed = changed_reviews(ids, np.argsort(-ids))
    deleted, inserted = changed[: len(SHARES)], changed[len(SHARES) :]
    for share, without, alone in zip(SHARES, deleted, inserted, strict=True):
        count = round(share * 100)
        assert (without != 1).sum() == 100 - count and (alone != 1).sum() == count
        assert set(alone[alone != 1]) == set(range(110 - count, 110))
    assert area(np.full(len(SHARES), 0.25)) == pytest.approx(0.25)


def test_integrated_gradients_add_up_to_what_the_words_change():
    engine = TorchEngine(read_model(model_folder("fast")))
    weigh = candidates(engine)
    ids = np.array([3, 4, 5, 6, 7, 8, 9, 10] * 4)
    whole, ngrams = weigh["integrated"](ids).sum(), weigh["ngrams"](ids).sum()
    batch = collate([ids], engine.model.architecture)
    with torch.no_grad():
        absent = engine.model(batch, torch.zeros(*batch.ids.shape, engine.model.architecture.embedding_dim))
        present = engine.model(batch)
    change = float(engine.model.mixture[0] * (present - absent))
    assert whole - ngrams == pytest.approx(change, abs=0.02)


def test_an_experiment_that_was_not_measured_is_said_to_be_missing():
    assert "python -m benchmarks inference" in card.BLOCKS["inference"]({"experiments": {}})
