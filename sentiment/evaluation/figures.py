"""Plots of a training run and of an evaluation. Needs matplotlib."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from sentiment.files import atomic_write

CLASSES = ("negative", "positive")
DOTS_PER_INCH = 150


def learning_curve(epochs: list[dict[str, Any]]) -> Figure:
    """Plot losses and validation accuracy by epoch; `epochs` is the entry of metrics.json."""
    figure = Figure(figsize=(6, 5.5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    numbers = [entry["epoch"] for entry in epochs]
    for name, label in (("train_loss", "training"), ("validation_loss", "validation")):
        above.plot(numbers, [entry[name] for entry in epochs], marker="o", label=label)
    above.set_ylabel("log loss")
    above.legend()
    below.plot(numbers, [entry["validation_accuracy"] for entry in epochs], marker="o", color="C1")
    below.set_ylabel("validation accuracy")
    below.set_xlabel("epoch")
    below.set_xticks(numbers if len(numbers) <= 20 else numbers[:: len(numbers) // 10])
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return figure


def confusion_matrix(result: dict[str, Any], split: str = "test") -> Figure:
    """Plot the confusion matrix of a `result` of `metrics.evaluate`."""
    matrix = [[result["confusion_matrix"][label][verdict] for verdict in CLASSES] for label in CLASSES]
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(matrix, cmap="Blues", vmin=0)
    largest = max(map(max, matrix))
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            label = f"{count:,}\n{count / max(sum(counts), 1):.1%}"
            colour = "white" if count > largest / 2 else "black"
            axes.text(column, row, label, ha="center", va="center", color=colour, fontsize=13)
    axes.set_xticks(range(2), CLASSES)
    axes.set_yticks(range(2), CLASSES, rotation=90, va="center")
    axes.set_xlabel("the model says")
    axes.set_ylabel("the reviewer meant")
    low, high = result["accuracy_interval_95"]
    axes.set_title(
        f"{result['accuracy']:.2%} of {result['reviews']:,} {split} reviews right\n"
        f"(95 %: {low:.2%} to {high:.2%})",
        fontsize=11,
    )
    return figure


def reliability(result: dict[str, Any], split: str = "test") -> Figure:
    """Plot the reliability curve of a `result` of `metrics.evaluate`."""
    bins = result["calibration"]["bins"]
    said, positive = ([row[name] for row in bins] for name in ("probability", "positive"))
    errors = [[abs(row["positive"] - row[end]) for row in bins] for end in ("low", "high")]
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfectly calibrated")
    axes.errorbar(said, positive, errors, fmt="o-", capsize=3, label="a tenth of the reviews each (95 %)")
    axes.set_xlabel("probability of positive, as the model says")
    axes.set_ylabel("share that really is positive")
    axes.legend(loc="upper left", frameon=False)
    error = result["calibration"]["expected_calibration_error"]
    axes.set_title(f"off by {error:.1%} on average on {result['reviews']:,} {split} reviews", fontsize=11)
    return figure


def save(figure: Figure, file: Path) -> Path:
    """Write a plot as PNG, atomically; return `file`."""
    with atomic_write(file) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH)
    return file
