"""Where a plot puts the names of its points."""

from __future__ import annotations

import pytest

from benchmarks.labels import MARGIN, place_labels


@pytest.mark.parametrize("above", [0.0, 0.004, 0.02, 0.045])
def test_a_name_keeps_its_distance_from_a_line_nearby(above):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5))
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlim=(0, 1), ylim=(0, 1))
    place_labels(figure, axes, [(0.5, 0.5, "fasttext", "black")], [[(0, 0.5 + above), (1, 0.5 + above)]])

    (name,) = axes.texts
    box, line = name.get_window_extent(canvas.get_renderer()), axes.transData.transform((0, 0.5 + above))[1]
    assert line <= box.y0 - MARGIN or line >= box.y1 + MARGIN
