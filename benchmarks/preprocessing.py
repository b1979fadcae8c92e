"""Measure how many reviews a second are tokenized: by the predecessor's function, and by this project's two.

The project's tokenizers run over every review, by processes that each keep to one core, on one core and on
two, if there are as many. The predecessor's takes a minute for a thousand reviews: it runs over an evenly
spaced sample, whose words are compared with those of this project's function on the way.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.errors import BenchError
from benchmarks.measure import Bench
from sentiment.progress import Progress
from sentiment.text import tokenizers
from sentiment.text.predecessor.review_to_words import review_to_words

MAX_CORES = 2
SAMPLE, QUICK_SAMPLE = 200, 5
BATCH_SIZE = 250
COLUMNS = ("tokenizer", "cores", "reviews", "seconds", "reviews/s", "times the predecessor's")
REFERENCE = "predecessor"


def measure(bench: Bench) -> dict[str, Any]:
    """A row for each tokenizer and number of cores, the predecessor's first."""
    texts = bench.corpus.reviews.texts
    sample = QUICK_SAMPLE if bench.quick else SAMPLE
    places = np.linspace(0, len(texts) - 1, min(sample, len(texts))).astype(int)
    rows = [reference_row([texts[place] for place in places])]
    for name in tokenizers.TOKENIZERS:
        for cores in range(1, min(MAX_CORES, len(available_cores())) + 1):
            rows.append(row_of(name, texts, cores))
    slowest = rows[0]["reviews_per_second"]
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "rows": [row | {"ratio": row["reviews_per_second"] / slowest} for row in rows],
    }


def reference_row(texts: Sequence[str]) -> dict[str, Any]:
    """The predecessor's function over the texts, on one core. Raises BenchError where ours differs."""
    with _pool(1) as pool, Progress("the predecessor's review_to_words", len(texts), "reviews") as shown:
        seconds = 0.0
        for number, review in enumerate(texts):
            words, taken = pool.submit(_reference, review).result()
            if words != review_to_words(review):
                raise BenchError(f"review {number} of the sample gives other words than the predecessor's")
            seconds += taken
            shown.add()
    return _row(REFERENCE, 1, len(texts), seconds)


def row_of(name: str, texts: Sequence[str], cores: int) -> dict[str, Any]:
    """Measure one of this project's tokenizers over all texts; its row of the table.

    `cores` processes share the texts. They are started before the time is taken.
    """
    parts = [list(texts[start : start + BATCH_SIZE]) for start in range(0, len(texts), BATCH_SIZE)]
    with _pool(cores) as pool, Progress(f"{name} on {cores}", len(texts), "reviews") as shown:
        list(pool.map(abs, range(cores * 8)))  # all processes run before the clock does
        started = time.perf_counter()
        for count in pool.map(_count, [name] * len(parts), parts):
            shown.add(count)
        seconds = time.perf_counter() - started
    return _row(name, cores, len(texts), seconds)


def _row(name: str, cores: int, reviews: int, seconds: float) -> dict[str, Any]:
    return {
        "tokenizer": name,
        "cores": cores,
        "reviews": reviews,
        "seconds": seconds,
        "reviews_per_second": reviews / seconds,
    }


def available_cores() -> list[int]:
    """The numbers of the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _pool(cores: int) -> ProcessPoolExecutor:
    """Processes that start without cached stems and share so many cores."""
    return ProcessPoolExecutor(
        cores, get_context("spawn"), initializer=_pin_to, initargs=(available_cores()[:cores],)
    )


def _pin_to(cores: list[int]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _reference(review: str) -> tuple[list[str], float]:
    from benchmarks.predecessor import review_to_words

    review_to_words("warm")  # imports
    started = time.perf_counter()
    words = review_to_words(review)
    return words, time.perf_counter() - started


def _count(name: str, texts: list[str]) -> int:
    tokenize = tokenizers.tokenizer(name)
    for review in texts:
        tokenize(review)
    return len(texts)


def cells(row: dict[str, Any]) -> list[str]:
    """One line of the table, in the order of COLUMNS."""
    name = row["tokenizer"]
    return [
        "the predecessor's, as written" if name == REFERENCE else f"`{name}`",
        str(row["cores"]),
        f"{row['reviews']:,}",
        f"{row['seconds']:.2f}",
        f"{row['reviews_per_second']:,.0f}",
        f"{row['ratio']:,.0f}",
    ]
