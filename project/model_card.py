"""Render docs/model.md as an HTML page in the style of the web page, with embedded pictures and no scripts.

`render()` needs the package markdown-it-py. The pipeline publishes the result beside index.html, and the
self-hosted app serves it. The card describes the models that were measured for it, so the page first says
whether the model that answers is one of them.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from project.choices import ProjectError
from project.paths import PROJECT

NAME = "model-card.html"
CARD = PROJECT / "docs" / "model.md"
# The file beside the card from which its figures were generated.
MEASURED = "benchmarks.json"
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_STYLE = """
* { box-sizing: border-box; margin: 0; }
body { max-width: 64rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3rem) clamp(1rem, 5vw, 3rem) 3rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.55 var(--sans); overflow-wrap: anywhere; }
h1 { margin: 0.5rem 0 1.25rem; font: 600 clamp(2rem, 6vw, 3rem)/1.1 var(--serif); text-wrap: balance; }
h2 { margin: 2.75rem 0 0.75rem; font: 600 1.75rem/1.2 var(--serif); text-wrap: balance; }
h3 { margin: 2rem 0 0.5rem; font: 600 1.25rem/1.3 var(--serif); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.answering { padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 0.6rem;
  background: var(--card); }
main > p, main > ul { max-width: 44rem; margin: 0.75rem 0; text-wrap: pretty; }
main ul { padding-inline-start: 1.25rem; }
li { margin: 0.35rem 0; }
a { color: inherit; text-underline-offset: 0.2em; }
img { display: block; max-width: 100%; height: auto; margin: 1.5rem 0; padding: 0.5rem; 
  border: 1px solid var(--line); border-radius: 0.6rem; background: #fff; }
.table { overflow-x: auto; margin: 1.25rem 0; border: 1px solid var(--line); border-radius: 0.6rem;
  background: var(--card); }
table { width: 100%; border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums;
  overflow-wrap: normal; }
th, td { padding: 0.45rem 0.75rem; border-bottom: 1px solid var(--line);
  text-align: start; vertical-align: top; }
tr:last-child > td { border-bottom: 0; }
th { color: var(--quiet); font-weight: 600; vertical-align: bottom; }
td.end { text-align: end; white-space: nowrap; }
th.end { text-align: end; }
td:first-child { min-width: 10rem; }
pre { overflow-x: auto; padding: 0.9rem 1rem; border: 1px solid var(--line); border-radius: 0.6rem;
  background: var(--card); font-size: 0.875rem; }
"""


def render(
    answering: Mapping[str, Any] | None = None,
    card: Path = CARD,
    stylesheet: Path = PROJECT / "website" / "style.css",
) -> bytes:
    """The page as UTF-8. `answering` is the description of the model that answers, None if there is none.

    Raises ProjectError if the card or one of its pictures is missing.
    """
    try:
        source = card.read_text(encoding="utf-8")
        style = _colours(stylesheet.read_text(encoding="utf-8"), stylesheet) + _STYLE
    except OSError as error:
        raise ProjectError(f"{error.filename} cannot be read ({error.strerror})") from None
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("table_open", _table_open)
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = markdown.parse(_COMMENT.sub("", source))
    title = _prepare(tokens, card.parent)
    body = markdown.renderer.render(tokens, markdown.options, {})
    page = _PAGE.format(
        policy=html.escape(_policy(style)),
        title=html.escape(title),
        style=style,
        answering="" if answering is None else _answering(answering, _measured(card.with_name(MEASURED))),
        body=body,
    )
    return page.encode("utf-8")


_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="{policy}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{title}</title>
    <style>{style}</style>
  </head>
  <body>
    <main>
<p><a href="./">Back to the page</a></p>
{answering}{body}
    </main>
  </body>
</html>
"""


def _measured(file: Path) -> dict[str, str]:
    """The versions of the models that were measured for the card, by recipe. Raises ProjectError."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
        models = [row["accuracy"]["model"] for row in rows]
        return {model["recipe"]: model["model"] for model in models if model}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"{file} does not say which models were measured ({error!r}): run `make bench`"
        ) from None


def _answering(model: Mapping[str, Any], measured: dict[str, str]) -> str:
    """A note that says whether the card's figures are those of the model that answers."""
    version, recipe = (f"<code>{html.escape(str(model[name]))}</code>" for name in ("model", "recipe"))
    if model["model"] in measured.values():
        sentence = f"It is among those that this card measures: its figures are those of {recipe}."
    else:
        others = ", ".join(f"<code>{name}</code> {each}" for name, each in measured.items())
        sentence = (
            f"The figures of this card are of others ({others}): the page itself says how good this one is."
        )
    return (
        f'<p class="answering" role="note">The model that answers here is version {version}, of the recipe '
        f"{recipe}. {sentence}</p>\n"
    )


def _colours(style: str, stylesheet: Path) -> str:
    """The rule :root of the page's stylesheet, which has its colours and fonts. Raises ProjectError."""
    found = re.search(r":root\s*\{[^}]*\}", style)
    if found is None:
        raise ProjectError(f"{stylesheet} has no :root with the colours that the card shares")
    return found.group()


def _policy(style: str) -> str:
    """A Content-Security-Policy that allows only this style and embedded pictures."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'"
    )


def _prepare(tokens: list[Token], folder: Path) -> str:
    """Adapt the tokens to the page, in place; return the first heading as the title."""
    title, heading, tables = "", "", 0
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = _text_of(tokens[place + 1])
            title = title or heading
            token.attrSet("id", re.sub(r"[^\w]+", "-", heading.lower()).strip("-"))
        elif token.type == "inline":
            token.children = _inline(token.children or [], folder)
        elif token.type == "table_open":
            tables += 1
            token.meta["name"] = f"Table {tables}, {heading}"
        elif token.type in ("th_open", "td_open") and "right" in str(token.attrGet("style") or ""):
            # A style attribute would need a weaker Content-Security-Policy.
            token.attrs = {"class": "end"}
        elif token.type in ("th_open", "td_open"):
            token.attrs = {}
        if token.type == "th_open":
            token.attrSet("scope", "col")
    return title


def _table_open(_: object, tokens: list[Token], place: int, *__: object) -> str:
    """Open a table in a region that can be scrolled, by keyboard as well."""
    name = html.escape(tokens[place].meta["name"])
    return f'<div class="table" role="region" tabindex="0" aria-label="{name}"><table>\n'


def _fence(_: object, tokens: list[Token], place: int, *__: object) -> str:
    """Commands, in a region that can be scrolled."""
    code = html.escape(tokens[place].content)
    return f'<pre tabindex="0" role="region" aria-label="Commands {place}"><code>{code}</code></pre>\n'


def _text_of(inline: Token) -> str:
    return "".join(child.content for child in inline.children or [])


def _inline(children: list[Token], folder: Path) -> list[Token]:
    """Embed pictures, and reduce links to unpublished files to their text."""
    kept, dropped = [], 0
    for child in children:
        if child.type == "image":
            child.attrSet("src", _embedded(folder / str(child.attrGet("src"))))
        elif child.type == "link_open" and not re.match(r"https?://|#", str(child.attrGet("href"))):
            dropped += 1
            continue
        elif child.type == "link_close" and dropped:
            dropped -= 1
            continue
        kept.append(child)
    return kept


def _embedded(file: Path) -> str:
    try:
        content = base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise ProjectError(
            f"the model card shows {file.name}, which cannot be read ({error.strerror}): run `make bench`"
        ) from None
    return f"data:{mimetypes.guess_type(file.name)[0]};base64,{content}"
