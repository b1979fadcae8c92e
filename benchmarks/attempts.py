"""What was tried: a section of the model card, and docs/attempts.md with all figures.

Both come from attempts.json, which is written by hand: groups of attempts, and of each attempt its figures by
measure. A figure holds the values before and after the change, one of each run, or, where both were compared
text by text or fold by fold, what the change gained and the standard error.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import table
from benchmarks.errors import BenchError

ATTEMPTS = Path(__file__).with_name("attempts.json")
NBSP = "\N{NO-BREAK SPACE}"
SHOWN = 2
"""In groups without columns, at most so many figures of an attempt are in the model card: its first ones."""


@dataclass(frozen=True)
class Measure:
    """What was counted, on how many texts. A share is in per cent and has one decimal, a log loss three."""

    what: str
    texts: int | None = None
    decimals: int = 1


@dataclass(frozen=True)
class Figure:
    """One measure of an attempt: the value of each run before and after, or the paired gain."""

    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    gain: float | None = None
    error: float | None = None

    def __post_init__(self) -> None:
        if not self.after and self.gain is None:
            raise TypeError("a figure needs `after` or `gain`")

    @property
    def difference(self) -> float | None:
        """What the change gained; None if it is not known from what."""
        if self.gain is not None:
            return self.gain
        return fmean(self.after) - fmean(self.before) if self.before else None


@dataclass(frozen=True)
class Attempt:
    """A change, whether the recipes have it, and what it was judged by; the note is for docs/attempts.md."""

    tried: str
    kept: bool
    figures: Mapping[str, Figure]
    by: str = "-"
    remark: str = ""
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Attempts on one subject. `columns` are the measures of its table in the model card."""

    title: str
    conclusion: str
    attempts: tuple[Attempt, ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempts:
    """All groups in the order of the card, and the measures by name."""

    measures: Mapping[str, Measure]
    groups: tuple[Group, ...]

    @cached_property
    def deviations(self) -> dict[str, float]:
        """The standard deviation between seeds by measure, pooled over all changes; a model counts once."""
        runs: dict[str, set[tuple[float, ...]]] = {}
        for group in self.groups:
            for attempt in group.attempts:
                for name, figure in attempt.figures.items():
                    runs.setdefault(name, set()).update(
                        each for each in (figure.before, figure.after) if len(each) > 1
                    )
        return {name: _pooled(each) for name, each in runs.items() if each}

    def beyond_chance(self, name: str, figure: Figure) -> bool:
        """Whether the difference is more than two standard errors, where the error can be told.

        Where it was not measured, it is that of other seeds and other texts together. Both models read the
        same texts, so the latter is about that of one model's figure.
        """
        error, texts, deviation = figure.error, self.measures[name].texts, self.deviations.get(name)
        if error is None and figure.before and texts and deviation is not None:
            share = (fmean(figure.before) + fmean(figure.after)) / 200
            of_seeds = deviation**2 * (1 / len(figure.before) + 1 / len(figure.after))
            error = (of_seeds + _standard_error(share, texts) ** 2) ** 0.5
        return error is not None and figure.difference is not None and abs(figure.difference) > 2 * error

    def latest(self, name: str) -> float | None:
        """The mean of a measure after the last change that it was measured for, if there is one."""
        figures = (attempt.figures.get(name) for group in self.groups for attempt in group.attempts)
        means = [fmean(figure.after) for figure in figures if figure and figure.after]
        return means[-1] if means else None


def load(file: Path = ATTEMPTS) -> Attempts:
    """The content of attempts.json. Raises BenchError if its shape is not that of the classes above."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        measures = {name: Measure(**each) for name, each in content["measures"].items()}
        groups = tuple(_group(each, measures) for each in content["groups"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(
            f"{file.name} has another shape than benchmarks/attempts.py reads: {error}"
        ) from None
    return Attempts(measures, groups)


def markdown(attempts: Attempts) -> str:
    """The section of the model card: its measures, then a conclusion and a table for each group."""
    columns = [name for group in attempts.groups for name in group.columns]
    return "\n\n".join(
        [
            _measures(attempts, [name for name in attempts.measures if name in columns]),
            *(
                f"### {group.title}\n\n{group.conclusion}\n\n{_short_table(attempts, group)}"
                for group in attempts.groups
            ),
        ]
    )


def in_full(attempts: Attempts) -> str:
    """The content of docs/attempts.md: all measures, and a table of all figures for each group."""
    sections = [f"## Measures\n\n{_measures(attempts, attempts.measures)}"]
    for group in attempts.groups:
        notes = [f"- {each.tried.removeprefix('... ')}: {each.note}" for each in group.attempts if each.note]
        sections.append(f"## {group.title}\n\n{_full_table(attempts, group)}")
        sections += ["\n".join(notes)] if notes else []
    return "\n\n".join(sections)


def _group(content: dict[str, Any], measures: Mapping[str, Measure]) -> Group:
    attempts = tuple(_attempt(each) for each in content["attempts"])
    group = Group(**content | {"attempts": attempts, "columns": tuple(content.get("columns", ()))})
    for name in (*group.columns, *(name for attempt in attempts for name in attempt.figures)):
        if name not in measures:
            raise ValueError(f"{group.title} has a figure of {name!r}, which is not among the measures")
    return group


def _attempt(content: dict[str, Any]) -> Attempt:
    try:
        figures = {name: _figure(each) for name, each in content["figures"].items()}
        attempt = Attempt(**content | {"figures": figures})
    except (TypeError, KeyError) as error:
        raise ValueError(f"{content.get('tried')!r}: {error}") from None
    if not isinstance(attempt.kept, bool):
        raise ValueError(f"{attempt.tried!r}: `kept` is true or false")
    return attempt


def _figure(content: dict[str, Any]) -> Figure:
    runs = {name: tuple(map(float, content.get(name, ()))) for name in ("before", "after")}
    return Figure(**content | runs)


def _standard_error(share: float, texts: int) -> float:
    """Of a share of so many texts, in points."""
    return float(100 * (share * (1 - share) / texts) ** 0.5)


def _pooled(runs: Iterable[tuple[float, ...]]) -> float:
    squares, free = 0.0, 0
    for each in runs:
        squares += sum((value - fmean(each)) ** 2 for value in each)
        free += len(each) - 1
    return float((squares / free) ** 0.5)


def _measures(attempts: Attempts, names: Iterable[str]) -> str:
    """What each measure is, and two sizes of chance: of one model on other texts, and of another seed."""
    lines = []
    for name in names:
        measure, share = attempts.measures[name], attempts.latest(name)
        error = f"{_standard_error(share / 100, measure.texts):.1f}" if measure.texts and share else "-"
        deviation = attempts.deviations.get(name)
        seeds = "-" if deviation is None else f"{deviation:.{measure.decimals}f}"
        lines.append((name, measure.what, f"{measure.texts:,}" if measure.texts else "-", error, seeds))
    head = ("measure", "what is counted", "texts", "error: texts", "error: seeds")
    return table.markdown(head, lines, text=("what is counted",))


def _short_table(attempts: Attempts, group: Group) -> str:
    """One line an attempt. Without columns of the group's own, each shows its first figures by name."""
    columns: dict[str, list[str]] = {
        "tried": [attempt.tried for attempt in group.attempts],
        "kept": ["yes" if attempt.kept else "no" for attempt in group.attempts],
        "judged by": [attempt.by for attempt in group.attempts],
    }
    for name in group.columns:
        columns[name] = [_cell(attempts, attempt, name) for attempt in group.attempts]
    if not group.columns:
        columns["found"] = [_first_figures(attempts, attempt) for attempt in group.attempts]
    columns["remark"] = [attempt.remark for attempt in group.attempts]
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    lines = list(zip(*shown.values(), strict=True))
    return table.markdown(list(shown), lines, text=("kept", "judged by", "found", "remark"))


def _first_figures(attempts: Attempts, attempt: Attempt) -> str:
    return "; ".join(f"{name} {_cell(attempts, attempt, name)}" for name in list(attempt.figures)[:SHOWN])


def _cell(attempts: Attempts, attempt: Attempt, name: str) -> str:
    """The paired gain, or the means before and after; bold if the difference is beyond chance."""
    figure = attempt.figures.get(name)
    if figure is None:
        return ""
    if figure.gain is not None:
        return _difference(attempts, name, figure)
    decimals = attempts.measures[name].decimals
    after = f"{fmean(figure.after):.{decimals}f}"
    if attempts.beyond_chance(name, figure):
        after = f"**{after}**"
    return f"{fmean(figure.before):.{decimals}f} →{NBSP}{after}" if figure.before else after


def _full_table(attempts: Attempts, group: Group) -> str:
    """One line a figure."""
    lines = []
    for attempt in group.attempts:
        title = f"{attempt.tried} ({'kept' if attempt.kept else 'left out'})"
        by = attempt.by
        for name, figure in attempt.figures.items() or [("", None)]:
            cells = _full_cells(attempts, name, figure) if figure else ("", "", "")
            lines.append((title, by, name, *cells))
            title = by = ""
    head = ("tried", "judged by", "measure", "before", "after", "difference")
    return table.markdown(head, lines, text=("judged by", "measure"))


def _full_cells(attempts: Attempts, name: str, figure: Figure) -> tuple[str, str, str]:
    decimals = attempts.measures[name].decimals
    before, after = (
        ", ".join(f"{value:.{decimals}f}" for value in runs) for runs in (figure.before, figure.after)
    )
    return before, after, _difference(attempts, name, figure)


def _difference(attempts: Attempts, name: str, figure: Figure) -> str:
    """What the change gained, with its standard error if that was measured; bold if it is beyond chance."""
    decimals, difference = attempts.measures[name].decimals, figure.difference
    if difference is None:
        return ""
    if figure.error is not None:
        text, error = f"{difference:+.{decimals + 1}f}", f" ±{NBSP}{figure.error:.{decimals + 1}f}"
    else:
        text, error = f"{difference:+.{decimals}f}" if figure.gain is None else f"{difference:+g}", ""
    return f"**{text}**{error}" if attempts.beyond_chance(name, figure) else f"{text}{error}"
