"""Format the table as plain text and as Markdown, with ratios to two of its rows."""

from collections.abc import Sequence
from typing import Any

from benchmarks import machine

QUICK_NOTE = "QUICK RUN: few reviews, one epoch. These figures show that it works and are not to be quoted."
COLUMNS = (
    "model",
    "test accuracy (95 % interval)",
    "training s",
    "to 85.4 % s",
    "to 90 % s",
    "p50 ms",
    "p99 ms",
    "reviews/s",
    "cold start s",
    "MB",
)
RATIOS = ("errors", "training time", "latency")


def best_classical(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The reference with the best validation accuracy, since nothing may be chosen by the test accuracy."""
    references = [row for row in rows if row["kind"] == "reference"]
    return max(references, key=lambda row: row["accuracy"]["validation"]["accuracy"], default=None)


def with_ratios(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each row its ratios to the predecessor and to the best classical model, if these are present."""
    predecessor = next((row for row in rows if row["name"] == "predecessor"), None)
    bases = {"predecessor": predecessor, "best_classical": best_classical(rows)}
    return [
        {**row, "ratios": {name: _ratios(row, base) for name, base in bases.items() if base is not None}}
        for row in rows
    ]


def _ratios(row: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """The ratios of a row's figures to those of the base: below 1 means fewer errors, or less time."""

    def figures(of: dict[str, Any]) -> tuple[float, float, float]:
        errors = 1 - of["accuracy"]["test"]["accuracy"]
        return errors, of["train"]["seconds"], of["serving"]["median"]["p50_ms"]

    names = ("errors", "training", "latency")
    pairs = zip(names, figures(row), figures(base), strict=True)
    ratios = {name: figure / of_base if of_base else None for name, figure, of_base in pairs}
    return ratios | {"to": base["name"]}


def cells(row: dict[str, Any]) -> list[str]:
    """One line of the table, in the order of COLUMNS."""
    test, serving = row["accuracy"]["test"], row["serving"]
    low, high = test["interval"]
    return [
        row["title"],
        f"{test['accuracy']:.2%} ({low:.1%} to {high:.1%})",
        f"{row['train']['seconds']:,.0f}",
        *(("-" if seconds is None else f"{seconds:,.0f}") for seconds in row["time_to"].values()),
        f"{serving['median']['p50_ms']:.2f}",
        f"{serving['median']['p99_ms']:.2f}",
        f"{serving['reviews_per_second']:,.0f}",
        f"{serving['cold_start_s']:.2f}",
        f"{row['train']['size_mb']:.1f}",
    ]


def ratio_cells(row: dict[str, Any]) -> list[str]:
    """One line of the ratios, in the order of ratio_columns; "-" where there is nothing to divide by."""
    line = [row["title"]]
    for base in ("predecessor", "best_classical"):
        ratios = row["ratios"].get(base, {})
        line += [
            "-" if ratios.get(name) is None else f"{ratios[name]:.2f}"
            for name in ("errors", "training", "latency")
        ]
    return line


def as_text(rows: Sequence[dict[str, Any]]) -> str:
    """The table and the ratios for a terminal."""
    lines = aligned([list(COLUMNS), *map(cells, rows)])
    if any(row["ratios"] for row in rows):
        lines += ["", *_ratio_lines(rows)]
    return "\n".join(line.replace("`", "") for line in lines) + "\n"


def ratio_columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The head of the ratios, which names the best classical model."""
    classical = best_classical(rows)
    bases = ("predecessor", classical["name"] if classical else "classical")
    return ["model", *(f"{name} / {base}" for base in bases for name in RATIOS)]


def _ratio_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [
        "Divided by the figure of the predecessor, and by that of the best classical model on validation:",
        *aligned([ratio_columns(rows), *map(ratio_cells, rows)]),
    ]


def aligned(lines: list[list[str]]) -> list[str]:
    """Align columns, the first one to the left, the others to the right, with a rule under the head."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return [
        padded[0].rstrip(),
        "-" * (sum(widths) + 2 * (len(widths) - 1)),
        *(line.rstrip() for line in padded[1:]),
    ]


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]], text: Sequence[str] = ()) -> str:
    """A Markdown table whose first column is text, as are those named; the others are numbers."""
    rule = ["---" if n == 0 or name in text else "---:" for n, name in enumerate(head)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(head), rule, *map(list, lines)])


def caption(result: dict[str, Any]) -> str:
    """When, where and on what the figures were measured."""
    counts = {split: sum(of.values()) for split, of in result["data"]["counts"].items()}
    measured = result["measured"]
    when = (
        measured["from"] if measured["from"] == measured["to"] else f"{measured['from']} to {measured['to']}"
    )
    return (
        f"Trained on {counts['train']:,} reviews, tested on {counts['test']:,} ({result['data']['source']}); "
        f"measured {when} UTC on {machine.summary(result['machine'])}."
    )


def document(result: dict[str, Any]) -> str:
    """The whole text that `make bench` prints."""
    head = f"{QUICK_NOTE}\n\n" if result["quick"] else ""
    return (
        f"{head}{as_text(result['rows'])}\n{caption(result)}\n"
        "Training is from raw reviews to a stored model, starting the process included. The times to 85.4 %\n"
        "and 90 % are those until validation accuracy got there, by epochs. Latency is that of one review\n"
        "of median length on one core, preprocessing included; reviews/s in batches of 64, there too.\n"
    )
