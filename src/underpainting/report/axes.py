"""What figures share: their width and margins, so that steps line up where one stands above the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from underpainting.findings.intervals import Floats
from underpainting.report.svg import TEXT, Palette
from underpainting.report.tables import number

WIDTH, RIGHT = 300.0, 8.0


def canvas(
    height: float, left: float, palette: Palette, *, top: float = 6.0, bottom: float = 30.0
) -> tuple[Figure, Axes]:
    """Empty axes of the common width, with a line below them alone."""
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    figure.patch.set_visible(False)
    box = (left / WIDTH, bottom / height, (WIDTH - left - RIGHT) / WIDTH, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(palette.rule)
    return figure, axes


def step_axis(axes: Axes, steps: int, palette: Palette) -> None:
    """Steps from 1 below, five or so of them written."""
    stride = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, steps) if steps / s <= 5)
    ticks = [1, *(t for t in range(stride, steps + 1, stride) if t > 1 + stride / 2)]
    if steps > 1 and ticks[-1] != steps:
        ticks = [*(t for t in ticks if steps - t > stride / 2), steps]
    axes.set_xlim(0.5, steps + 0.5)
    axes.set_xticks(ticks)
    axes.tick_params(axis="x", length=0, pad=4, labelcolor=palette.muted)
    axes.set_xlabel("step", color=palette.muted, fontsize=TEXT, labelpad=2)


def score_axis(axes: Axes, palette: Palette, bottom: float = 0.0) -> None:
    """Scores up to 1 at the side."""
    axes.set_ylim(bottom, 1.02)
    axes.set_yticks(np.arange(round(bottom * 5), 6) / 5)
    axes.yaxis.set_major_formatter(lambda value, _: number(value, 1))
    axes.grid(axis="y", color=palette.rule, linewidth=0.6)
    axes.tick_params(axis="y", length=0, labelcolor=palette.muted)


def margin(layers: Sequence[str]) -> float:
    """Room for the longest name, in bold as the best layer's is."""
    return 12.0 + 6.2 * max(len(short(name)) for name in layers)


def short(name: str) -> str:
    """A layer's name, cut where it is long."""
    return name if len(name) <= 24 else f"{name[:9]}\u2026{name[-14:]}"


def spread(layers: Sequence[str]) -> Floats:
    """Places of layers in a row, with a gap between the network's parts."""
    parts = [name.split(".")[0] for name in layers]
    return np.arange(len(layers)) + 0.5 * np.cumsum([0, *(a != b for a, b in pairwise(parts))])
