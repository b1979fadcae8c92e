"""The goals that were set are told with what was measured, reached or not, and why not."""

from __future__ import annotations

from typing import Any

import pytest
from bench_fixtures import accuracy, rows

from benchmarks import card, goals
from benchmarks.__main__ import DOCS


def figures(**experiments: Any) -> dict[str, Any]:
    """Figures whose `fast`, the only recipe, is right on `right` of the texts of each slice."""
    slices = [
        ("Rotten Tomatoes snippets", 0.85),
        ("short sentences, negated", 0.90),
        ("short sentences, contrastive", 0.94),
    ]
    return {
        "rows": rows(),
        "slices": [{"name": name, "accuracy": {"fast": accuracy(right)}} for name, right in slices],
        "experiments": experiments,
    }


def lines(of: dict[str, Any]) -> dict[str, list[str]]:
    """The cells after the goal, by the beginning of the goal."""
    table = goals.markdown(of).split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {cell[0]: cell[1:] for cell in cells}


def line(of: dict[str, Any], beginning: str) -> list[str]:
    [found] = [cells for goal, cells in lines(of).items() if goal.startswith(beginning)]
    return found


def test_a_goal_is_reached_or_missed_by_its_figure_and_the_missed_say_why():
    found = figures()
    assert line(found, "held-out")[1:] == ["`fast` 85.0%", "yes"]
    assert line(found, "short negated")[2] == "yes"
    assert line(found, "contrastive")[1:] == ["`fast` 94.0%", "no"]
    assert "\n- Contrastive sentences: contrasts in every order" in goals.markdown(found)
    assert "- Short negated" not in goals.markdown(found)


def test_what_was_not_measured_is_neither_reached_nor_missed():
    cells = lines(figures())
    assert sum(of_goal[1:] == ["not measured", "-"] for of_goal in cells.values()) == len(cells) - 3


def test_three_seeds_count_by_their_mean():
    found = figures()
    fast = next(row for row in found["rows"] if row["name"] == "fast")
    fast["seeds"] += [
        {"snippets": accuracy(right)} | dict.fromkeys(("negated", "contrastive"), accuracy(0.96))
        for right in (0.83, 0.81)
    ]
    assert line(found, "held-out")[1:] == ["`fast` 83.0% (3 seeds, deviation 2.0%)", "no"]
    assert line(found, "contrastive")[1:] == ["`fast` 95.3% (3 seeds, deviation 1.2%)", "yes"]


@pytest.mark.parametrize(
    ("changed", "left_out", "verdicts"),
    [(0, 0, ["yes", "yes"]), (1, 0, ["no", "yes"]), (0, 3, ["yes", "no"])],
)
def test_one_verdict_that_changes_with_another_apostrophe_misses_the_goal(changed, left_out, verdicts):
    def row(title: str, of_row: int) -> dict[str, Any]:
        counts = {"fast": {"changed": of_row, "texts": 1000}}
        return {"title": title, "snippets": {"fast": {"changed": 0, "texts": 700}}, "test": counts}

    titles = goals.apostrophes.FORMS
    measured = [row(title, left_out if title in goals.apostrophes.LEFT_OUT else changed) for title in titles]
    found = figures(apostrophes={"rows": measured})
    curly, missing = line(found, "curly"), line(found, "contractions without")
    assert [curly[2], missing[2]] == verdicts
    assert curly[1] == f"0 of 700 short texts and {changed} of 1,000 reviews"
    assert missing[1] == f"0.00% of short texts and {left_out / 1000:.2%} of reviews"


@pytest.mark.parametrize(
    ("test", "seconds", "cells"),
    [
        (None, 60, ["93.00% on validation, 1 minutes", "no"]),
        (0.942, 6000, ["94.20% on test, 100 minutes", "yes"]),
        (0.942, 7260, ["94.20% on test, 121 minutes", "no"]),
    ],
)
def test_semi_is_judged_by_the_official_test_half_and_by_its_time(test, seconds, cells):
    measured = {"validation": accuracy(0.93)} | ({"test": accuracy(test)} if test else {})
    found = figures(official={"rows": [{"name": "semi", "accuracy": measured, "seconds": seconds}]})
    assert line(found, "`semi`")[1:] == cells


def test_epochs_and_answers_are_judged_by_their_time():
    row = {
        "name": "fast-onnxruntime",
        "median": {"explained": {"p50_ms": 0.4}},
        "longest_explained": {"words": {"p50_ms": 30.2}, "emoji": {"p50_ms": 90.0}},
        "cold_start_s": 0.25,
    }
    training = {"rows": [], "without_bfloat16": {"epoch_seconds": [40.0, 30.0], "validation_accuracy": 0.92}}
    found = figures(inference={"rows": [row]}, training=training)
    assert line(found, "the epochs")[1:] == ["70 s, 92.0% right on validation", "no"]
    assert line(found, "a review of median length")[1:] == ["0.40 ms", "yes"]
    assert line(found, "one of 20,000 characters")[1:] == ["30 ms of words, at most 90 ms (emoji)", "no"]
    assert line(found, "cold start")[1:] == ["0.25 s", "no"]


def test_the_terminal_shows_the_same_table():
    text = goals.as_text(card.figures(DOCS))
    assert len(text.splitlines()) == len(goals.GOALS) + 2
    assert "short negated sentences" in text and "`" not in text
