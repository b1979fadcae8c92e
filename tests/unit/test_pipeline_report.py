"""The numbers that `make evaluate` reports."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import calibration, draw_calibration, evaluation, wilson_interval


def test_accuracy_confusion_matrix_and_log_loss():
    result = evaluation([1, 1, 0, 0], [0.9, 0.2, 0.1, 0.5])
    assert result["accuracy"] == 0.5
    assert result["confusion_matrix"] == {
        "negative": {"negative": 1, "positive": 1},
        "positive": {"negative": 1, "positive": 1},
    }
    assert result["log_loss"] == pytest.approx(
        -(math.log(0.9) + math.log(0.2) + math.log(0.9) + math.log(0.5)) / 4
    )


def test_a_sure_mistake_costs_much_but_not_infinity():
    assert math.isfinite(evaluation([1], [0.0])["log_loss"])


def test_wilson_interval_of_a_textbook_case():
    # 81 of 263: Newcombe 1998, table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_within_bounds(counts):
    low, high = wilson_interval(*counts)
    share, slack = counts[0] / counts[1], 1e-12
    assert -slack <= low <= share + slack
    assert share - slack <= high <= 1 + slack


def test_calibration_of_a_model_that_means_what_it_says_and_of_one_that_boasts():
    # Ten bins of ten reviews; the n-th bin holds n positive ones.
    labels = [int(place < tenth) for tenth in range(10) for place in range(10)]
    honest = [tenth / 10 for tenth in range(10) for _ in range(10)]
    result = calibration(labels, honest)
    assert result["expected_calibration_error"] == pytest.approx(0)
    assert [row["reviews"] for row in result["bins"]] == [10] * 10
    assert all(row["low"] <= row["positive"] <= row["high"] for row in result["bins"])
    boasting = [0.001 * n if p < 0.5 else 1 - 0.001 * (100 - n) for n, p in enumerate(honest)]
    assert calibration(labels, boasting)["expected_calibration_error"] > 0.2


def test_a_handful_of_reviews_can_be_drawn(tmp_path):
    draw_calibration(calibration([0, 1, 1], [0.1, 0.6, 1.0]), tmp_path / "calibration.png")
    assert (tmp_path / "calibration.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["calibration.png"]
