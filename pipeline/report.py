"""What is said of a model: accuracy with an interval, confusion matrix, calibration; and pictures of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.calibration import reliability
from sentiment.files import written_aside


def evaluation(labels: list[int], probabilities: list[float]) -> dict[str, Any]:
    """Accuracy with its 95 % interval, log loss and confusion matrix.

    `labels` are 0 (negative) or 1 (positive), `probabilities` those of positive; from 0.5 on the verdict is
    positive.
    """
    matrix = [[0, 0], [0, 0]]  # rows: truth; columns: verdict
    for label, probability in zip(labels, probabilities, strict=True):
        matrix[label][int(probability >= 0.5)] += 1
    right = matrix[0][0] + matrix[1][1]
    likelihoods = (p if label else 1 - p for label, p in zip(labels, probabilities, strict=True))
    return {
        "reviews": len(labels),
        "accuracy": right / len(labels),
        "accuracy_interval_95": wilson_interval(right, len(labels)),
        "log_loss": -sum(math.log(max(likelihood, 1e-12)) for likelihood in likelihoods) / len(labels),
        "confusion_matrix": {
            "negative": {"negative": matrix[0][0], "positive": matrix[0][1]},
            "positive": {"negative": matrix[1][0], "positive": matrix[1][1]},
        },
    }


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927)."""
    z = 1.959964
    centre = (successes + z * z / 2) / (trials + z * z)
    share = successes / trials
    half = z / (trials + z * z) * math.sqrt(trials * share * (1 - share) + z * z / 4)
    return centre - half, centre + half


def calibration(labels: list[int], probabilities: list[float]) -> dict[str, Any]:
    """How far the probabilities can be taken at their word.

    `bins` are tenths of the reviews in order of probability, each with its number of `reviews`, their mean
    `probability`, and the share that is `positive` with its 95 % interval (`low`, `high`);
    `expected_calibration_error` is how far probability and share are apart, averaged over the reviews.
    """
    bins = reliability(np.array(probabilities, dtype=float), np.array(labels, dtype=float))
    for row in bins:
        row["low"], row["high"] = wilson_interval(round(row["positive"] * row["reviews"]), row["reviews"])
    error = sum(row["reviews"] * abs(row["probability"] - row["positive"]) for row in bins) / len(labels)
    return {"expected_calibration_error": error, "bins": bins}


def draw_confusion_matrix(result: dict[str, Any], file: Path) -> None:
    """The confusion matrix as a PNG file."""
    from matplotlib.figure import Figure  # takes a second to import, and only pictures need it

    classes = ["negative", "positive"]
    matrix = [[result["confusion_matrix"][truth][verdict] for verdict in classes] for truth in classes]
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(matrix, cmap="Blues", vmin=0)
    darkest = max(map(max, matrix))
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            colour = "white" if count > darkest / 2 else "black"
            label = f"{count:,}\n{count / sum(counts):.1%}"
            axes.text(column, row, label, ha="center", va="center", color=colour, fontsize=13)
    axes.set_xticks(range(2), classes)
    axes.set_yticks(range(2), classes, rotation=90, va="center")
    axes.set_xlabel("the model says")
    axes.set_ylabel("the reviewer meant")
    low, high = result["accuracy_interval_95"]
    axes.set_title(
        f"{result['accuracy']:.2%} of {result['reviews']:,} test reviews right\n"
        f"(95 %: {low:.2%} to {high:.2%})",
        fontsize=11,
    )
    _save(figure, file)


def draw_calibration(result: dict[str, Any], file: Path) -> None:
    """A calibration as a PNG file: how often reviews of each probability really are positive."""
    from matplotlib.figure import Figure

    bins = result["bins"]
    said, true = ([row[name] for row in bins] for name in ("probability", "positive"))
    errors = [[abs(row["positive"] - row[end]) for row in bins] for end in ("low", "high")]
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfectly calibrated")
    axes.errorbar(said, true, errors, fmt="o-", capsize=3, label="a tenth of the reviews each (95 %)")
    axes.set_xlabel("probability of positive, as the model says")
    axes.set_ylabel("share that really is positive")
    axes.legend(loc="upper left", frameon=False)
    axes.set_title(f"off by {result['expected_calibration_error']:.1%} on average", fontsize=11)
    _save(figure, file)


def _save(figure: Any, file: Path) -> None:
    with written_aside(file) as aside:
        figure.savefig(aside, format="png", dpi=150)
