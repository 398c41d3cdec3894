"""A strip of pictures: what is seen and what is read at every step, one column a step."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from underpainting.colours import INK, PAPER, ramp, ramp_name
from underpainting.markup import as_written

CELL, LEFT, TOP, GAP = 0.78, 1.35, 0.3, 0.04  # inches


def strip_png(
    pictures: Mapping[str, Sequence[NDArray[np.uint8]]],
    maps: Mapping[str, Sequence[NDArray[np.float32]]],
    ranges: Mapping[str, tuple[float, float]],
    columns: Sequence[str],
) -> bytes:
    """A PNG of rows by name: pictures [height, width, 3], then maps [row, column] on their property's ramp.

    ranges: values of each map's ramp ends. columns: a heading for each column.
    """
    rows = len(pictures) + len(maps)
    width, height = LEFT + len(columns) * (CELL + GAP), TOP + rows * (CELL + GAP)
    figure = Figure(figsize=(width, height), dpi=110, facecolor=PAPER)
    for r, name in enumerate([*pictures, *maps]):
        cells: Sequence[NDArray[Any]] = pictures[name] if name in pictures else maps[name]
        bottom = height - TOP - (r + 1) * (CELL + GAP) + GAP
        middle = (bottom + CELL / 2) / height
        figure.text((LEFT - 0.12) / width, middle, name, ha="right", va="center", size=10, color=INK)
        for c, cell in enumerate(cells):
            left = LEFT + c * (CELL + GAP)
            axes = figure.add_axes((left / width, bottom / height, CELL / width, CELL / height))
            axes.set_axis_off()
            if name in pictures:
                axes.imshow(cell, interpolation="antialiased")
            else:
                hues = ListedColormap(ramp(ramp_name(name)) / 255)
                low, high = ranges[name]
                axes.imshow(cell, cmap=hues, vmin=low, vmax=high, interpolation="nearest", aspect="auto")
    for c, heading in enumerate(columns):
        middle = (LEFT + c * (CELL + GAP) + CELL / 2) / width
        figure.text(middle, 1 - TOP / 2 / height, heading, ha="center", va="center", size=10, color=INK)
    as_written(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
