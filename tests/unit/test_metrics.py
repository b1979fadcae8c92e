"""What is measured of a model: metrics, their intervals, reliability, and the pictures of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.evaluation import figures
from sentiment.evaluation.metrics import (
    accuracy,
    answers_in_band,
    evaluate,
    expected_calibration_error,
    paired_difference,
    reliability_curve,
    slices,
    wilson_interval,
)


def test_accuracy_confusion_matrix_and_log_loss():
    result = evaluate([1, 1, 0, 0], [0.9, 0.2, 0.1, 0.5])
    assert result["accuracy"] == 0.5
    assert result["confusion_matrix"] == {
        "negative": {"negative": 1, "positive": 1},
        "positive": {"negative": 1, "positive": 1},
    }
    assert result["log_loss"] == pytest.approx(
        -(math.log(0.9) + math.log(0.2) + math.log(0.9) + math.log(0.5)) / 4
    )


def test_a_sure_mistake_costs_much_but_not_infinity():
    assert math.isfinite(evaluate([1], [0.0])["log_loss"])


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
    result = evaluate(labels, honest)["calibration"]
    assert result["expected_calibration_error"] == pytest.approx(0)
    assert [row["reviews"] for row in result["bins"]] == [10] * 10
    assert all(row["low"] <= row["positive"] <= row["high"] for row in result["bins"])
    boasting = [0.001 * n if p < 0.5 else 1 - 0.001 * (100 - n) for n, p in enumerate(honest)]
    assert evaluate(labels, boasting)["calibration"]["expected_calibration_error"] > 0.2


def test_unsure_answers_are_counted_and_scored_apart():
    probabilities, labels = np.array([0.45, 0.55, 0.9, 0.1]), np.array([1, 1, 1, 0])
    found = answers_in_band(labels, probabilities, (0.4, 0.6))
    assert found["share"] == 0.5
    assert (found["unsure"]["accuracy"], found["sure"]["accuracy"]) == (0.5, 1.0)
    assert answers_in_band(labels, probabilities, None) is None
    assert answers_in_band(labels, probabilities, (0.47, 0.48))["unsure"] is None


def test_two_models_are_compared_review_by_review():
    labels = np.ones(100, dtype=int)
    ours, theirs = np.full(100, 0.9), np.full(100, 0.9)
    ours[:4], theirs[2:12] = 0.1, 0.1
    found = paired_difference(labels, ours, theirs)
    assert (found["only_ours_right"], found["only_theirs_right"]) == (8, 2)
    assert found["difference"] == pytest.approx(0.06)
    # Its limit for many reviews is 0.06 +- sqrt(10/100 - 0.06^2) / sqrt(100) * 1.96; a review is 0.01.
    assert found["interval"] == pytest.approx([0.06 - 0.06085, 0.06 + 0.06085], abs=0.0101)
    assert found == paired_difference(labels, ours, theirs)


def test_accuracy_has_the_interval_of_wilson():
    found = accuracy(np.ones(100, dtype=int), np.array([0.5] * 90 + [0.4] * 10))
    assert found["accuracy"] == 0.9 and found["reviews"] == 100
    assert found["interval"] == pytest.approx([0.8256, 0.9448], abs=1e-3)


def test_accuracy_by_label_and_length_leaves_out_what_has_no_reviews():
    found = slices([0, 0, 1, 1], [0.1, 0.8, 0.9, 0.7], [20, 150, 151, 160])
    assert [(one["name"], one["reviews"], one["accuracy"]) for one in found] == [
        ("negative", 2, 0.5),
        ("positive", 2, 1.0),
        ("up to 150 words", 2, 0.5),
        ("151 to 300 words", 2, 1.0),
    ]
    assert all(one["interval"][0] < one["accuracy"] <= one["interval"][1] for one in found)


def test_bins_hold_equally_many_reviews_in_order_of_probability():
    rows = reliability_curve(np.array([0, 1, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9]), bins=2)
    assert [(row["reviews"], row["positive"]) for row in rows] == [(3, 1 / 3), (3, 1.0)]
    assert expected_calibration_error(rows) == pytest.approx((abs(0.2 - 1 / 3) + abs(0.8 - 1)) / 2)


@pytest.mark.parametrize("draw", [figures.confusion_matrix, figures.reliability])
def test_a_handful_of_reviews_can_be_drawn(tmp_path, draw):
    file = figures.save(draw(evaluate([0, 1, 1], [0.1, 0.6, 1.0])), tmp_path / "picture.png")
    assert file.read_bytes().startswith(b"\x89PNG")
    assert [each.name for each in tmp_path.iterdir()] == ["picture.png"]
