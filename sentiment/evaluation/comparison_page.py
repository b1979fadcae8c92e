"""Render the comparison of two models (comparison.py) as an HTML report in one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sentiment.evaluation.comparison import points
from sentiment.evaluation.pages import LEFT, ROW, WIDTH, bullets, document, escaped, figure, table

QUOTED_CHARACTERS = 400


def page(comparison: dict[str, Any]) -> str:
    """Render the report of a result of `comparison.compare`, to which two keys were added: `models` (the
    versions `old` and `new`) and `votes` (the report of cleaning, project/retraining.py)."""
    models, reasons = comparison["models"], comparison["reasons"]
    verdict = (
        '<p class="good"><strong>It keeps the rules: it may take over.</strong></p>'
        if not reasons
        else '<p class="bad"><strong>It does not take over:</strong></p>' + bullets(map(escaped, reasons))
    )
    rows = [(name, found) for name, found in comparison["sets"].items()]
    slices = [(f"{each['set']}: {each['name']}", each) for each in comparison["slices"]]
    by_word = [(f"texts with “{each['word']}”", each) for each in comparison["words"]]
    changed = comparison["changed"]
    return document(
        f"Model {models['new']} beside {models['old']}",
        [
            "<p>The first has learned from people’s votes as well; the second is the one that answers.</p>",
            verdict,
            "<h2>The same texts, both models</h2>",
            _table("The same texts", rows),
            _forest("Difference of accuracy, with 95 % intervals", rows),
            "<h2>Parts of them</h2>",
            _forest("Difference of accuracy in each part", slices),
            _table("Parts of them", slices),
            "<h2>Words that voters write unusually often</h2>",
            _table("Texts with these words", by_word) if by_word else '<p class="quiet">There are none.</p>',
            "<h2>Verdicts that changed</h2>",
            '<p class="quiet">The texts of votes can be taken back, so none of them is here.</p>',
            _scatter(changed),
            *(_example(each) for each in changed),
            "<h2>The votes</h2>",
            _votes(comparison["votes"]),
        ],
    )


def _table(label: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> str:
    head = ("which", "texts", "old", "new", "difference", "put right", "put wrong", "p")
    lines = [
        (
            name,
            (
                f"{found['texts']:,}",
                f"{found['old']['accuracy']:.2%}",
                f"{found['new']['accuracy']:.2%}",
                f"{100 * found['difference']:+.2f} ({100 * found['interval'][0]:+.2f} to "
                f"{100 * found['interval'][1]:+.2f})",
                f"{found['won']:,}",
                f"{found['lost']:,}",
                f"{found['p']:.2g}",
            ),
        )
        for name, found in rows
    ]
    return table(label, head, lines)


def _forest(title: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """A forest plot: for each row the interval and the difference, in percentage points."""
    reach = max([0.5, *(100 * abs(end) for _, found in rows for end in found["interval"])]) * 1.1

    def x(share: float) -> float:
        return float(LEFT + (WIDTH - LEFT) * (1 + 100 * share / reach) / 2)

    height = ROW * (len(rows) + 1) + 8
    parts = [f'<path d="M{x(0):.1f} 0V{height - ROW}" stroke="var(--line)"/>']
    for number, (name, found) in enumerate(rows):
        y = ROW * number + ROW / 2
        low, high = found["interval"]
        colour = "var(--bad)" if high < 0 else "var(--good)" if low > 0 else "var(--quiet)"
        parts.append(
            f'<text x="{LEFT - 12}" y="{y + 4:.0f}" text-anchor="end">{escaped(name)}</text>'
            f'<path d="M{x(low):.1f} {y}H{x(high):.1f}" stroke="{colour}" stroke-width="2"/>'
            f'<circle cx="{x(found["difference"]):.1f}" cy="{y}" r="4" fill="{colour}"/>'
        )
    for share, anchor in ((-reach / 100, "start"), (0.0, "middle"), (reach / 100, "end")):
        label = f"{100 * share:+.1f}" if share else "0 points"
        parts.append(f'<text x="{x(share):.1f}" y="{height - 6}" text-anchor="{anchor}">{label}</text>')
    said = "; ".join(f"{name}: {points(found)}" for name, found in rows)
    return figure(title, f"{title}. {said}", height, parts)


def _scatter(changed: Sequence[dict[str, Any]]) -> str:
    """A scatter plot of both models' probabilities of positive, for the verdicts that changed."""
    if not changed:
        return '<p class="quiet">No verdict changed.</p>'
    size = 300
    parts = [
        f'<rect x="40" y="10" width="{size}" height="{size}" fill="none" stroke="var(--line)"/>',
        f'<path d="M40 {10 + size / 2}h{size}M{40 + size / 2} 10v{size}" stroke="var(--line)"/>',
        f'<text x="{40 + size / 2}" y="{size + 30}" text-anchor="middle">positive, says the old model</text>',
        f'<text x="{size + 56}" y="24">up: positive, says the new model</text>',
    ]
    for each in changed:
        colour = "var(--good)" if _is_better(each) else "var(--bad)"
        x, y = 40 + size * each["old"], 10 + size * (1 - each["new"])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" fill-opacity=".7"/>')
    better = sum(map(_is_better, changed))
    title = f"{better} of the verdicts shown were put right (green), {len(changed) - better} put wrong (red)"
    return figure(title, title, size + 40, parts)


def _example(each: dict[str, Any]) -> str:
    text = each["text"]
    shown = text if len(text) <= QUOTED_CHARACTERS else f"{text[:QUOTED_CHARACTERS]} …"
    side, name = ("good", "put right") if _is_better(each) else ("bad", "put wrong")
    label = "positive" if each["label"] else "negative"
    return (
        f'<p class="quiet"><strong class="{side}">{name}</strong> ({escaped(each["set"])}, {label}): '
        f"probability of positive {each['old']:.2f} before, {each['new']:.2f} now</p>"
        f"<blockquote>{escaped(shown)}</blockquote>"
    )


def _votes(votes: dict[str, Any]) -> str:
    left_out = [
        f"{count:,} left out: {escaped(reason)}" for reason, count in votes["left_out"].items() if count
    ]
    campaigns = [
        f"{each['votes']:,} votes against sure verdicts gather about the word “{escaped(each['word'])}”: "
        "they were left out. Where the model is wrong about this word, say so by TRUST"
        for each in votes["campaigns"]
    ]
    said = (
        f"{votes['read']:,} votes were read, {votes['new']:,} of them new; {votes['trained']:,} were learned "
        f"from and {votes['held_back']:,} held back."
    )
    return f"<p>{said}</p>{bullets([*left_out, *campaigns])}"


def _is_better(each: dict[str, Any]) -> bool:
    return bool((each["new"] >= 0.5) == (each["label"] == 1))
