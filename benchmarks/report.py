"""Assemble the figures of the table, the card and the pictures into one JSON object."""

from typing import Any

import numpy as np

from benchmarks import slices, table
from benchmarks.corpus import SENTENCE_KINDS, read_labelled, sentences
from benchmarks.errors import BenchError
from benchmarks.measure import Bench
from sentiment.evaluation.metrics import (
    accuracy,
    answers_in_band,
    expected_calibration_error,
    paired_difference,
    reliability_curve,
)

FORMAT = 1
COMPARED = ("best", "fast", "predecessor")


def assemble(bench: Bench, rows: list[dict[str, Any]], source: str) -> dict[str, Any]:
    """All figures. The official layout gives ratings and movies; without it those slices are left out."""
    rows = table.with_ratios(rows)
    classical = table.best_classical(rows)
    if classical is None:
        raise BenchError("none of the references was measured, and the report compares with the best of them")
    known_rows = {row["name"]: row for row in rows}
    compared = [name for name in COMPARED if name in known_rows] + [classical["name"]]
    subject = compared[0]
    scores = {name: bench.scores(bench.contestant(name)) for name in compared}
    test = read_labelled(bench.corpus.folder, "test")
    known = slices.origins(bench.aclimdb) if bench.aclimdb else {}
    times = sorted(row[part]["measured"] for row in rows for part in ("train", "accuracy", "serving"))
    band = known_rows[subject]["accuracy"]["model"].get("unsure")
    return {
        "format": FORMAT,
        "quick": bench.quick,
        "machine": bench.results.machine,
        "measured": {"from": times[0], "to": times[-1]},
        "subject": subject,
        "best_classical": classical["name"],
        "data": {
            "source": source,
            "counts": bench.corpus.reviews.counts(),
            "overlap": slices.overlap(bench.corpus.reviews, known),
        },
        "rows": rows,
        "paired": paired_difference(test.labels, scores[subject]["test"], scores[classical["name"]]["test"]),
        "calibration": {
            split: _calibration(
                read_labelled(bench.corpus.folder, split).labels, scores[subject][split], band
            )
            for split in ("validation", "test")
        },
        "slices": _slices(bench, scores, known),
        "sentences": _sentences(scores[subject]["sentences"]),
        "mistakes": slices.mistakes(test.texts, test.labels, scores[subject]["test"]),
        "compared": compared,
    }


def _calibration(labels: np.ndarray, probabilities: np.ndarray, band: list[float] | None) -> dict[str, Any]:
    """Return the calibration of one split; `histogram` counts the probabilities in tenths."""
    bins = reliability_curve(labels, probabilities)
    return {
        "reviews": len(labels),
        "bins": bins,
        "histogram": np.histogram(probabilities, bins=10, range=(0, 1))[0].tolist(),
        "expected_calibration_error": expected_calibration_error(bins),
        "unsure": answers_in_band(labels, probabilities, band),
    }


def _slices(
    bench: Bench, scores: dict[str, dict[str, np.ndarray]], known: dict[str, slices.Origin]
) -> list[dict[str, Any]]:
    folder = bench.corpus.folder
    files = {name: read_labelled(folder, name) for name in ("test", "snippets", "sentences")}
    kinds = np.array(sentences()[1])
    chosen = slices.by_length(files["test"].texts) + slices.by_negation(files["test"].texts)
    if known:
        chosen += slices.by_origin(bench.corpus.reviews, known)
    chosen += [
        slices.Slice(
            "other texts", "Rotten Tomatoes snippets", np.arange(len(files["snippets"])), "snippets"
        ),
        *(
            slices.Slice(
                "other texts", f"short sentences, {kind}", np.flatnonzero(kinds == kind), "sentences"
            )
            for kind in SENTENCE_KINDS
        ),
    ]
    return [
        {
            "group": each.group,
            "name": each.name,
            "reviews": len(each.rows),
            "accuracy": {
                name: accuracy(files[each.texts].labels[each.rows], of_model[each.texts][each.rows])
                for name, of_model in scores.items()
            },
        }
        for each in chosen
        if len(each.rows)
    ]


def _sentences(probabilities: np.ndarray) -> list[dict[str, Any]]:
    labelled, kinds = sentences()
    return [
        {"sentence": text, "label": int(label), "kind": kind, "probability": float(probability)}
        for text, label, kind, probability in zip(
            labelled.texts, labelled.labels, kinds, probabilities, strict=True
        )
    ]
