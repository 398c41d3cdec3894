"""Interventions for looking at: a strip of one, a contact sheet of many, the target outlined on each."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import NDArray

from underpainting.colours import INK, OUTLINE, PAPER, ramp, ramp_name
from underpainting.markup import as_written

SHEET = 16
"""Pictures on one contact sheet: it is then as tall as an eye can still run down."""

CELL, GAP, EDGE, TEXT, HEAD, LINE = 1.7, 0.08, 0.2, 2.3, 0.28, 0.175  # inches
MUTED = "#6b6963"
Picture = NDArray[np.uint8]
Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Shown:
    """One intervention as it is shown: a heading and lines below it, pictures [height, width, 3] uint8.

    outline: the target mask [height, width], where the object has one.
    """

    heading: str
    lines: Sequence[str]
    before: Picture
    after: Picture
    outline: NDArray[np.float32] | None = None


def contact_sheet(shown: Sequence[Shown]) -> bytes:
    """A PNG, a row a picture: what it is, unedited, edited."""
    page = Page(len(shown), 2, shown[0].before.shape)
    for row, of in enumerate(shown):
        _pair(page, row, of)
    return page.png(("unedited", "edited"))


def intervention_strip(shown: Shown, maps: Mapping[str, Maps]) -> bytes:
    """A PNG of one intervention: its pictures, and below them by property the maps seen and wanted.

    maps: by property, the estimator's of the unedited picture, of the edited one, and the target, which is
    drawn last; all in the property's colours over the target's range.
    """
    page = Page(1 + len(maps), 3, shown.before.shape)
    _pair(page, 0, shown)
    for row, (name, of) in enumerate(maps.items(), start=1):
        page.words(row, name, ["as the estimator sees it"])
        low, high = float(of[2].min()), float(of[2].max())
        for column, values in enumerate(of):
            hues = ListedColormap(ramp(ramp_name(name)) / 255)
            page.cell(row, column).imshow(values, cmap=hues, vmin=low, vmax=high, interpolation="nearest")
    return page.png(("unedited", "edited", "target"))


class Page:
    """A grid of cells of the pictures' shape, with words to the left of each row."""

    def __init__(self, rows: int, columns: int, shape: Sequence[int]) -> None:
        """shape: (height, width, ...) of the pictures."""
        self._high = CELL * shape[0] / shape[1]
        self._width = 2 * EDGE + TEXT + columns * (CELL + GAP) - GAP
        self._height = 2 * EDGE + HEAD + rows * (self._high + GAP) - GAP
        dots = min(max(150.0, shape[1] / CELL), 300.0)
        self._figure = Figure(figsize=(self._width, self._height), dpi=dots, facecolor=PAPER)

    def cell(self, row: int, column: int) -> Axes:
        """Axes of a cell, without marks."""
        left, bottom = EDGE + TEXT + column * (CELL + GAP), self._top(row) - self._high
        of_page = self._width, self._height, self._width, self._height
        box = np.divide((left, bottom, CELL, self._high), of_page)
        axes: Axes = self._figure.add_axes(tuple(box.tolist()))
        axes.set_axis_off()
        return axes

    def words(self, row: int, heading: str, lines: Sequence[str]) -> None:
        """A heading and lines to the left of a row."""
        texts = [(line, INK, 9.5) for line in wrap(heading, 30)]
        texts += [(part, MUTED, 8.0) for line in lines for part in wrap(line, 38)]
        middle = self._top(row) - 0.08
        for (text, hue, size), (_, _, following) in pairwise([*texts, texts[-1]]):
            self._write(EDGE, middle, text, hue, size)
            middle -= LINE if size == following else 1.4 * LINE

    def png(self, headings: Sequence[str]) -> bytes:
        """The page as a PNG file, a heading over each column."""
        for column, heading in enumerate(headings):
            left = EDGE + TEXT + column * (CELL + GAP)
            self._write(left, self._height - EDGE - HEAD / 2 + 0.04, heading, MUTED, 8.0)
        out = io.BytesIO()
        as_written(self._figure)
        self._figure.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()

    def _top(self, row: int) -> float:
        return self._height - EDGE - HEAD - row * (self._high + GAP)

    def _write(self, left: float, middle: float, text: str, hue: str, size: float) -> None:
        at = left / self._width, middle / self._height
        self._figure.text(*at, text.replace("$", r"\$"), ha="left", va="center", size=size, color=hue)


def _pair(page: Page, row: int, shown: Shown) -> None:
    page.words(row, shown.heading, shown.lines)
    for column, picture in enumerate((shown.before, shown.after)):
        axes = page.cell(row, column)
        axes.imshow(picture, interpolation="antialiased")
        if shown.outline is not None:
            outline(axes, shown.outline)


def outline(axes: Axes, mask: NDArray[np.float32]) -> None:
    """The edge of a mask, closed where the picture ends, light around dark so that it shows on both."""
    height, width = mask.shape
    padded: NDArray[Any] = np.pad(mask, 1)
    lines = axes.contour(
        np.arange(-1, width + 1),
        np.arange(-1, height + 1),
        padded,
        [0.5],
        colors=[np.array(OUTLINE) / 255],
        linewidths=1.3,
    )
    lines.set_path_effects([Stroke(linewidth=2.6, foreground="#ffffff"), Normal()])
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
