"""Put the measurements together: the figures of the table, the card and the pictures, as one JSON object."""

from pathlib import Path

import numpy as np

from benchmarks import calibration, slices, table
from benchmarks.corpus import read_labelled, sentences
from benchmarks.measure import Bench, accuracy_of
from pipeline.settings import PROJECT

FORMAT = 1
COMPARED = ("best", "fast", "predecessor")


def assemble(bench: Bench, rows: list[dict], source: str, aclimdb_folder: Path | None) -> dict:
    """All figures. `aclimdb_folder` gives ratings and movies; without it those slices are left out."""
    rows = table.with_ratios(rows)
    classical = table.best_classical(rows)
    known_rows = {row["name"]: row for row in rows}
    compared = [name for name in COMPARED if name in known_rows] + [classical["name"]]
    subject = compared[0]
    scores = {name: bench.scores(bench.contestant(name)) for name in compared}
    test = read_labelled(bench.corpus.folder, "test")
    known = _origins(aclimdb_folder)
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
        "paired": paired(test.labels, scores[subject]["test"], scores[classical["name"]]["test"]),
        "calibration": {
            split: calibration.calibration(
                scores[subject][split], read_labelled(bench.corpus.folder, split).labels, band
            )
            for split in ("validation", "test")
        },
        "slices": _slices(bench, scores, known),
        "sentences": _sentences(scores[subject]["sentences"]),
        "mistakes": slices.mistakes(test.texts, test.labels, scores[subject]["test"]),
        "compared": compared,
    }


def paired(labels: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> dict:
    """Our accuracy less theirs on the same reviews, with the 95 % interval of the paired difference."""
    right, their_right = (ours >= 0.5) == (labels == 1), (theirs >= 0.5) == (labels == 1)
    only_ours, only_theirs = int((right & ~their_right).sum()), int((their_right & ~right).sum())
    n = len(labels)
    difference = (only_ours - only_theirs) / n
    half = 1.959964 * np.sqrt((only_ours + only_theirs) / n - difference**2) / np.sqrt(n)
    return {
        "only_ours_right": only_ours,
        "only_theirs_right": only_theirs,
        "difference": difference,
        "interval": [float(difference - half), float(difference + half)],
    }


def _origins(folder: Path | None) -> dict[str, slices.Origin]:
    if folder is None:
        folder = PROJECT / "build" / "data" / "aclImdb"
        if not folder.is_dir():
            return {}
    return slices.origins(folder)


def _slices(
    bench: Bench, scores: dict[str, dict[str, np.ndarray]], known: dict[str, slices.Origin]
) -> list[dict]:
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
        slices.Slice("other texts", "short sentences, plain", np.flatnonzero(kinds == "plain"), "sentences"),
        slices.Slice(
            "other texts", "short sentences, negated", np.flatnonzero(kinds == "negated"), "sentences"
        ),
    ]
    return [
        {
            "group": each.group,
            "name": each.name,
            "reviews": len(each.rows),
            "accuracy": {
                name: accuracy_of(of_model[each.texts][each.rows], files[each.texts].labels[each.rows])
                for name, of_model in scores.items()
            },
        }
        for each in chosen
        if len(each.rows)
    ]


def _sentences(probabilities: np.ndarray) -> list[dict]:
    labelled, kinds = sentences()
    return [
        {"sentence": text, "label": int(label), "kind": kind, "probability": float(probability)}
        for text, label, kind, probability in zip(
            labelled.texts, labelled.labels, kinds, probabilities, strict=True
        )
    ]
