"""The experiments beside the table: serving, preprocessing, training, explanations, behaviour on short texts
and their apostrophes, the official layout.

Each can run alone. An experiment writes its figures to NAME.json, where the model card finds them (card.py).
"""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import (
    apostrophes,
    charts,
    faithfulness,
    inference,
    machine,
    official,
    preprocessing,
    table,
    training,
)
from benchmarks.behaviour import measuring as behaviour
from benchmarks.measure import Bench
from sentiment.files import atomic_write

NOTE_WIDTH = 110


class Experiment(NamedTuple):
    """Its title, how it is measured, and its table: head, and the cells of each of the figures' `rows`.

    `note` says below the table how to read it. `text` names the columns of words. `only_named` leaves it
    out unless it is asked for.
    """

    title: str
    measure: Callable[[Bench], dict[str, Any]]
    columns: tuple[str, ...]
    cells: Callable[[dict[str, Any]], list[str]]
    note: str = ""
    only_named: bool = False
    text: tuple[str, ...] = ()


EXPERIMENTS = {
    "inference": Experiment(
        "Answering: latency, throughput, cold start", inference.measure, inference.COLUMNS, inference.cells
    ),
    "preprocessing": Experiment(
        "Preprocessing", preprocessing.measure, preprocessing.COLUMNS, preprocessing.cells
    ),
    "training": Experiment(
        "A training step",
        training.measure,
        training.COLUMNS,
        training.cells,
        text=("numbers", "most of its time goes to"),
    ),
    "faithfulness": Experiment(
        "Faithfulness of the word weights", faithfulness.measure, faithfulness.COLUMNS, faithfulness.cells
    ),
    "behaviour": Experiment(
        "Behaviour on short texts",
        behaviour.measure,
        behaviour.COLUMNS,
        behaviour.cells,
        behaviour.NOTE,
        text=("test",),
    ),
    "apostrophes": Experiment(
        "Apostrophes", apostrophes.measure, apostrophes.COLUMNS, apostrophes.cells, apostrophes.NOTE
    ),
    "official": Experiment(
        "The official layout",
        official.measure,
        official.COLUMNS,
        official.cells,
        official.NOTE,
        only_named=True,
    ),
}


def measured(name: str, bench: Bench) -> dict[str, Any]:
    """The figures of an experiment, always measured anew: one run compares all its contenders."""
    return {"quick": bench.quick, "machine": bench.results.machine} | EXPERIMENTS[name].measure(bench)


def write(name: str, result: dict[str, Any], target: Path) -> list[str]:
    """Write an experiment's figures, and its picture if it has one, and return the names of the files."""
    target.mkdir(parents=True, exist_ok=True)
    with atomic_write(target / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return [f"{name}.json", *(charts.draw_faithfulness(result, target) if name == "faithfulness" else [])]


def caption(result: dict[str, Any]) -> str:
    """When and on what the figures were measured, and whether they can be quoted."""
    when = f"Measured {result['measured']} UTC on {machine.summary(result['machine'])}."
    return f"{table.QUICK_NOTE} {when}" if result["quick"] else when


def document(name: str, result: dict[str, Any]) -> str:
    """The table of an experiment for a terminal."""
    experiment = EXPERIMENTS[name]
    lines = table.aligned([list(experiment.columns), *map(experiment.cells, result["rows"])])
    note = f"{textwrap.fill(experiment.note, NOTE_WIDTH)}\n\n" if experiment.note else ""
    return "\n".join(line.replace("`", "") for line in lines) + f"\n\n{note}{caption(result)}\n"


def markdown(name: str, result: dict[str, Any]) -> str:
    """The table of an experiment for the model card."""
    experiment = EXPERIMENTS[name]
    rows = table.markdown(experiment.columns, list(map(experiment.cells, result["rows"])), experiment.text)
    note = f"{experiment.note}\n\n" if experiment.note else ""
    return f"{rows}\n\n{note}{caption(result)}"
