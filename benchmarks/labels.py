"""Places the names of points in a plot where they cover nothing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # matplotlib takes a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 3
"""Pixels that a name keeps from whatever else is drawn."""


def place_labels(
    figure: Figure,
    axes: Axes,
    points: list[tuple[float, float, str, str]],
    lines: list[list[tuple[float, float]]],
) -> None:
    """Put names beside their points, without covering other names, points or lines where there is room.

    `points` are (x, y, name, colour), `lines` their corners (x, y), all in the axes' data coordinates.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()
    figure.draw_without_rendering()
    taken = []
    for x, y, *_ in points:
        centre = axes.transData.transform((x, y))
        taken.append((centre[0] - 6, centre[1] - 6, centre[0] + 6, centre[1] + 6))
    for line in lines:
        corners = axes.transData.transform(line)
        for (x0, y0), (x1, y1) in itertools.pairwise(corners):
            steps = np.linspace(0, 1, 40)
            taken += [
                (x, y, x, y) for x, y in zip(x0 + (x1 - x0) * steps, y0 + (y1 - y0) * steps, strict=True)
            ]
    for x, y, name, colour in sorted(points, key=lambda point: -point[1]):
        for offset, side in _places():
            text = axes.annotate(
                name,
                (x, y),
                offset,
                textcoords="offset points",
                ha=side,
                va="center",
                color=colour,
                fontweight="bold",
            )
            box = text.get_window_extent(renderer).padded(MARGIN)
            if not any(box.x0 < b[2] and b[0] < box.x1 and box.y0 < b[3] and b[1] < box.y1 for b in taken):
                break
            text.remove()
        else:
            axes.annotate(name, (x, y), (10, 0), textcoords="offset points", va="center", color=colour)
            continue
        taken.append((box.x0, box.y0, box.x1, box.y1))


def _places() -> list[tuple[tuple[int, int], str]]:
    return [
        ((side * across, up), "left" if side > 0 else "right")
        for up in (0, 8, -8, 14, -14, 20, -20)
        for side, across in ((1, 10), (-1, 10))
    ]
