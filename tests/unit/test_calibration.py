"""Calibration: the fit is the optimum, what is reported was measured, and a few reviews do no harm."""

import json

import numpy as np
import pytest
from sentiment_fixtures import model_folder

from sentiment.evaluation.calibration import (
    ACCURACY_WHEN_SURE,
    calibration,
    cross_fitted,
    fit_mixture,
    unsure_band,
)


def some_logits(count: int, scale: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One part's logits (N, 1) and labels that are positive as often as `scale` times the logit says."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, count)
    labels = (random.random(count) < 1 / (1 + np.exp(-scale * logits))).astype(np.int8)
    return logits[:, None], labels


def long_reviews(parts) -> tuple[np.ndarray, np.ndarray]:
    """The lengths of so many reviews, and that none of them is short."""
    return np.full(len(parts), 250), np.zeros(len(parts), dtype=bool)


def log_loss(parts, labels, weights):
    logits = (1 - 2 * labels) * (parts @ weights)
    return np.log1p(np.exp(logits)).mean()


def test_the_fitted_sum_has_the_least_log_loss():
    parts, labels = some_logits(4000, scale=0.5)
    noise = np.random.default_rng(1).normal(0, 1, (4000, 1))
    parts = np.hstack([parts + noise, parts - noise])
    weights = fit_mixture(parts, labels, *long_reviews(parts))[:2]
    least = log_loss(parts, labels, weights)
    for change in np.vstack([np.eye(2), -np.eye(2)]) * 0.03:
        assert log_loss(parts, labels, weights + change) > least


def test_the_fitted_sum_trusts_the_part_that_knows():
    random = np.random.default_rng(0)
    labels = np.array([0, 1] * 100)
    knowing, ignorant = (2 * labels - 1) * 1 + random.normal(size=200), random.normal(size=200)
    known, unknown = fit_mixture(np.column_stack([knowing, ignorant]), labels, *long_reviews(labels))[:2]
    assert known > 4 * abs(unknown)
    assert fit_mixture(np.column_stack([-knowing, ignorant]), labels, *long_reviews(labels))[0] == 0


def test_short_texts_trust_another_part_than_long_ones():
    random = np.random.default_rng(0)
    labels = np.tile([0, 1], 1000)
    short = np.arange(2000) < 1000
    knowing, ignorant = (2 * labels - 1) + random.normal(size=2000), random.normal(size=2000)
    parts = np.where(
        short[:, None], np.column_stack([knowing, ignorant]), np.column_stack([ignorant, knowing])
    )
    mixture = fit_mixture(parts, labels, np.where(short, 8, 300), short)
    long_deep, long_wide, short_deep, short_wide = mixture
    assert long_wide > 4 * long_deep and short_deep > 4 * short_wide
    found = calibration(parts, labels, np.where(short, 8, 300), short)
    assert found["reviews"] == 1000 and found["short_texts"]["texts"] == 1000
    assert found["short_texts"]["accuracy"] > 0.8


def test_a_temperature_undoes_overconfidence():
    parts, labels = some_logits(20_000, scale=0.25)
    mixture = fit_mixture(parts, labels, *long_reviews(parts))
    assert mixture.tolist() == [mixture[0], 0, mixture[0], 0]
    assert mixture[0] == pytest.approx(0.25, abs=0.02)


def test_a_model_that_is_wrong_keeps_its_verdicts():
    parts, labels = some_logits(400, scale=-2.0)
    weights = fit_mixture(parts, labels, *long_reviews(parts))
    assert 0 < weights[0] < 0.01


def test_separable_reviews_have_a_fit_as_well():
    parts = np.array([[-3.0], [-2.0], [2.0], [4.0]])
    weights = fit_mixture(parts, np.array([0, 0, 1, 1]), *long_reviews(parts))
    assert np.isfinite(weights).all() and weights[0] > 0


def test_a_review_does_not_take_part_in_its_own_probability():
    parts, labels = some_logits(50)
    before = cross_fitted(parts, labels, *long_reviews(parts))
    parts[7] = 30.0
    after = cross_fitted(parts, labels, *long_reviews(parts))
    same_fold = np.flatnonzero(np.isclose(before, after, atol=1e-12))
    # the others of its fold keep their probability: the changed review is held out there
    assert len(same_fold) >= 8 and 7 not in same_fold


def test_a_calibrated_model_shows_the_error_of_chance():
    made = [some_logits(2000, seed=seed) for seed in range(6)]
    found = [calibration(parts, labels, *long_reviews(parts)) for parts, labels in made]
    errors = [one["expected_calibration_error"] for one in found]
    assert np.mean(errors) == pytest.approx(found[0]["chance"], rel=0.35)


def test_the_band_holds_the_probabilities_that_are_often_wrong():
    parts, labels = some_logits(20_000)
    low, high = unsure_band(1 / (1 + np.exp(-parts[:, 0])), labels)
    # calibrated: right as often as it says
    assert high == pytest.approx(ACCURACY_WHEN_SURE, abs=0.03) and low == pytest.approx(1 - high)


@pytest.mark.parametrize("count", [10, 40, 100, 300])
def test_few_reviews_leave_the_band_near_what_the_probabilities_promise(count):
    for seed in range(10):
        parts, labels = some_logits(count, seed=seed)
        low, high = unsure_band(1 / (1 + np.exp(-parts[:, 0])), labels)
        assert 0.6 < high < 0.92 and low == pytest.approx(1 - high)


def test_no_band_where_every_verdict_is_right():
    assert unsure_band(np.array([0.01, 0.99] * 500), np.array([0, 1] * 500)) is None
    assert unsure_band(np.zeros(0), np.zeros(0)) is None


def test_a_model_that_guesses_is_never_sure():
    labels = np.random.default_rng(0).integers(0, 2, 2000)
    low, high = unsure_band(np.linspace(0.2, 0.8, 2000), labels)
    assert high >= 0.8 and low <= 0.2


@pytest.mark.parametrize("name", ["fast", "predecessor"])
def test_training_leaves_its_calibration_in_the_model_folder(name):
    found = json.loads((model_folder(name) / "metrics.json").read_text())["calibration"]
    assert found["reviews"] == sum(row["reviews"] for row in found["bins"]) == 40
    assert found["unsure"] is None or 0 <= found["unsure"][0] < 0.5 < found["unsure"][1] <= 1
    assert (
        np.load(model_folder(name) / "weights.npz")["mixture"][0] != 1.0
    )  # fitted, also without a wide part
