"""Compare the models on the official layout of the reviews, whose validation consists of whole movies.

Its figures are lower than those of the packaged sample, which has reviews of one movie on both sides. The
official test half is measured as well where the folder holds it.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.corpus import read_labelled, write_corpus
from benchmarks.errors import BenchError
from benchmarks.measure import SEMI, Bench
from benchmarks.results import Results
from project.paths import BUILD
from sentiment.data import aclimdb
from sentiment.evaluation.metrics import paired_difference

UNPACKED = BUILD / "data" / "aclImdb"
"""Where `DATA=aclimdb` unpacks it."""
COMPARED = ("predecessor", "xgboost", "xgboost-tuned", "tfidf-lr", "nb-lr", "fast", "best", SEMI.name)
SUBJECT = "fast"
COLUMNS = (
    "model",
    "validation by movie (95 % interval)",
    f"`{SUBJECT}` is ahead by",
    "official test half",
    "training s",
)
NOTE = (
    "Validation chose when each recipe and XGBoost stop training, so its figures are a little too good. "
    "Differences in points, with the 95 % interval of a paired bootstrap over the reviews."
)


def folder(given: Path | None) -> Path | None:
    """The given folder of the official layout, or the one that was unpacked; None if there is none."""
    return given or (UNPACKED if UNPACKED.is_dir() else None)


def measure(bench: Bench) -> dict[str, Any]:
    """Accuracy of every contestant on validation, and on the test half where there is one."""
    if bench.aclimdb is None:
        raise BenchError("the official layout is missing; name it by --aclimdb FOLDER")
    splits = ["train", "validation"]
    reviews = aclimdb.load(bench.aclimdb, unlabelled=True)
    if reviews.has("test"):
        splits.append("test")
    home = bench.folder / "official"
    there = replace(
        bench,
        corpus=write_corpus(reviews, bench.quick, home, splits),
        results=Results(home / "results", bench.results.machine, bench.results.again),
        folder=home,
    )
    rows: list[dict[str, Any]] = []
    scores = {}
    for name in COMPARED:
        contestant = SEMI if name == SEMI.name else there.contestant(name)
        bench.say(contestant.title)
        seconds = there.train(contestant)["seconds"]
        found = there.accuracy(contestant)
        scores[name] = there.scores(contestant)
        measured = {split: found[split] for split in splits if split != "train"}
        rows.append({"name": name, "title": contestant.title, "accuracy": measured, "seconds": seconds})
    labels = read_labelled(there.corpus.folder, "validation").labels
    for row in rows:
        of_row = scores[row["name"]]["validation"]
        row["ahead"] = paired_difference(labels, scores[SUBJECT]["validation"], of_row)
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "counts": there.corpus.reviews.counts(),
        "rows": rows,
    }


def cells(row: dict[str, Any]) -> list[str]:
    """One line of the table, in the order of COLUMNS."""
    low, high = row["ahead"]["interval"]
    ahead = f"{row['ahead']['difference'] * 100:.2f} ({low * 100:+.2f} to {high * 100:+.2f})"
    test = row["accuracy"].get("test")
    return [
        row["title"],
        _share(row["accuracy"]["validation"]),
        "" if row["name"] == SUBJECT else ahead,
        _share(test) if test else "not measured",
        f"{row['seconds']:,.0f}" if "seconds" in row else "-",
    ]


def _share(accuracy: dict[str, Any]) -> str:
    low, high = accuracy["interval"]
    return f"{accuracy['accuracy']:.2%} ({low:.1%} to {high:.1%})"
