"""The plots, as SVG; the same figures give the same bytes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.labels import place_labels
from benchmarks.measure import THRESHOLDS
from sentiment.files import atomic_write

if TYPE_CHECKING:  # matplotlib takes a second to import
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, QUIET, LINE, PAPER = "#1d2430", "#5a6270", "#d9d4ca", "#ffffff"
OURS, PREDECESSOR, CLASSICAL = "#0f6f63", "#a8431c", "#8a8577"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINE,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "figure.facecolor": PAPER,
    "svg.hashsalt": "movie-sentiment",
    "svg.fonttype": "path",
}
MARKS = {0: "o", 1: "s", 2: "D", 3: "^"}


def draw(result: dict[str, Any], folder: Path) -> list[str]:
    """Write all plots of `make bench` to `folder`, and return their names."""
    plots = {
        "bench-accuracy.svg": _accuracy,
        "bench-curves.svg": _curves,
        "bench-latency.svg": _latency,
        "bench-reliability.svg": _reliability,
        "bench-slices.svg": _slices,
    }
    for name, plot in plots.items():
        _draw(plot, result, folder / name)
    return list(plots)


def draw_faithfulness(result: dict[str, Any], folder: Path) -> list[str]:
    """Write the plot of faithfulness.py's curves to `folder`, and return its name."""
    _draw(_faithfulness, result, folder / "faithfulness.svg")
    return ["faithfulness.svg"]


def draw_scaling(result: dict[str, Any], file: Path) -> None:
    """Write the plot of scaling.py: reviews per second by processes and by hosts."""
    _draw(_scaling, result, file)


def _draw(plot: Callable[[dict[str, Any]], Figure], result: dict[str, Any], file: Path) -> None:
    import matplotlib

    with matplotlib.rc_context(STYLE):
        figure = plot(result)
        if result["quick"]:
            _mark_as_quick(figure)
        with atomic_write(file) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def _mark_as_quick(figure: Figure) -> None:
    at: dict[str, Any] = {"rotation": 25, "ha": "center", "va": "center"}
    figure.text(0.5, 0.5, "QUICK RUN", size=48, color=LINE, zorder=10, alpha=0.7, **at)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _colour(row: dict[str, Any]) -> str:
    if row["kind"] == "reference":
        return CLASSICAL
    return PREDECESSOR if row["name"] == "predecessor" else OURS


def _title(row: dict[str, Any]) -> str:
    return str(row["title"]).replace("`", "")


