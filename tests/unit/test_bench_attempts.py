"""What was tried: attempts.json has the shape that is read, and its tables compute what they say."""

from __future__ import annotations

import json

import pytest

from benchmarks import attempts
from benchmarks.errors import BenchError


def written(folder, figures: dict, columns: list[str] | None = None, **changes) -> attempts.Attempts:
    """One attempt with these figures, read from a file like attempts.json."""
    attempt = {"tried": "more words", "kept": True, "by": "3 seeds", "figures": figures, **changes}
    group = {"title": "Words", "conclusion": "They help.", "columns": columns or [], "attempts": [attempt]}
    measures = {
        "right": {"what": "texts that are right", "texts": 10_000},
        "loss": {"what": "log loss", "decimals": 3},
    }
    file = folder / "attempts.json"
    file.write_text(json.dumps({"measures": measures, "groups": [group]}), encoding="utf-8")
    return attempts.load(file)


def spaced(text: str) -> str:
    return text.replace(attempts.NBSP, " ")


def test_the_committed_attempts_have_the_shape_that_is_read():
    tried = attempts.load()
    assert all(group.conclusion.endswith(".") for group in tried.groups)
    for group in tried.groups:
        for attempt in group.attempts:
            assert attempt.figures or attempt.remark, f"{attempt.tried!r} does not say what was found"


def test_means_over_seeds_stand_in_the_card_and_every_seed_in_the_other_document(tmp_path):
    seeds = {"before": [80, 82, 81], "after": [84, 85, 87]}
    tried = written(tmp_path, {"right": seeds, "loss": {"after": [0.2]}}, ["right", "loss"], remark="slow")
    card = spaced(attempts.markdown(tried))
    assert "### Words\n\nThey help.\n\n| tried | kept | judged by | right | loss | remark |" in card
    assert "| more words | yes | 3 seeds | 81.0 → **85.3** | 0.200 | slow |" in card
    assert "| more words (kept) | 3 seeds | right | 80.0, 82.0, 81.0 | 84.0, 85.0, 87.0 | **+4.3** |" in (
        attempts.in_full(tried)
    )
    assert "|  |  | loss |  | 0.200 |  |" in attempts.in_full(tried)


def test_chance_on_other_texts_and_with_other_seeds_is_computed(tmp_path):
    tried = written(tmp_path, {"right": {"before": [49, 51], "after": [50, 50, 53]}}, ["right"])
    # The variances are 2 with one degree of freedom, and 3 with two: pooled 8 / 3, whose root is 1.6.
    assert "| right | texts that are right | 10,000 | 0.5 | 1.6 |" in attempts.markdown(tried)


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        ({"gain": 0.39, "error": 0.15}, "**+0.39** ± 0.15"),
        ({"gain": -0.28, "error": 0.14}, "-0.28 ± 0.14"),
        ({"gain": 3.6}, "+3.6"),
        ({"before": [80], "after": [80.5], "gain": 0.5, "error": 0.1}, "**+0.50** ± 0.10"),
        ({"before": [80, 82], "after": [81, 83]}, "81.0 → 82.0"),
        ({"before": [80], "after": [90]}, "80.0 → 90.0"),
    ],
    ids=["beyond chance", "two errors", "no error", "paired", "within chance", "seeds unknown"],
)
def test_a_figure_is_bold_only_if_its_difference_is_beyond_chance(tmp_path, figure, shown):
    card = spaced(attempts.markdown(written(tmp_path, {"right": figure}, ["right"])))
    assert card.endswith(f"| more words | yes | 3 seeds | {shown} |")


def test_without_columns_the_first_figures_are_named(tmp_path):
    figures = {"loss": {"before": [0.2], "after": [0.19]}, "right": {"after": [80]}}
    assert "| loss 0.200 → 0.190; right 80.0 |" in spaced(attempts.markdown(written(tmp_path, figures)))


def test_notes_stand_below_the_figures(tmp_path):
    tried = written(tmp_path, {}, note="Measured once.", remark="no gain")
    assert attempts.in_full(tried).endswith("|\n\n- more words: Measured once.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"figures": {"speed": {"after": [1]}}}, "Words has a figure of 'speed'"),
        ({"figures": {"right": {"before": [1]}}}, "'more words': a figure needs `after` or `gain`"),
        ({"figures": {"right": {"after": [1], "then": 2}}}, "'more words': .*'then'"),
        ({"figures": {"right": {"after": ["many"]}}}, "many"),
        ({"kept": "yes"}, "'more words': `kept` is true or false"),
        ({"found": "much"}, "'more words': .*'found'"),
    ],
)
def test_another_shape_is_refused_with_the_place(tmp_path, changes, said):
    with pytest.raises(BenchError, match=rf"attempts\.json has another shape .*{said}"):
        written(tmp_path, changes.pop("figures", {}), **changes)
