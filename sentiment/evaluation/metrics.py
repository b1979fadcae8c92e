"""Metrics of binary classification: accuracy with an interval, log loss, confusion matrix, reliability.

Throughout, `labels` are 0 (negative) or 1 (positive), and `probabilities` are those of positive: at least 0.5
is a positive verdict. Both are arrays or sequences of length N.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

BINS = 10
SHORTER, LONGER = 150, 300
"""The bounds, in words, between the slices of short, medium and long reviews."""
Z_95 = 1.959964
BOOTSTRAPS = 10_000
"""The standard normal's 97.5 % quantile."""


def evaluate(labels: ArrayLike, probabilities: ArrayLike) -> dict[str, Any]:
    """Evaluate a model's probabilities on labelled reviews; the result can be written as JSON.

    The keys are `reviews` (how many), `accuracy`, `accuracy_interval_95`, `log_loss`, `confusion_matrix` (by
    label, then by verdict) and `calibration` (with `expected_calibration_error` and the `bins` of
    `reliability_curve`).
    """
    actual, probability = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    verdict = (probability >= 0.5).astype(np.int64)
    matrix = np.zeros((2, 2), dtype=np.int64)
    np.add.at(matrix, (actual, verdict), 1)
    right = int(np.trace(matrix))
    likelihood = np.where(actual == 1, probability, 1 - probability)
    names = ("negative", "positive")
    bins = reliability_curve(labels, probabilities)
    return {
        "reviews": len(actual),
        "accuracy": right / len(actual),
        "accuracy_interval_95": list(wilson_interval(right, len(actual))),
        "log_loss": float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        "confusion_matrix": {
            name: dict(zip(names, row, strict=True)) for name, row in zip(names, matrix.tolist(), strict=True)
        },
        "calibration": {"expected_calibration_error": expected_calibration_error(bins), "bins": bins},
    }


def accuracy(labels: ArrayLike, probabilities: ArrayLike) -> dict[str, Any]:
    """The share of right verdicts (`accuracy`), its 95 % `interval`, and the number of `reviews`."""
    right = (np.asarray(probabilities) >= 0.5) == (np.asarray(labels) == 1)
    count = int(right.sum())
    return {
        "accuracy": count / len(right),
        "interval": list(wilson_interval(count, len(right))),
        "reviews": len(right),
    }


def slices(labels: ArrayLike, probabilities: ArrayLike, lengths: ArrayLike) -> list[dict[str, Any]]:
    """The `accuracy` of slices of the reviews, by label and by length, each with its `name`.

    `lengths` (N,) are the numbers of words. Slices without reviews are left out.
    """
    actual, probability, words = np.asarray(labels), np.asarray(probabilities), np.asarray(lengths)
    masks = {
        "negative": actual == 0,
        "positive": actual == 1,
        f"up to {SHORTER} words": words <= SHORTER,
        f"{SHORTER + 1} to {LONGER} words": (words > SHORTER) & (words <= LONGER),
        f"more than {LONGER} words": words > LONGER,
    }
    return [
        {"name": name, **accuracy(actual[mask], probability[mask])}
        for name, mask in masks.items()
        if mask.any()
    ]


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """The confidence interval of a proportion (Wilson 1927), 95 % by default; `z` is the normal quantile."""
    centre = (successes + z**2 / 2) / (trials + z**2)
    share = successes / trials
    half = z / (trials + z**2) * math.sqrt(trials * share * (1 - share) + z**2 / 4)
    return centre - half, centre + half


def paired_difference(labels: ArrayLike, ours: ArrayLike, theirs: ArrayLike) -> dict[str, Any]:
    """The `difference` in accuracy of `ours` and `theirs` on the same reviews, and its 95 % `interval`.

    The interval is that of a paired bootstrap: BOOTSTRAPS times, as many reviews are drawn with replacement.
    Only the counts of those that one has right and the other wrong matter, `only_ours_right` and
    `only_theirs_right`, so these are drawn. Every call draws the same.
    """
    actual = np.asarray(labels) == 1
    our_right, their_right = ((np.asarray(each) >= 0.5) == actual for each in (ours, theirs))
    only_ours, only_theirs = int((our_right & ~their_right).sum()), int((their_right & ~our_right).sum())
    count = len(actual)
    difference = (only_ours - only_theirs) / count
    shares = np.array([only_ours, only_theirs, count - only_ours - only_theirs]) / count
    drawn = np.random.default_rng(0).multinomial(count, shares, BOOTSTRAPS)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / count, (0.025, 0.975))
    return {
        "only_ours_right": only_ours,
        "only_theirs_right": only_theirs,
        "difference": difference,
        "interval": [float(low), float(high)],
    }


def reliability_curve(labels: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> list[dict[str, Any]]:
    """Sort the reviews by probability into bins of equal size, to see whether 80 % means 80 %.

    Each bin has the number of its `reviews`, their mean `probability`, and the share that is `positive` with
    its 95 % interval (`low`, `high`). There are fewer bins if there are fewer reviews.
    """
    probability, actual = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    rows = []
    for members in np.array_split(np.argsort(probability, kind="stable"), bins):
        if not len(members):
            continue
        positive = int((actual[members] == 1).sum())
        low, high = wilson_interval(positive, len(members))
        rows.append(
            {
                "reviews": len(members),
                "probability": float(probability[members].mean()),
                "positive": positive / len(members),
                "low": low,
                "high": high,
            }
        )
    return rows


def expected_calibration_error(bins: list[dict[str, Any]]) -> float:
    """The mean distance between probability and share of positive reviews (Naeini et al., AAAI 2015).

    `bins` are those of `reliability_curve`, weighted by their numbers of reviews.
    """
    reviews = sum(row["reviews"] for row in bins)
    distance = sum(row["reviews"] * abs(row["probability"] - row["positive"]) for row in bins)
    return float(distance / max(reviews, 1))


def answers_in_band(
    labels: ArrayLike, probabilities: ArrayLike, band: tuple[float, float] | list[float] | None
) -> dict[str, Any] | None:
    """How often answers are unsure, and how accurate the others are; None without a `band` (low, high).

    The keys are `band`, `share` (of the answers inside it), `unsure` and `sure`: the `accuracy` of the
    answers inside and outside the band, or None if there are none.
    """
    if band is None:
        return None
    actual, probability = np.asarray(labels), np.asarray(probabilities)
    inside = (probability >= band[0]) & (probability <= band[1])
    parts = {"unsure": inside, "sure": ~inside}
    return {"band": list(band), "share": float(inside.mean())} | {
        name: accuracy(actual[rows], probability[rows]) if rows.any() else None
        for name, rows in parts.items()
    }
