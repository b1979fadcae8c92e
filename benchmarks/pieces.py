"""What is measured beside the table: serving, preprocessing, training, explanations. Each can run alone.

A piece writes its figures to NAME.json, where the model card finds them (card.py).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import charts, faithfulness, inference, machine, preprocessing, table, training
from benchmarks.measure import Bench
from sentiment.files import atomic_write


class Piece(NamedTuple):
    """Its title, how it is measured, and its table: head, and the cells of each of the figures' `rows`."""

    title: str
    measure: Callable[[Bench], dict[str, Any]]
    columns: tuple[str, ...]
    cells: Callable[[dict[str, Any]], list[str]]


PIECES = {
    "inference": Piece(
        "Answering: latency, throughput, cold start", inference.measure, inference.COLUMNS, inference.cells
    ),
    "preprocessing": Piece(
        "Preprocessing", preprocessing.measure, preprocessing.COLUMNS, preprocessing.cells
    ),
    "training": Piece("A training step", training.measure, training.COLUMNS, training.cells),
    "faithfulness": Piece(
        "Faithfulness of the word weights", faithfulness.measure, faithfulness.COLUMNS, faithfulness.cells
    ),
}


def measured(name: str, bench: Bench) -> dict[str, Any]:
    """The figures of a piece, always measured anew: its contenders are compared in one and the same run."""
    return {"quick": bench.quick, "machine": bench.results.machine} | PIECES[name].measure(bench)


def write(name: str, result: dict[str, Any], target: Path) -> list[str]:
    """Write a piece's figures, and its picture if it has one, and return the names of the files."""
    target.mkdir(parents=True, exist_ok=True)
    with atomic_write(target / f"{name}.json") as aside:
        aside.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return [f"{name}.json", *(charts.draw_faithfulness(result, target) if name == "faithfulness" else [])]


def caption(result: dict[str, Any]) -> str:
    """When and on what the figures were measured, and whether they can be quoted."""
    when = f"Measured {result['measured']} UTC on {machine.in_words(result['machine'])}."
    return f"{table.QUICK_NOTE} {when}" if result["quick"] else when


def document(name: str, result: dict[str, Any]) -> str:
    """The table of a piece for a terminal."""
    piece = PIECES[name]
    lines = table.aligned([list(piece.columns), *map(piece.cells, result["rows"])])
    return "\n".join(line.replace("`", "") for line in lines) + f"\n\n{caption(result)}\n"


def markdown(name: str, result: dict[str, Any]) -> str:
    """The table of a piece for the model card."""
    piece = PIECES[name]
    return f"{table.markdown(piece.columns, list(map(piece.cells, result['rows'])))}\n\n{caption(result)}"
