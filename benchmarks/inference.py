"""Measure how fast a review is answered, in all the ways it can be, side by side.

Each contender runs in processes of its own on one core; the contenders take turns, so that a busy moment of
the machine falls on all of them, and each figure is the median over the turns. Preprocessing is included.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Bench, first_answer, worker
from sentiment.serving.predictor import RUNTIMES

RECIPES = ("fast", "best")
TURNS = 3
COLD_STARTS = 3
QUICK_SECONDS = 0.2
SECONDS = 5.0
COLUMNS = (
    "answered by",
    "p50 ms",
    "p99 ms",
    "500 words p50",
    "explained p50",
    "explained / plain",
    "20,000 characters explained",
    "reviews/s",
    "explained/s",
    "cold start s",
    "predecessor's p50 / its own",
)


def measure(bench: Bench) -> dict[str, Any]:
    """Return the figures of every contender, medians over the turns, and their ratios."""
    texts = bench.corpus.reviews.select("test").texts
    review = sorted(texts, key=len)[len(texts) // 2]
    contenders = contenders_of(bench)
    turns = 1 if bench.quick else TURNS
    found: dict[str, list[dict[str, Any]]] = {name: [] for name, *_ in contenders}
    for turn in range(turns):
        for name, title, kind, folder in contenders:
            seconds = QUICK_SECONDS if bench.quick else SECONDS
            command = worker("serve", kind, folder, bench.corpus.folder, seconds)
            cold, figures = first_answer(command, review)
            colds = [cold] + [
                first_answer(worker("first", kind, folder), review)[0]
                for _ in range(0 if bench.quick or kind == "predecessor" else COLD_STARTS - 1)
            ]
            found[name].append(figures | {"cold_start_s": float(np.median(colds))})
            bench.say(f"turn {turn + 1} of {turns}, {title}: {figures['median']['p50_ms']:.2f} ms")
    rows = [
        {"name": name, "title": title, "kind": kind} | medians(found[name])
        for name, title, kind, _ in contenders
    ]
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "turns": turns,
        "rows": with_ratios(rows),
    }


def contenders_of(bench: Bench) -> list[tuple[str, str, str, Path]]:
    """Name, title, the worker's kind and its folder: the recipes in both runtimes, then the predecessor."""
    found = [
        (f"{recipe}-{runtime}", f"`{recipe}`, {runtime}", runtime, folder)
        for recipe, folder in bench.trained(RECIPES).items()
        for runtime in RUNTIMES
    ]
    return [
        *found,
        ("predecessor-lean", "its model, our preprocessing", "predecessor-lean", bench.corpus.folder),
        ("predecessor", "the predecessor as written", "predecessor", bench.corpus.folder),
    ]


def medians(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each number of nested dictionaries of the same form."""
    return {
        name: medians([turn[name] for turn in turns])
        if isinstance(value, dict)
        else float(np.median([turn[name] for turn in turns]))
        for name, value in turns[0].items()
    }


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the ratios of explained to plain answers, and of the predecessor's latency to the row's own."""
    base = next(row for row in rows if row["name"] == "predecessor")
    ratios = []
    for row in rows:
        own = {"predecessor": base["median"]["p50_ms"] / row["median"]["p50_ms"]}
        for name in ("median", "long"):
            if "explained" in row[name]:
                own[f"explained_{name}"] = row[name]["explained"]["p50_ms"] / row[name]["p50_ms"]
        if "explained_per_second" in row:
            own["explained_batch"] = row["reviews_per_second"] / row["explained_per_second"]
        ratios.append(row | {"ratios": own})
    return ratios


def slowest(row: dict[str, Any]) -> tuple[str, float]:
    """The kind of longest reviews that takes the most time to explain, and its milliseconds (p50)."""
    found = {name: of_kind["p50_ms"] for name, of_kind in row["longest_explained"].items()}
    return max(found.items(), key=lambda each: each[1])


def cells(row: dict[str, Any]) -> list[str]:
    """One line of the table, in the order of COLUMNS."""
    median, ratios = row["median"], row["ratios"]
    explained = "explained" in median
    return [
        row["title"],
        f"{median['p50_ms']:.2f}",
        f"{median['p99_ms']:.2f}",
        f"{row['long']['p50_ms']:.2f}",
        f"{median['explained']['p50_ms']:.2f}" if explained else "-",
        f"{ratios['explained_median']:.1f}" if explained else "-",
        f"{slowest(row)[1]:.0f}" if "longest_explained" in row else "-",
        f"{row['reviews_per_second']:,.0f}",
        f"{row['explained_per_second']:,.0f}" if explained else "-",
        f"{row['cold_start_s']:.2f}",
        f"{ratios['predecessor']:,.0f}",
    ]
