"""Draw docs/architecture.svg from the code: `python docs/architecture.py`.

A test checks that it is up to date. Each box is a part of the tree, each arrow stands for imports. The
positions of the boxes are defined here; the arrows are determined from the imports.
"""

import html
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grimp

PROJECT = Path(__file__).resolve().parent.parent
PICTURE = PROJECT / "docs" / "architecture.svg"
WIDTH, HEIGHT = 980, 900
PACKAGES = (
    *("sentiment", "tracking", "project", "pipeline", "selfhost", "benchmarks"),
    *("localcloud", "train", "serve", "sentiment_api"),
)


@dataclass(frozen=True)
class Box:
    """A part of the tree: its package, its position and size in the picture, and its description."""

    package: str
    x: int
    y: int
    width: int
    text: str
    height: int = 58
    colour: str = "#0284c7"
    fill: str = "#e0f2fe"

    @property
    def centre(self) -> float:
        """The horizontal position of its centre."""
        return self.x + self.width / 2


_room = partial(Box, colour="#7c3aed", fill="#ede9fe", height=54)
_apart = partial(Box, colour="#64748b", fill="#f1f5f9")
BOXES = (
    Box("benchmarks", 345, 60, 290, "models beside their references"),
    Box("serve", 60, 160, 128, "inference program"),
    Box("train", 202, 160, 128, "training programs"),
    Box("pipeline", 345, 160, 138, "the steps on AWS"),
    Box("selfhost", 497, 160, 138, "Flask and MLflow"),
    Box("tracking", 202, 260, 433, "runs and models in MLflow"),
    Box("project", 202, 360, 433, "paths, a person's choices, console, child processes, ports"),
    _room("sentiment.training", 60, 510, 575, "from channels to a model folder"),
    _room("sentiment.evaluation", 60, 602, 128, "metrics, pictures"),
    _room("sentiment.data", 202, 602, 128, "sources, channels"),
    _room("sentiment.serving", 345, 602, 290, "model folder, engines, predictor"),
    _room("sentiment.model", 345, 694, 290, "LSTM, n-grams, and their sum"),
    _room("sentiment.text", 202, 786, 433, "tokenizers, vocabulary, negation"),
    _apart("sentiment_api", 700, 160, 250, "the API's rules, in lambda/"),
    _apart("localcloud", 700, 260, 250, "the offline AWS"),
)
LIBRARY = Box("sentiment", 30, 460, 635, "", height=410)


def arrows() -> set[tuple[str, str]]:
    """The pairs of boxes of which the first imports the second directly."""
    sys.path[:0] = [str(PROJECT), str(PROJECT / "lambda")]
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found = set()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            pair = box_of(importer), box_of(imported)
            if pair[0] and pair[1] and pair[0] != pair[1]:
                found.add((pair[0], pair[1]))
    return found


def box_of(module: str) -> str | None:
    """The box that a module belongs to; the library's top-level modules (errors, files, ...) are in none."""
    return next((box.package for box in BOXES if f"{module}.".startswith(f"{box.package}.")), None)


def draw(pairs: set[tuple[str, str]]) -> str:
    """The picture as SVG, without arrows that a path of other arrows implies."""
    by_name = {box.package: box for box in (*BOXES, LIBRARY)}
    rooms = tuple(box.package for box in BOXES if box.package.startswith("sentiment."))
    shown = reduced({(a, "sentiment" if b in rooms and a not in rooms else b) for a, b in pairs})
    lines = [_arrow(by_name[start], by_name[end]) for start, end in sorted(shown)]
    return "\n".join([_HEAD, *lines, *map(_box, BOXES), "</svg>", ""])


def reduced(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The transitive reduction: the pairs that no path of other pairs implies."""

    def reachable(start: str) -> set[str]:
        ends = {b for a, b in pairs if a == start}
        return ends.union(*map(reachable, ends))

    return {
        (a, b)
        for a, b in pairs
        if not any(b in reachable(other) for x, other in pairs if x == a and other != b)
    }


_HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" \
font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif" role="img" aria-labelledby="t d">
<title id="t">The parts of the project and what they import</title>
<desc id="d">Arrows run from a part to those that it imports, always downwards. What they lead to in two \
steps may be imported too.</desc>
<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>
<rect width="{WIDTH}" height="{HEIGHT}" rx="14" fill="#f8fafc"/>
<text x="60" y="38" font-size="13" font-weight="600" fill="#475569" letter-spacing=".6">COMMANDS AND \
PROGRAMS</text>
<text x="700" y="38" font-size="13" font-weight="600" fill="#475569" letter-spacing=".6">IMPORT NOTHING OF \
OURS</text>
<rect x="{LIBRARY.x}" y="{LIBRARY.y}" width="{LIBRARY.width}" height="{LIBRARY.height}" rx="12" \
fill="#fff" stroke="#7c3aed" stroke-width="1.5"/>
<text x="60" y="490" font-size="13" font-weight="600" fill="#5b21b6" letter-spacing=".6">SENTIMENT, THE \
LIBRARY</text>"""


def _box(box: Box) -> str:
    name = box.package.removeprefix("sentiment.") + "/"
    name = "sentiment_api/" if box.package == "sentiment_api" else name
    middle = box.y + box.height / 2
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="9" '
        f'fill="{box.fill}" stroke="{box.colour}" stroke-width="1.5"/>\n'
        f'<text x="{box.centre}" y="{middle - 3}" font-size="15" font-weight="600" fill="#0f172a" '
        f'text-anchor="middle">{html.escape(name)}</text>\n'
        f'<text x="{box.centre}" y="{middle + 15}" font-size="12" fill="#475569" text-anchor="middle">'
        f"{html.escape(box.text)}</text>"
    )


def _arrow(start: Box, end: Box) -> str:
    """An arrow from one box down (or across) to another; vertical, if one box is above the other."""
    x1: float
    x2: float
    if start.y == end.y:
        left = start.x < end.x
        x1, x2 = (start.x + start.width, end.x - 4) if left else (start.x, end.x + end.width + 4)
        y1, y2 = start.y + start.height / 2, start.y + start.height / 2
    else:
        low, high = max(start.x, end.x) + 14, min(start.x + start.width, end.x + end.width) - 14
        shared = (low + high) / 2 if low < high else None
        x1 = x2 = shared if shared is not None else start.centre
        if shared is None:
            x2 = min(max(start.centre, end.x + 14), end.x + end.width - 14)
        y1, y2 = start.y + start.height, end.y - 4
    return (
        f'<path d="M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}" fill="none" stroke="#64748b" stroke-width="1.4" '
        'marker-end="url(#a)"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(arrows()), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(PROJECT)}")