def _seconds_axis(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_xscale("log")
    ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", length=0)


def _percent_axis(axis: Axis) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def _accuracy(result: dict[str, Any]) -> Figure:
    """Test accuracy with its interval over seconds of training."""
    figure, axes = _figure(8, 5)
    points, lines = [], []
    for row in result["rows"]:
        test, seconds = row["accuracy"]["test"], row["train"]["seconds"]
        low, high = test["interval"]
        colour = _colour(row)
        axes.plot(
            [seconds, seconds], [low, high], color=colour, alpha=0.35, linewidth=3, solid_capstyle="round"
        )
        axes.plot(seconds, test["accuracy"], "o", color=colour, markersize=9)
        lines.append([(seconds, low), (seconds, high)])
        points.append((seconds, test["accuracy"], row["name"], colour))
    seconds = [point[0] for point in points]
    axes.set_xlim(min(seconds) / 2.2, max(seconds) * 2.2)
    _seconds_axis(axes)
    _percent_axis(axes.yaxis)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("seconds from raw reviews to a stored model")
    axes.set_title("Accuracy on test reviews, with its 95 % interval, over training time")
    place_labels(figure, axes, points, lines)
    return figure


def _curves(result: dict[str, Any]) -> Figure:
    """Validation accuracy by the clock; one-shot models are single points."""
    figure, axes = _figure(8, 5)
    points, lines, lowest = [], [], 1.0
    for row in result["rows"]:
        colour, final = _colour(row), row["accuracy"]["validation"]["accuracy"]
        curve = row["train"]["curve"]
        line = [*curve, (row["train"]["seconds"], final)] if curve else [(row["train"]["seconds"], final)]
        axes.plot(*zip(*line, strict=True), "-o", color=colour, markersize=5, linewidth=1.6)
        points.append((*line[-1], row["name"], colour))
        lines.append(line)
        lowest = min(lowest, *(accuracy for _, accuracy in line))
    for threshold in THRESHOLDS:
        axes.axhline(threshold, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        axes.annotate(
            f"{threshold:.1%}",
            (0.995, threshold),
            (0, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            color=QUIET,
        )
    seconds = [
        second
        for row in result["rows"]
        for second, _ in [*row["train"]["curve"], (row["train"]["seconds"], 0)]
    ]
    axes.set_xlim(min(seconds) / 2, max(seconds) * 2.4)
    axes.set_ylim(max(lowest - 0.01, 0.7), None)
    lines += [list(zip(axes.get_xlim(), [threshold] * 2, strict=True)) for threshold in THRESHOLDS]
    _seconds_axis(axes)
    _percent_axis(axes.yaxis)
    axes.set_xlabel("seconds from raw reviews")
    axes.set_title("Accuracy on validation reviews as training goes on")
    place_labels(figure, axes, points, lines)
    return figure


def _latency(result: dict[str, Any]) -> Figure:
    """Milliseconds for one review, p50 as a bar and p99 as a mark."""
    rows = sorted(result["rows"], key=lambda row: -row["serving"]["median"]["p50_ms"])
    figure, axes = _figure(8, 0.42 * len(rows) + 1.5)
    for place, row in enumerate(rows):
        p50, p99 = (row["serving"]["median"][name] for name in ("p50_ms", "p99_ms"))
        axes.barh(place, p50, color=_colour(row), height=0.55)
        axes.plot([p50, p99], [place, place], color=_colour(row), linewidth=1.2)
        axes.plot(p99, place, "|", color=INK, markersize=11, markeredgewidth=1.6)
        axes.annotate(
            f"{p50:.2f} / {p99:.2f}",
            (p99, place),
            (8, 0),
            textcoords="offset points",
            va="center",
            color=QUIET,
        )
    axes.set_yticks(range(len(rows)), [_title(row) for row in rows], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, max(row["serving"]["median"]["p99_ms"] for row in rows) * 1.22)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("milliseconds on one core: p50 (bar) and p99 (mark)")
    axes.set_title("Time to answer one review of median length", x=0)
    return figure


def _reliability(result: dict[str, Any]) -> Figure:
    """Share of positive reviews by stated probability, and a histogram of the probabilities."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color=LINE, linewidth=1.4)
    for split, colour, mark in (("validation", CLASSICAL, "s"), ("test", OURS, "o")):
        of_split = result["calibration"][split]
        rows = of_split["bins"]
        label = f"{split}: expected calibration error {of_split['expected_calibration_error']:.1%}"
        upper.plot(
            [row["probability"] for row in rows],
            [row["positive"] for row in rows],
            "-" + mark,
            color=colour,
            label=label,
            markersize=6,
        )
    test = result["calibration"]["test"]
    lower.bar(
        [place / 10 + 0.05 for place in range(10)],
        [count / test["reviews"] for count in test["histogram"]],
        width=0.09,
        color=OURS,
    )
    if test["unsure"]:
        low, high = test["unsure"]["band"]
        for axes in (upper, lower):
            axes.axvspan(low, high, color="#ebe7de", zorder=0, linewidth=0)
        upper.annotate("unsure", ((low + high) / 2, 0.03), ha="center", color=QUIET)
    for axes in (upper, lower):
        _percent_axis(axes.yaxis)
    _percent_axis(lower.xaxis)
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1)
    upper.legend(frameon=False, loc="upper left")
    upper.set_ylabel("share of positive reviews")
    lower.set_ylabel("share of test")
    lower.set_xlabel("probability of positive that the model states")
    upper.set_title("Does a probability mean what it says?")
    return figure


def _faithfulness(result: dict[str, Any]) -> Figure:
    """Probability of the verdict as words are deleted, and as they are inserted, by candidate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    colours = {"states": OURS, "random": QUIET, "ngrams": PREDECESSOR}
    dashes = itertools.cycle(["-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)), (0, (1, 1))])
    for row in reversed(result["rows"]):
        style = {
            "color": colours.get(row["name"], CLASSICAL),
            "linestyle": "-" if row["name"] in colours else next(dashes),
            "linewidth": 2.4 if row["name"] == "states" else 1.4,
        }
        panels[0].plot(result["shares"], row["deletion"], label=row["title"], **style)
        panels[1].plot(result["shares"], row["insertion"], **style)
    for axes, title in zip(panels, ("words taken out", "words put in"), strict=True):
        _percent_axis(axes.xaxis)
        _percent_axis(axes.yaxis)
        axes.set_ylim(0, 1)
        axes.grid(axis="y", color=LINE, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.set_xlabel("share of the review's words")
        axes.set_title(title)
    panels[0].set_ylabel("probability of the verdict")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=3, frameon=False)
    return figure


def _slices(result: dict[str, Any]) -> Figure:
    """Accuracy by slice with its interval, the models side by side."""
    groups = result["slices"]
    titles = {row["name"]: _title(row) for row in result["rows"]}
    places, place, previous = [], 0.0, None
    for row in groups:
        place += 0.0 if previous is None else (1.0 if row["group"] == previous else 1.9)
        places.append(place)
        previous = row["group"]
    figure, axes = _figure(8, 0.33 * (places[-1] + 1) + 1.7)
    colours = (
        [OURS, "#5cb3a6", PREDECESSOR, CLASSICAL]
        if len(result["compared"]) == 4
        else [OURS, PREDECESSOR, CLASSICAL]
    )
    for number, name in enumerate(result["compared"]):
        shift = (number - (len(result["compared"]) - 1) / 2) * 0.19
        for at, row in zip(places, groups, strict=True):
            found = row["accuracy"][name]
            axes.plot(found["interval"], [at + shift] * 2, color=colours[number], linewidth=1.3, alpha=0.55)
        axes.plot(
            [row["accuracy"][name]["accuracy"] for row in groups],
            np.array(places) + shift,
            MARKS[number],
            color=colours[number],
            markersize=5,
            label=titles[name],
        )
    axes.set_yticks(places, [f"{row['name']} ({row['reviews']:,})" for row in groups], color=INK)
    seen = set()
    for at, row in zip(places, groups, strict=True):
        if row["group"] not in seen:
            seen.add(row["group"])
            axes.annotate(
                row["group"],
                (0, at - 0.95),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="center",
                color=QUIET,
                fontweight="bold",
                xytext=(-6, 0),
                textcoords="offset points",
            )
    axes.set_ylim(places[-1] + 0.8, -1.4)  # downwards, with room for the first heading
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    _percent_axis(axes.xaxis)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    axes.set_title("Accuracy on parts of the test reviews and on other texts, with 95 % intervals", x=-0.3)
    return figure


def _scaling(result: dict[str, Any]) -> Figure:
    """Two bars for each fleet: a shared batch, and a batch for each process; communication is paler."""
    figure, axes = _figure(8, 4.4)
    rows = result["training"]["rows"]
    fleets = list(dict.fromkeys((row["hosts"], row["processes"]) for row in rows))
    for row in rows:
        place = fleets.index((row["hosts"], row["processes"])) + (-0.2 if row["shared"] else 0.2)
        colour = OURS if row["shared"] else PREDECESSOR
        rate, share = row["reviews_per_second"], row["communication_seconds"] / row["step_seconds"]
        axes.bar(place, rate, 0.36, color=colour, alpha=0.35)
        axes.bar(place, rate * (1 - share), 0.36, color=colour)
    batch = rows[0]["batch"]
    axes.bar(0, 0, color=OURS, label=f"a batch of {batch} for all")
    axes.bar(0, 0, color=PREDECESSOR, label=f"a batch of {batch} for each process")
    names = [f"{hosts} hosts" if hosts > 1 else f"{own} process{'es' * (own > 1)}" for hosts, own in fleets]
    axes.set_xticks(range(len(fleets)), names)
    axes.set_ylabel("reviews a second (pale: the share in communication)")
    axes.set_title(f"Training steps, a thread each, on {result['machine']['cores']} cores")
    axes.legend(frameon=False)
    return figure
