"""Building blocks of the HTML reports: single files for light and dark screens, without scripts or links."""

from __future__ import annotations

import html
from collections.abc import Iterable

WIDTH, ROW, LEFT = 760, 24, 300
STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --quiet: #5a6270; --line: #d9d4ca; --paper: #fff;
  --good: #0f6f63; --bad: #a8431c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --quiet: #a9adb5; --line: #454b57;
  --paper: #171b22; --good: #5fc7b8; --bad: #f0946c; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 50rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.3rem 0.6rem 0.3rem 0; border-bottom: 1px solid var(--line); }
thead th + th { text-align: right; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure, .table { margin: 1rem 0; overflow-x: auto; } .table th[scope=row] { min-width: 9rem; }
figcaption, .quiet { color: var(--quiet); font-size: 0.9rem; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
@media (max-width: 40rem) { svg { max-width: none; } }
.good { color: var(--good); } .bad { color: var(--bad); } blockquote { margin: 0.2rem 0 1rem; }
"""


def document(title: str, parts: Iterable[str]) -> str:
    """A complete page with `title` as its heading; the parts are HTML."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escaped(title)}</title>",
            f"<style>{STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{escaped(title)}</h1>",
            *parts,
            "</main>\n</body>\n</html>\n",
        ]
    )


def figure(title: str, said: str, height: float, parts: Iterable[str], title_first: bool = False) -> str:
    """A figure of SVG elements, WIDTH pixels wide, with a caption; `said` describes it for screen readers.

    On narrow pages, figures and tables scroll within frames of their own, by keyboard as well.
    """
    picture = (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" role="img" '
        f'aria-label="{escaped(said)}">{"".join(parts)}</svg>'
    )
    caption = f"<figcaption>{escaped(title)}</figcaption>"
    return f'<figure tabindex="0">{caption + picture if title_first else picture + caption}</figure>'


def table(label: str, head: Iterable[str], rows: Iterable[tuple[str, Iterable[str]]]) -> str:
    """A table whose rows are a name and the HTML of the other cells; `label` is its accessible name."""
    heads = "".join(f'<th scope="col">{escaped(name)}</th>' for name in head)
    lines = (
        f'<tr><th scope="row">{escaped(name)}</th>'
        + "".join(f'<td class="number">{cell}</td>' for cell in cells)
        + "</tr>"
        for name, cells in rows
    )
    body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    attributes = f'class="table" tabindex="0" role="region" aria-label="{escaped(label)}"'
    return f"<div {attributes}><table>{body}</table></div>"


def bullets(items: Iterable[str]) -> str:
    """A bullet list; the items are HTML."""
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def escaped(text: object) -> str:
    """Escape text for HTML."""
    return html.escape(str(text))
