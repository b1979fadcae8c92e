"""What `make load` aims at, and how it reports the results."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from benchmarks import load_report
from benchmarks.load_client import Run
from benchmarks.load_measure import Measured, Usage, goals, percentile


def usage(memory_mb: float = 1000, root: float = 0.0) -> Usage:
    return Usage(memory_mb, 100, 50, root, 0.0)


def run(clients: int, milliseconds: float, answers: int = 1000, refusal_ms: float = 60) -> Run:
    refused = [refusal_ms / 1000] * (clients if clients > 8 else 0)
    return Run(clients, 10.0, [milliseconds / 1000] * answers, refused)


GOOD = Measured(
    "The chain",
    True,
    [run(1, 15), run(8, 80), run(32, 100), run(128, 120)],
    run(8, 80, answers=20_000),
    usage(700, root=1.0),
    usage(900, root=5.0),
    usage(1000),
    usage(1049),
)


def unreached(measured: Measured) -> list[str]:
    return [goal.text for goal in goals(measured) if not goal.reached]


def test_what_is_good_reaches_every_goal() -> None:
    assert unreached(GOOD) == []
    assert GOOD.root_cpu_ms == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"alone": usage(root=6.5)}, "processor time"),
        ({"end": usage(1051)}, "memory"),
        ({"runs": [*GOOD.runs[:2], run(32, 100, answers=900), GOOD.runs[3]]}, "32 clients"),
        ({"runs": [*GOOD.runs[:3], run(128, 161)]}, "admitted"),
        ({"runs": [*GOOD.runs[:3], run(128, 120, answers=0)]}, "admitted"),
        ({"runs": [*GOOD.runs[:3], run(128, 120, refusal_ms=101)]}, "refusals"),
        ({"soak": Run(8, 1.0, [0.1] * 20_000, kinds=Counter({"status 500": 1}))}, "Retry-After"),
    ],
)
def test_a_goal_that_is_missed_is_named(change: dict[str, object], named: str) -> None:
    [text] = unreached(dataclasses.replace(GOOD, **change))
    assert named in text
    [line] = [
        line
        for line in load_report.document(
            [dataclasses.replace(GOOD, **change)], "a machine", "today", 48
        ).splitlines()
        if "NOT REACHED" in line
    ]
    assert text in line


def test_a_system_whose_first_process_only_starts_others_has_no_share_of_its_own() -> None:
    assert not any(
        "processor" in goal.text for goal in goals(dataclasses.replace(GOOD, root_is_its_own=False))
    )


def test_a_short_run_says_nothing_about_memory() -> None:
    short = dataclasses.replace(GOOD, soak=run(8, 80, answers=1000), end=usage(2000))
    [memory] = [goal for goal in goals(short) if "memory" in goal.text]
    assert (memory.reached, memory.verdict) == (None, "not measured")


def test_the_document_has_every_level_of_every_system() -> None:
    text = load_report.document(
        [GOOD, dataclasses.replace(GOOD, title="The server")], "a machine", "today", 48
    )
    assert text.count("## ") == 2
    for clients in (1, 8, 32, 128):
        assert text.count(f"| {clients} | 100 |") == 2
    assert "NOT REACHED" not in text


def test_percentiles_are_in_milliseconds() -> None:
    assert percentile([number / 1000 for number in range(101)], 95) == pytest.approx(95)
    assert percentile([1.0], 50) is None
