"""Sheets of seeds for looking at: what is predicted of many, and how a few came to be."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from underpainting.colours import INK, PAPER, ramp, ramp_name
from underpainting.intervention.drawing import MUTED, Page, outline
from underpainting.markup import as_written
from underpainting.vocabulary import OBJECT

SHOWN = 64
"""Pictures on a sheet of previews at most: the best, where there are more."""

COLUMNS = 4
"""Predictions of a finished picture that are shown at most, from the first cut to the last."""

TILE, GAP, BETWEEN, CAPTION, EDGE, HEAD = 0.8, 0.03, 0.22, 0.24, 0.25, 0.78  # inches
DOTS = 110
TAIL = 0.02  # of all values of a map, on either side, that may lie beyond its ramp

Picture = NDArray[np.uint8]
Array = NDArray[Any]


@dataclass(frozen=True)
class Preview:
    """What is predicted of a seed: the clean prediction, uint8 [height, width, 3], maps [row, column] by
    property, and a caption, to the left and to the right.
    """

    picture: Picture
    maps: Mapping[str, Array]
    left: str
    right: str = ""


@dataclass(frozen=True)
class Course:
    """How a finished picture came to be: a heading, lines, clean predictions by column, the finished picture.

    masks: the object as predicted, [row, column] in 0..1, by column; seen: as the estimator sees it finished.
    """

    heading: str
    lines: Sequence[str]
    predictions: Sequence[Picture]
    masks: Sequence[Array | None]
    picture: Picture
    seen: Array | None


def preview_sheet(previews: Sequence[Preview], title: str, line: str, wanted: Array | None = None) -> bytes:
    """A PNG of previews, in order from left to right and top to bottom.

    wanted: a mask that is wished for, outlined on the pictures. Maps are on their property's ramp: saliency
    from 0 to 1, others over what most values of all previews are in.
    """
    names = list(previews[0].maps)
    tiles = 1 + len(names)
    across = max(1, min(len(previews), round(16 / (tiles + 0.5))))
    down = math.ceil(len(previews) / across)
    high = TILE * previews[0].picture.shape[0] / previews[0].picture.shape[1]
    wide = tiles * (TILE + GAP) - GAP
    width = 2 * EDGE + max(across * (wide + BETWEEN) - BETWEEN, 5.0)
    height = 2 * EDGE + HEAD + down * (high + CAPTION + BETWEEN / 2)
    page = _Paper(width, height)
    page.write(EDGE, EDGE + 0.12, title, INK, 12.5)
    page.write(EDGE, EDGE + 0.38, line, MUTED, 9.5)
    ranges = {name: _range(name, previews) for name in names}
    for i, name in enumerate(["prediction", *names]):
        page.write(EDGE + i * (TILE + GAP), EDGE + HEAD - 0.1, name, MUTED, 7.0)
    for number, preview in enumerate(previews):
        left = EDGE + number % across * (wide + BETWEEN)
        top = EDGE + HEAD + number // across * (high + CAPTION + BETWEEN / 2)
        axes = page.axes(left, top, TILE, high)
        axes.imshow(preview.picture, interpolation="antialiased")
        if wanted is not None:
            outline(axes, _resized(wanted, preview.picture))
        for i, name in enumerate(names, start=1):
            low, most = ranges[name]
            hues = ListedColormap(ramp(ramp_name(name)) / 255)
            tile = page.axes(left + i * (TILE + GAP), top, TILE, high)
            tile.imshow(preview.maps[name], cmap=hues, vmin=low, vmax=most, aspect="auto")
        page.write(left, top + high + 0.11, preview.left, INK, 8.5)
        page.write(left + wide, top + high + 0.11, preview.right, INK, 8.5, align="right")
    return page.png()


def course_sheet(courses: Sequence[Course], headings: Sequence[str], wanted: Array | None = None) -> bytes:
    """A PNG, a row a finished picture: its clean predictions, the object outlined, and what it came to.

    headings: of the predictions' columns. wanted: a mask that is wished for, which is outlined on finished
    pictures in place of the object that the estimator sees.
    """
    page = Page(len(courses), len(headings) + 1, courses[0].picture.shape)
    for row, course in enumerate(courses):
        page.words(row, course.heading, course.lines)
        pictures = [*course.predictions, course.picture]
        masks = [*course.masks, course.seen if wanted is None else wanted]
        for column, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
            axes = page.cell(row, column)
            axes.imshow(picture, interpolation="antialiased")
            if mask is not None:
                outline(axes, _resized(mask, picture))
    return page.png((*headings, "finished"))


class _Paper:
    """A page whose places are inches from the left and the top."""

    def __init__(self, width: float, height: float) -> None:
        self._width, self._height = width, height
        self._figure = Figure(figsize=(width, height), dpi=DOTS, facecolor=PAPER)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self._height - top - height
        page = self._width, self._height, self._width, self._height
        box = np.divide((left, bottom, width, height), page)
        axes: Axes = self._figure.add_axes(tuple(box.tolist()))
        axes.set_axis_off()
        return axes

    def write(self, left: float, top: float, text: str, hue: str, size: float, align: str = "left") -> None:
        room = int((self._width - left) / size * 140) if align == "left" else len(text) + 1
        short = shorten(text, max(room, 8), placeholder=" ...")
        at = left / self._width, 1 - top / self._height
        self._figure.text(*at, short, ha=align, va="center", size=size, color=hue)

    def png(self) -> bytes:
        out = io.BytesIO()
        as_written(self._figure)
        self._figure.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()


def _range(name: str, previews: Sequence[Preview]) -> tuple[float, float]:
    if name == OBJECT:
        return 0.0, 1.0
    values = np.concatenate([np.ravel(preview.maps[name]) for preview in previews])
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return float(low), float(high)


def _resized(mask: Array, picture: Picture) -> NDArray[np.float32]:
    """A mask at a picture's size, its edges where cells end."""
    rows, columns = (np.arange(n) * m // n for n, m in zip(picture.shape[:2], mask.shape, strict=True))
    enlarged: NDArray[np.float32] = np.asarray(mask, np.float32)[rows[:, None], columns]
    return enlarged
