"""A made-up result of the benchmarks: four rows, all figures chosen so that ratios are easy to see; and few
short texts to learn from.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

from sentiment.data.prepared import texts_beside
from sentiment.data.reviews import Reviews, Row


def few_texts_beside(short_texts: bool, reviews: Callable[[], Iterable[Row]]) -> dict[int, Reviews]:
    """Every hundredth of the short texts that recipes learn from: all of them take a minute to learn."""
    found = texts_beside(short_texts, reviews)
    return {kind: texts.take(range(0, len(texts), 100)) for kind, texts in found.items()}


def accuracy(right: float, reviews: int = 1000) -> dict:
    return {"accuracy": right, "interval": [right - 0.02, right + 0.02], "reviews": reviews}


def row(
    name: str, kind: str, test: float, seconds: float, p50: float, validation: float | None = None
) -> dict:
    scored = {
        "validation": accuracy(validation or test),
        "test": accuracy(test),
        "model": {"model": "abc123", "unsure": [0.4, 0.6]} if kind == "recipe" else {},
        "measured": "2026-01-02 10:00",
    }
    return {
        "name": name,
        "title": f"the {name}",
        "kind": kind,
        "settings": {"C": 30.0} if kind == "reference" else {},
        "source": "a paper" if kind == "reference" else "",
        "train": {
            "seconds": seconds,
            "prepare_seconds": 1.0,
            "peak_mib": 500.0,
            "curve": [[seconds / 2, 0.8], [seconds * 0.9, test]] if kind == "recipe" else [],
            "size_mb": 2.5,
            "measured": "2026-01-02 09:00",
        },
        "accuracy": scored,
        "serving": {
            "median": {"words": 175.0, "p50_ms": p50, "p99_ms": 2 * p50},
            "long": {"words": 500, "p50_ms": 2 * p50, "p99_ms": 3 * p50},
            "reviews_per_second": 1000 / p50,
            "cold_start_s": 0.5,
            "measured": "2026-01-02 11:00",
        },
        "seeds": [{"validation": accuracy(test), "test": accuracy(test)}],
        "time_to": {"0.854": seconds if test > 0.854 else None, "0.900": None},
    }


def rows() -> list[dict]:
    return copy.deepcopy(
        [
            row("predecessor", "recipe", 0.80, 400.0, 4.0),
            row("xgboost", "reference", 0.88, 10.0, 1.0, validation=0.84),
            row("nb-lr", "reference", 0.86, 20.0, 2.0, validation=0.90),
            row("fast", "recipe", 0.90, 100.0, 0.5),
        ]
    )
