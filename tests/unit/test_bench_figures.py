"""What the benchmarks compute: ratios, intervals, calibration, slices, and the cache of results."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from bench_fixtures import rows

from benchmarks import corpus, machine, slices, table
from benchmarks.errors import BenchError
from benchmarks.measure import contestants, curve, run_process, size_mb, time_to
from benchmarks.results import Results, key_of
from sentiment.data import counterfactuals, rated, snippets, written
from sentiment.data.reviews import Reviews, concatenate, normalised
from sentiment.data.reviews import table as reviews_of

HERE = {"processor": "EPYC", "cores": 2}


def test_a_result_is_measured_once_for_each_key(tmp_path):
    results = Results(tmp_path, HERE)
    measured = []

    def measure():
        measured.append(1)
        return {"seconds": len(measured)}

    first, was_cached = results.cached("nb-lr-train", "k1", measure)
    assert (first["seconds"], was_cached) == (1, False)
    assert results.cached("nb-lr-train", "k1", measure) == (first, True)
    assert results.cached("nb-lr-train", "k2", measure)[0]["seconds"] == 2
    assert Results(tmp_path, HERE, again=True).cached("nb-lr-train", "k2", measure)[0]["seconds"] == 3


def test_figures_of_another_machine_are_refused(tmp_path):
    Results(tmp_path, HERE).cached("fast-train", "k", lambda: {"seconds": 1})
    elsewhere = Results(tmp_path, HERE | {"cores": 64})
    with pytest.raises(BenchError, match=r"another machine.*cores.*--again"):
        elsewhere.cached("fast-train", "k", lambda: {"seconds": 2})
    assert (
        Results(tmp_path, HERE | {"cores": 64}, again=True).cached("fast-train", "k", lambda: {})[1] is False
    )


def test_a_half_written_or_failed_result_is_measured_again(tmp_path):
    results = Results(tmp_path, HERE)
    (tmp_path / "fast-train.json").write_text('{"key": "k", "res')
    assert results.cached("fast-train", "k", lambda: {"seconds": 5})[0]["seconds"] == 5

    def fails():
        raise BenchError("no")

    with pytest.raises(BenchError):
        results.cached("other", "k", fails)
    assert not (tmp_path / "other.json").exists()


def test_a_key_follows_the_content_of_files(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("1")
    before = key_of("x", file)
    file.write_text("2")
    assert key_of("x", file) != before
    assert key_of("y", file) != key_of("x", file)


def test_ratios_divide_by_the_predecessor_and_by_what_validation_calls_the_best_classical():
    given = rows()
    assert table.best_classical(given)["name"] == "nb-lr"  # though xgboost is better on test
    fast = table.with_ratios(given)[-1]["ratios"]
    assert fast["predecessor"]["errors"] == pytest.approx(0.1 / 0.2)
    assert fast["predecessor"]["training"] == pytest.approx(100 / 400)
    assert fast["predecessor"]["latency"] == pytest.approx(0.5 / 4)
    assert fast["best_classical"] == {
        "errors": pytest.approx(0.1 / 0.14),
        "training": pytest.approx(5.0),
        "latency": pytest.approx(0.25),
        "to": "nb-lr",
    }


def test_single_rows_have_no_ratios_and_still_a_table():
    text = table.as_text(table.with_ratios(rows()[-1:]))
    assert "the fast" in text and "Divided by" not in text


def test_all_lines_of_the_table_end_where_its_rule_does():
    lines = table.as_text(table.with_ratios(rows())).splitlines()
    assert lines[1] == "-" * len(lines[1])
    assert {len(line) for line in lines[2:6]} == {len(lines[1])}


def test_the_time_to_an_accuracy_is_that_of_the_first_epoch_that_reached_it():
    trained = {"seconds": 90.0, "curve": [(20.0, 0.80), (40.0, 0.86), (60.0, 0.85), (80.0, 0.87)]}
    assert time_to(0.854, trained, 0.87) == 40.0
    assert time_to(0.90, trained, 0.87) is None
    # A last stage after the epochs, or a model trained at one go, counts when it is done.
    assert time_to(0.90, trained, 0.91) == 90.0
    assert time_to(0.90, {"seconds": 9.0, "curve": []}, 0.89) is None


def test_the_curve_is_read_from_the_lines_that_the_trainer_prints():
    lines = [
        (1.0, "recipe fast: 20 reviews"),
        (5.0, "epoch 1: 1,088 of 4,000 reviews, 108 reviews/s, 27 s left"),
        (9.0, "epoch=1/2 train_loss=0.5 validation_loss=0.2 validation_accuracy=0.8990 seconds=3"),
        (12.0, "wrote the model of epoch 1 (validation_accuracy=0.8990) to build"),
    ]
    assert curve(lines) == [(9.0, 0.899)]


def test_a_failing_process_says_what_it_said(tmp_path):
    with pytest.raises(BenchError, match="out of paper"):
        run_process(["python3", "-c", "print('out of paper'); raise SystemExit(3)"], lambda line: None)


def test_a_process_is_timed_line_by_line(tmp_path):
    """It prints its second line only when its first one has been shown, or has not been for a minute."""
    shown = tmp_path / "shown"
    program = (
        "import pathlib, sys, time\nprint('one', flush=True)\n"
        "for _ in range(6000):\n    if pathlib.Path(sys.argv[1]).exists(): break\n    time.sleep(0.01)\n"
        "print('two')"
    )
    done = run_process([sys.executable, "-c", program, shown], lambda line: shown.touch())
    (first, one), (second, two) = done.lines
    assert (one, two) == ("one", "two")
    assert 0 < first < second <= done.seconds and done.peak_mib > 1


def test_the_size_of_a_model_leaves_out_the_code_it_carries(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_bytes(b"x" * 5000)
    (tmp_path / "weights.npz").write_bytes(b"x" * 2000)
    assert size_mb(tmp_path) == pytest.approx(0.002)


def test_everyone_takes_part_and_the_product_comes_last():
    names = list(contestants())
    assert names[0] == "predecessor"
    assert names[1:7] == ["xgboost", "xgboost-tuned", "tfidf-lr", "nb-svm", "nb-lr", "fasttext"]
    assert "fast" in names[7:] and "semi" not in names


def test_slices_by_length_and_by_negation_hold_each_review_once():
    texts = ["good " * n for n in (1, 99, 100, 399, 400, 2000)] + ["not good, isn't it?", ""]
    for found in (slices.by_length(texts), slices.by_negation(texts)):
        assert sorted(np.concatenate([each.rows for each in found])) == list(range(len(texts)))


def test_negations_are_counted_among_words():
    assert slices.negations("It was not good.") == 25
    assert slices.negations("I can't, I won't: never!") == pytest.approx(60)
    assert slices.negations("Nothing but knots and notes") == 20
    assert slices.negations("!!!") == 0


def test_a_quote_is_short_and_without_markup():
    text = "<br />Begin &amp; go " + "on " * 100 + "to the <i>end</i>."
    quoted = slices.quote(text)
    assert quoted.startswith("Begin & go on") and quoted.endswith("to the end .")
    assert "…" in quoted and len(quoted.split()) < 42
    assert slices.quote("All of it.") == "All of it."


def test_mistakes_are_the_most_confident_ones_of_either_label():
    texts = [f"review {n}" for n in range(6)]
    labels = np.array([0, 0, 0, 1, 1, 1])
    found = slices.mistakes(texts, labels, np.array([0.9, 0.6, 0.1, 0.2, 0.8, 0.05]), each=2)
    assert [(one["label"], one["quote"]) for one in found] == [
        (0, "review 0"),
        (0, "review 1"),
        (1, "review 5"),
        (1, "review 3"),
    ]


@pytest.fixture
def layout(tmp_path):
    """A small tree in the official layout: two movies, ratings 1, 3, 8 and 10."""
    for name, rows_of in (
        ("neg", ((0, 1, "awful"), (1, 3, "poor"))),
        ("pos", ((0, 8, "fine"), (1, 10, "superb"))),
    ):
        folder = tmp_path / "train" / name
        folder.mkdir(parents=True)
        for number, rating, text in rows_of:
            (folder / f"{number}_{rating}.txt").write_text(f"{text} film")
        (tmp_path / "train" / f"urls_{name}.txt").write_text("movie/1\nmovie/2\n")
    return tmp_path


def test_ratings_and_movies_are_found_by_the_text(layout):
    known = slices.origins(layout)
    assert known["superb film"] == slices.Origin(10, "movie/2")
    reviews: Reviews = reviews_of(
        [
            ("Awful film", 0, "train", "a"),
            ("poor film", 0, "validation", "e"),
            ("fine<br />film", 1, "test", "b"),
            ("superb film", 1, "test", "c"),
            ("nobody knows this one", 1, "test", "d"),
        ]
    )
    found = {(each.group, each.name): each.rows.tolist() for each in slices.by_origin(reviews, known)}
    assert found["rating", "7 or 8"] == [0] and found["rating", "9 or 10"] == [1]
    assert found["movie", "also in training"] == [0] and found["movie", "new"] == [1]
    assert slices.overlap(reviews, known)["this"] == {"validation": 0.0, "test": 0.5}
    assert slices.overlap(reviews, {}) is None


def test_the_short_sentences_are_balanced():
    labelled, kinds = corpus.sentences()
    assert len(labelled) == len({normalised(text) for text in labelled.texts})
    for kind, count in {"plain": 150, "negated": 200, "contrastive": 150}.items():
        labels = [label for label, each in zip(labelled.labels, kinds, strict=True) if each == kind]
        assert len(labels) >= count and 0.45 < np.mean(labels) < 0.55


def test_no_sentence_that_measures_is_learned():
    learned = concatenate(
        [written.load(), written.neutral(), rated.load(), rated.neutral(), counterfactuals.load()]
    ).select("train")
    texts = {normalised(text).rstrip(".!") for text in learned.texts}
    measured = {normalised(text).rstrip(".!") for text in corpus.sentences()[0].texts}
    assert not texts & measured
    assert not {normalised(text) for text in corpus.snippets().texts} & {
        normalised(text) for text in snippets.load().select("train").texts
    }


def test_the_machine_is_described_for_a_caption():
    described = machine.describe()
    json.dumps(described)
    line = machine.summary(described)
    assert f"{described['cores']} cores of " in line and "torch 2." in line


def test_the_processor_is_named_with_what_makes_training_fast(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "model name\t: AMD EPYC 9R14\nflags\t: sse avx512_bf16\n\nmodel name\t: AMD EPYC 9R14\n"
    )
    assert machine.processor(cpuinfo) == "AMD EPYC 9R14 with avx512_bf16"
