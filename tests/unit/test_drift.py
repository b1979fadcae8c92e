"""Drift: windows like the held-out texts are inside the band, others are named; the alarm agrees."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import selfhost  # noqa: F401 - puts the API's package on the path
from project import drift as commands
from project.choices import ProjectError
from sentiment.evaluation import drift
from sentiment.evaluation.drift import LENGTHS, MEASURES, MIN_TEXTS

from sentiment_api import measures  # isort: skip

NAMES = [measure.name for measure in MEASURES]
NOW = datetime(2026, 11, 29, 10, 30, tzinfo=UTC)


def people(count: int, seed: int, short: float = 0.3, **changed: float) -> tuple[np.ndarray, dict]:
    """Texts as they could be, a share of them `short`: their lengths, and what each adds to the sums."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(5, 200, count), draw.integers(200, 3000, count)
    characters = np.where(draw.random(count) < short, *lengths)
    rates = {"NotEnglish": 0.01, "NoEvidence": 0.15, "Mixed": 0.06, "UnknownShare": 0.03} | changed
    kind = draw.random(count)
    # Only short texts have no opinion: what is expected must follow the lengths.
    nothing = np.where(characters < 100, rates["NoEvidence"], 0.002)
    foreign = kind < rates["NotEnglish"]
    empty = ~foreign & (kind < rates["NotEnglish"] + nothing)
    mixed = ~foreign & ~empty & (kind > 1 - rates["Mixed"])
    values = {
        "NotEnglish": foreign,
        "NoEvidence": empty,
        "Mixed": mixed,
        "Unsure": foreign | empty | mixed,
        "UnknownShare": draw.binomial(20, rates["UnknownShare"], count) / 20,
        "Probability": draw.beta(0.4, 0.4, count),
    }
    return characters, values


def counts(count: int, seed: int, **changed: float) -> dict[str, float]:
    """What would be counted of such texts."""
    characters, values = people(count, seed, **changed)
    lengths = Counter(map(measures.length_count, characters.tolist()))
    return {name: lengths[name] for name in LENGTHS} | {
        name: float(np.sum(value)) for name, value in values.items()
    }


@pytest.fixture(scope="module")
def baseline() -> dict:
    return drift.measured(*people(3000, seed=0)) | {"model": "m", "sentences": 900, "reviews": 2100}


def outside(found: list[drift.Finding]) -> set[str]:
    return {finding.name for finding in found if not finding.inside}


def test_the_lambda_counts_what_is_compared():
    assert measures.LENGTHS == LENGTHS
    assert {*measures.REASONS.values(), "Unsure", "UnknownShare", "Probability"} == {*NAMES}
    assert {*drift.ALARM_IDS} == {*LENGTHS, *NAMES} - {"Unsure"}


@pytest.mark.parametrize("count", [MIN_TEXTS, 1000])
@pytest.mark.parametrize("short", [0.05, 0.3, 0.95])
def test_texts_of_the_same_kind_lie_inside_whatever_their_lengths(baseline, count, short):
    found = [outside(drift.compare(counts(count, seed, short=short), baseline)) for seed in range(1, 101)]
    assert sum(map(bool, found)) <= 5, Counter(name for names in found for name in names)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        # What a model says of German; of "SOOOO BAAAAAD!!!", whose words it does not know; of shopping lists.
        ({"NotEnglish": 0.9, "UnknownShare": 0.8}, {"NotEnglish", "Unsure", "UnknownShare"}),
        ({"UnknownShare": 0.5}, {"UnknownShare"}),
        ({"NoEvidence": 0.9, "short": 1.0}, {"NoEvidence", "Unsure"}),
    ],
    ids=["another language", "shouting", "no opinion"],
)
def test_texts_of_another_kind_lie_outside_by_name(baseline, changed, named):
    for seed in range(20):
        assert outside(drift.compare(counts(200, seed, **changed), baseline)) == named


def test_lengths_are_compared_with_the_window_before():
    for seed in range(20):
        usual, again, short = (counts(200, 3 * seed + n, short=0.3 + 0.7 * (n == 2)) for n in range(3))
        assert not outside(drift.compare_lengths(again, usual))
        assert "CharactersMore" in outside(drift.compare_lengths(short, usual))
    assert [drift.length_range(name) for name in LENGTHS] == [
        "1 to 50 characters",
        "51 to 150 characters",
        "151 to 500 characters",
        "501 characters and more",
    ]


def test_a_length_without_held_out_texts_widens_the_band():
    characters, values = people(3000, seed=0)
    long = characters > 500
    found = drift.measured(characters[long], {name: value[long] for name, value in values.items()})
    assert found["texts"]["Characters50"] == 0
    by_name = {each.name: each for each in drift.compare(counts(100, 1, short=1.0), found)}
    assert by_name["Probability"].high - by_name["Probability"].low > 0.9


