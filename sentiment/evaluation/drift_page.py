"""Render the comparison of a window with the baseline (drift.py) as an HTML report in one file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sentiment.evaluation.drift import LENGTHS, MIN_TEXTS, Counts, Finding, length_range, texts
from sentiment.evaluation.pages import LEFT, ROW, WIDTH, bullets, document, escaped, figure, table

# The chart of all measures spans this many half bands to either side.
REACH = 2.5
CHART, FOOT = 96, 18
# Steps with fewer texts are drawn in grey, without a verdict.
MIN_STEP_TEXTS = 10


class Step(NamedTuple):
    """A part of the window: when it began, the number of its texts, and their findings."""

    began: str
    texts: int
    findings: Sequence[Finding]


class Window(NamedTuple):
    """The content of the report.

    `heading` names the model and its host, `period` the window. `counts` are those of the window, `before`
    those of the previous one. `baseline` is a result of drift.measured, with `model`, `sentences` and
    `reviews` added. `findings` are empty if there are too few texts; `steps` are the parts of the window.
    `notes` say what could not be compared.
    """

    heading: str
    period: str
    counts: Counts
    before: Counts
    baseline: dict[str, Any]
    findings: Sequence[Finding]
    steps: Sequence[Step]
    notes: Sequence[str]


def page(window: Window) -> str:
    """Render the report."""
    number, base = texts(window.counts), window.baseline
    return document(
        window.heading,
        [
            f"<p>{escaped(window.period)}: {number:,} texts. The model was measured on {base['sentences']:,} "
            f"held-out sentences and {base['reviews']:,} held-out reviews.</p>",
            _verdict(window.findings, number),
            bullets(map(escaped, window.notes)) if window.notes else "",
            *(_measures(window.findings) if window.findings else ()),
            "<h2>How long the texts are</h2>",
            _lengths(window),
            *(_course(window.steps) if window.findings else ()),
            "<h2>How this is compared</h2>",
            "<p>Only counts are kept, no texts. For each measure, what is expected is what held-out texts of "
            "the same lengths give. The band around it is three standard errors of so many texts, and a "
            "tolerance. How long the texts are is compared with the window before.</p>",
        ],
    )


def _verdict(findings: Sequence[Finding], number: int) -> str:
    if not findings:
        return f"<p><strong>No verdict: {number:,} texts are too few; {MIN_TEXTS} are needed.</strong></p>"
    outside = [finding for finding in findings if not finding.inside]
    if not outside:
        return '<p class="good"><strong>Everything lies within its band.</strong></p>'
    said = [
        f"{escaped(_capital(each.words))}: {_percent(each.value)}, expected {_band(each)}" for each in outside
    ]
    return '<p class="bad"><strong>Outside the band:</strong></p>' + bullets(said)


def _measures(findings: Sequence[Finding]) -> list[str]:
    rows = [
        (
            _capital(each.words),
            (
                _percent(each.value),
                _percent(each.expected),
                f"{_percent(each.low)} to {_percent(each.high)}",
                '<span class="good">inside</span>' if each.inside else '<strong class="bad">outside</strong>',
            ),
        )
        for each in findings
    ]
    head = ("measure", "people sent", "expected", "band", "verdict")
    return ["<h2>All measures</h2>", _bullet_chart(findings), table("All measures", head, rows)]


def _bullet_chart(findings: Sequence[Finding]) -> str:
    """A row for each measure, all on one scale: its distance from the expected value in half bands."""

    def x(bands: float) -> float:
        return LEFT + (WIDTH - LEFT - 16) * (1 + max(-REACH, min(bands, REACH)) / REACH) / 2

    rows = len(findings)
    height = ROW * (rows + 1) + 8
    parts = [
        f'<rect x="{x(-1):.1f}" y="0" width="{x(1) - x(-1):.1f}" height="{ROW * rows}" fill="var(--good)" '
        'fill-opacity=".15"/>',
        f'<path d="M{x(0):.1f} 0V{ROW * rows}" stroke="var(--good)" stroke-dasharray="4 3"/>',
    ]
    for number, each in enumerate(findings):
        y, colour = ROW * number + ROW / 2, _colour(each)
        # The halves may differ, because the band is clipped to the range from 0 to 1.
        half = each.high - each.expected if each.value >= each.expected else each.expected - each.low
        away = (each.value - each.expected) / half if half else 0.0
        parts.append(
            f'<text x="{LEFT - 12}" y="{y + 4:.0f}" text-anchor="end">{escaped(each.words)}</text>'
            f'<path d="M{x(0):.1f} {y}H{x(away):.1f}" stroke="{colour}" stroke-width="2"/>'
            f'<circle cx="{x(away):.1f}" cy="{y}" r="5" fill="{colour}"/>'
        )
    for bands, label in ((-1, "band"), (0, "expected"), (1, "band")):
        parts.append(f'<text x="{x(bands):.1f}" y="{height - 8}" text-anchor="middle">{label}</text>')
    said = "; ".join(f"{each.words}: {_percent(each.value)}, expected {_band(each)}" for each in findings)
    title = "Each measure beside its band; what lies beyond the picture’s edge is drawn at the edge"
    return figure(title, f"{title}. {said}", height, parts)


def _lengths(window: Window) -> str:
    """Bars for each length: this window, the previous one, and the held-out texts."""
    series = (
        ("this window", window.counts, "var(--ink)", 1.0),
        ("the window before", window.before, "var(--ink)", 0.45),
        ("held-out texts", window.baseline["texts"], "var(--good)", 0.6),
    )
    thick, gap = 12, 16
    parts, said = [], []
    for place, name in enumerate(LENGTHS):
        top = place * (len(series) * thick + gap)
        parts.append(
            f'<text x="{LEFT - 12}" y="{top + 1.5 * thick + 4:.0f}" text-anchor="end">'
            f"{length_range(name)}</text>"
        )
        for number, (label, counts, colour, opacity) in enumerate(series):
            share = counts.get(name, 0) / max(texts(counts), 1)
            y = top + number * thick
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{(WIDTH - LEFT - 60) * share:.1f}" height="{thick - 2}" '
                f'fill="{colour}" fill-opacity="{opacity}"/>'
                f'<text x="{LEFT + (WIDTH - LEFT - 60) * share + 6:.1f}" y="{y + 9}" style="font-size:10px">'
                f"{_percent(share) if texts(counts) else 'none'}</text>"
            )
            said.append(f"{length_range(name)}, {label}: {_percent(share)}")
    height = len(LENGTHS) * (len(series) * thick + gap) + FOOT
    for number, (label, counts, colour, opacity) in enumerate(series):
        left = 40 + number * 240
        parts.append(
            f'<rect x="{left}" y="{height - 14}" width="12" height="10" fill="{colour}" '
            f'fill-opacity="{opacity}"/>'
            f'<text x="{left + 18}" y="{height - 5}">{label} ({texts(counts):,})</text>'
        )
    return figure("Shares of the texts by their length", "; ".join(said), height, parts)


def _course(steps: Sequence[Step]) -> list[str]:
    """A chart for each measure: the band and the value in each step of the window."""
    names = {finding.name: finding.words for step in steps for finding in step.findings}
    charts = [
        _over_time(
            words,
            [(step, found) for step in steps for found in step.findings if found.name == name],
            steps,
        )
        for name, words in names.items()
    ]
    note = (
        '<p class="quiet">Larger points stand for more texts. Few texts make the band wide; points of fewer '
        f"than {MIN_STEP_TEXTS} are grey.</p>"
    )
    return ["<h2>In the course of the window</h2>", note, *charts]


def _over_time(words: str, points: Sequence[tuple[Step, Finding]], steps: Sequence[Step]) -> str:
    left, width = 48, WIDTH - 64
    top = min(1.0, 1.1 * max(max(found.value, found.high) for _, found in points))
    places = {step.began: number for number, step in enumerate(steps)}
    slot = width / len(steps)

    def y(value: float) -> float:
        return 4 + CHART * (1 - value / top)

    parts = [
        f'<path d="M{left} {y(0):.1f}H{left + width}" stroke="var(--line)"/>',
        f'<text x="{left - 6}" y="{y(0):.0f}" text-anchor="end">0 %</text>',
        f'<text x="{left - 6}" y="14" text-anchor="end">{100 * top:.0f} %</text>',
    ]
    for step, found in points:
        middle = left + slot * (places[step.began] + 0.5)
        colour = "var(--quiet)" if step.texts < MIN_STEP_TEXTS else _colour(found)
        radius = min(2.5 + math.sqrt(step.texts) / 3, 7)
        parts.append(
            f'<rect x="{middle - slot / 2:.1f}" y="{y(found.high):.1f}" width="{slot:.1f}" '
            f'height="{y(found.low) - y(found.high):.1f}" fill="var(--good)" fill-opacity=".15"/>'
            f'<path d="M{middle - slot / 2:.1f} {y(found.expected):.1f}h{slot:.1f}" stroke="var(--good)" '
            'stroke-dasharray="4 3"/>'
            f'<circle cx="{middle:.1f}" cy="{y(found.value):.1f}" r="{radius:.1f}" fill="{colour}"/>'
        )
    for number in sorted({0, len(steps) // 2, len(steps) - 1}):
        anchor = "start" if not number else "end" if number == len(steps) - 1 else "middle"
        at = left + slot * (number + {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor])
        parts.append(
            f'<text x="{at:.1f}" y="{CHART + FOOT + 2}" text-anchor="{anchor}">{steps[number].began}</text>'
        )
    said = "; ".join(f"{step.began}: {_percent(found.value)} of {step.texts}" for step, found in points)
    return figure(_capital(words), f"{words}. {said}", CHART + FOOT + 8, parts, title_first=True)


def _band(found: Finding) -> str:
    return f"{_percent(found.expected)} (band {_percent(found.low)} to {_percent(found.high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _colour(found: Finding) -> str:
    return "var(--good)" if found.inside else "var(--bad)"


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
