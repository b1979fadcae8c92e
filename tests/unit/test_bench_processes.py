"""One reference and one recipe through the whole bench, in real processes, on made-up reviews."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench_fixtures import few_texts_beside
from sentiment_fixtures import made_up_reviews

from benchmarks import corpus, machine, measure, report
from benchmarks.results import Results

pytestmark = pytest.mark.slow


def test_rows_are_measured_kept_and_put_together(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "texts_beside", few_texts_beside)
    lines: list[str] = []
    of_tests = corpus.write_corpus(made_up_reviews(), True, tmp_path)
    results = Results(tmp_path / "results", machine.describe())
    bench = measure.Bench(of_tests, results, tmp_path, True, lines.append)
    taking_part = measure.contestants()
    rows = [bench.row(taking_part[name]) for name in ("tfidf-lr", "fast")]

    for row in rows:
        assert row["train"]["seconds"] > 0
        assert row["accuracy"]["test"]["reviews"] == 40
        assert row["accuracy"]["snippets"]["reviews"] == 500
        assert 0 < row["serving"]["median"]["p50_ms"] <= row["serving"]["median"]["p99_ms"]
        assert row["serving"]["cold_start_s"] * 1000 > row["serving"]["median"]["p50_ms"]
    reference, recipe = rows
    assert reference["accuracy"]["test"]["accuracy"] > 0.8
    assert len(recipe["train"]["curve"]) == len(recipe["train"]["epoch_seconds"]) == 1
    assert list(recipe["seeds"][0]) == ["validation", "test", "snippets", "plain", "negated", "contrastive"]
    assert recipe["seeds"][0]["negated"]["reviews"] == 208
    assert recipe["train"]["seconds"] > recipe["train"]["curve"][0][0] > recipe["train"]["prepare_seconds"]
    assert recipe["accuracy"]["model"]["recipe"] == "fast"
    assert recipe["serving"]["median"]["explained"]["p50_ms"] > 0

    folder = bench.model_folder(taking_part["fast"])
    assert bench.trained(("best", "fast")) == {"fast": folder}  # `best` was not trained here

    seen = len(lines)
    assert [bench.row(taking_part[name]) for name in ("tfidf-lr", "fast")] == rows
    assert bench.model_of("fast") == folder
    assert not any(line.startswith("|") for line in lines[seen:]), "something ran again"
    key = taking_part["fast"].key(of_tests, True)
    assert replace(taking_part["fast"], seed=1).key(of_tests, True) != key

    result = report.assemble(bench, rows, "made up")
    assert result["subject"] == "fast" and result["best_classical"] == "tfidf-lr"
    assert sum(row["reviews"] for row in result["slices"] if row["group"] == "length") == 40
    assert result["calibration"]["test"]["reviews"] == 40