def evaluated(formula: str, counted: dict[str, float]) -> float:
    """Metric math of one period: ABS, IF, ^, and comparisons that are 0 or 1."""
    assert set(re.findall(r"[A-Za-z_]+", formula)) <= {"IF", "ABS", "n", *drift.ALARM_IDS.values()}
    ids = {place: counted[name] for name, place in drift.ALARM_IDS.items()}
    functions = {"IF": lambda holds, then, otherwise: then if holds else otherwise, "ABS": abs}
    return eval(formula.replace("^", "**"), functions | ids | {"n": drift.texts(counted)})


def test_the_alarm_rises_exactly_where_a_measure_lies_outside(baseline):
    formula = drift.alarm_formula(baseline)
    # The limit of an expression; a space or a quotation mark would not come through SAM's command line.
    assert len(formula) <= 2048 and not set(formula) & set(" \"'=")
    kinds = (
        {},
        {"NotEnglish": 0.3},
        {"UnknownShare": 0.12},
        {"Mixed": 0.35},
        {"short": 1.0, "NoEvidence": 0.6},
    )
    raised = set()
    for seed, changed in enumerate(kinds * 10):
        counted = counts(60 + 20 * seed, seed, **changed)
        names = outside(drift.compare(counted, baseline)) - {"Unsure"}
        assert evaluated(formula, counted) == len(names)
        raised |= names
    assert raised >= {"NotEnglish", "UnknownShare", "Mixed", "NoEvidence"}
    assert evaluated(formula, counts(MIN_TEXTS - 1, 0, NotEnglish=1.0)) == 0


@pytest.mark.parametrize(("window", "hours"), [("1h", 1), ("24h", 24), ("7d", 168)])
def test_a_window_is_of_whole_hours_the_running_one_included(window, hours):
    period = commands.period(window, NOW)
    assert period.end == datetime(2026, 11, 29, 11, tzinfo=UTC) and period.hours == hours
    assert period.start - period.before == period.end - period.start == timedelta(hours=hours)


@pytest.mark.parametrize("window", ["", "0h", "24", "1w", "-1h", "900d", "1h2"])
def test_an_invalid_window_is_refused_with_an_example(window):
    with pytest.raises(
        ProjectError, match=f"^WINDOW={window}: hours or days, such as 24h or 7d; 227d at most"
    ):
        commands.period(window)


def hourly(period: commands.Period, count: int, **changed: float) -> dict[datetime, dict[str, float]]:
    hours = [period.before + number * timedelta(hours=1) for number in range(2 * period.hours)]
    return {
        hour: counts(count, seed, **changed if hour >= period.start else {})
        for seed, hour in enumerate(hours)
    }


def test_a_window_inside_the_band_is_reported_and_drawn(baseline, tmp_path, capsys):
    period = commands.period("24h", NOW)
    commands.report("What people send", period, hourly(period, 20), baseline, tmp_path)
    said = capsys.readouterr().out
    assert "480 texts" in said and "everything lies within its band" in said and "OUTSIDE" not in said
    page = (tmp_path / "drift.html").read_text(encoding="utf-8")
    assert "Everything lies within its band." in page
    assert "http" not in page and "<script" not in page, "nothing is loaded or run"
    # All measures, lengths, and the course of each measure.
    assert page.count("<svg") == page.count('role="img"') == 2 + len(MEASURES)


def test_what_lies_outside_is_named_with_both_values(baseline, tmp_path, capsys):
    period = commands.period("7d", NOW)
    hours = hourly(period, 10, short=1.0, NotEnglish=0.5)
    with pytest.raises(commands.Drifted) as raised:
        commands.report("What people send", period, hours, baseline, tmp_path)
    assert re.search(r"texts in another language \d\d\.\d% \(expected 0\.0% to \d\.\d%\)", str(raised.value))
    assert "texts of 501 characters and more 0.0% (expected" in str(raised.value)
    assert "OUTSIDE texts in another language" in capsys.readouterr().out
    assert "Outside the band:" in (tmp_path / "drift.html").read_text(encoding="utf-8")


def test_few_texts_get_no_verdict(baseline, tmp_path, capsys):
    period = commands.period("1h", NOW)
    hours = {period.start: counts(MIN_TEXTS - 1, 0, NotEnglish=1.0), period.before: counts(100, 1)}
    commands.report("What people send", period, hours, baseline, tmp_path)
    assert f"no verdict: at least {MIN_TEXTS} texts are needed" in capsys.readouterr().out
    assert "No verdict: 49 texts are too few" in (tmp_path / "drift.html").read_text(encoding="utf-8")
    commands.report("What people send", period, {}, baseline, tmp_path)


def test_an_older_model_is_compared_in_all_but_unknown_words(baseline, tmp_path, capsys):
    period = commands.period("1h", NOW)
    counted = counts(100, 1)
    del counted["UnknownShare"]
    # Answers of an hour before the Lambda counted their lengths say nothing of anything else either.
    earlier = {"Unsure": 500.0, "Probability": 0.0}
    two = commands.Period(period.before, period.before, period.end)
    commands.report("Sent", two, {period.before: earlier, period.start: counted}, baseline, tmp_path)
    said = capsys.readouterr().out
    assert (
        "does not list the words that it knows" in said and "words that the model does not know" not in said
    )
    assert "too few texts to compare their lengths with" in said
