"""Pictures of a training run, drawn from its record. Needs matplotlib."""

from pathlib import Path

from matplotlib.figure import Figure

from sentiment.run_record import RunRecord

CLASSES = ("negative", "positive")
DOTS_PER_INCH = 120


def draw_figures(record: RunRecord, folder: Path) -> list[Path]:
    """Write what the record has figures for into `folder`, as PNG."""
    drawn = []
    if record.epochs:
        drawn.append(_save(learning_curve(record.epochs), folder / "learning_curve.png"))
    for split in ("validation", "test"):
        if figures := getattr(record, split):
            drawn.append(_save(confusion(figures, split), folder / f"{split}_confusion.png"))
            drawn.append(_save(reliability(figures, split), folder / f"{split}_reliability.png"))
    return drawn


def learning_curve(epochs: list[dict]) -> Figure:
    """Losses and validation accuracy by epoch, one above the other."""
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


def confusion(figures: dict, split: str) -> Figure:
    """How often each class was taken for which."""
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.subplots()
    matrix = figures["confusion"]
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
    axes.set_title(f"{figures['accuracy']:.2%} of {figures['reviews']:,} {split} reviews right", fontsize=11)
    return figure


def reliability(figures: dict, split: str) -> Figure:
    """Whether 80 % means 80 %: the share of positive reviews by the probability that the model gave them."""
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    bins = figures["reliability"]
    given = [each["mean_probability"] for each in bins]
    above.plot((0, 1), (0, 1), color="grey", linestyle=":", label="as it should be")
    above.plot(given, [each["positive_share"] for each in bins], marker="o", label="the model")
    above.set_ylabel("share of positive reviews")
    above.set_title(f"{figures['reviews']:,} {split} reviews", fontsize=11)
    above.legend()
    below.bar(given, [each["reviews"] for each in bins], width=0.06)
    below.set_ylabel("reviews")
    below.set_xlabel("probability of positive, as the model gave it")
    below.set_xlim(-0.02, 1.02)
    return figure


def _save(figure: Figure, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
    return file
