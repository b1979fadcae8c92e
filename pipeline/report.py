"""What is said of a model: its accuracy with an interval, its confusion matrix, and a picture of that."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any


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


def draw_confusion_matrix(result: dict[str, Any], file: Path) -> None:
    """The confusion matrix as a picture."""
    from matplotlib.figure import Figure  # takes a second to import, and only this needs it

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
    part = file.with_suffix(".part")
    figure.savefig(part, format="png", dpi=150)
    part.replace(file)
