"""A classifier's view: an image step by step, its leading classes below, or a photograph and its classes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from underpainting.findings.classification import SURE, Seen, leaders
from underpainting.markup import as_written

HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b08500", "#56a3d9", "#8a6bbe", "#8c564b")
"""Okabe and Ito's colours (2008), their yellow darkened to be read on white; the right class comes first."""

CELL, LEFT, RIGHT, GAP = 0.78, 0.6, 1.5, 0.04  # inches
PAPER, INK, MUTED, RULE = "#ffffff", "#1c1b19", "#6b6963", "#d8d5cf"


def draw_curves(
    axes: Axes,
    seen: Seen,
    *,
    ink: str = INK,
    muted: str = MUTED,
    rule: str = RULE,
    hues: Sequence[str] = HUES,
) -> None:
    """Probability against step of every class that is ever first, named where its line ends."""
    shown = sorted(leaders(seen), key=lambda name: name not in seen.right)
    ends = []
    for number, name in enumerate(shown):
        curve, right = seen.probabilities[:, seen.classes.index(name)], name in seen.right
        hue = hues[number % len(hues)]
        axes.plot(
            seen.steps, curve, color=hue, lw=2.4 if right else 1.3, marker="o" if right else None, ms=3.4
        )
        ends.append((float(curve[-1]), name, hue))
    for (_, name, hue), y in zip(ends, _apart([end for end, _, _ in ends]), strict=True):
        words = name.split(",")[0] + (" (right)" if name in seen.right else "")
        axes.annotate(words, (seen.steps[-1], y), (7, 0), textcoords="offset points", va="center", color=hue)
    axes.axhline(SURE, color=muted, lw=0.8, ls=(0, (1, 2)))
    axes.set_ylim(-0.02, 1.04)
    axes.set_xlim(0.5, len(seen.steps) + 0.5)
    axes.set_xticks(seen.steps)
    axes.set_yticks([0, 0.5, 0.9, 1])
    axes.grid(axis="y", color=rule, lw=0.5)
    axes.tick_params(length=0, colors=muted)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(rule)
    axes.set_xlabel("step", color=muted)
    axes.set_ylabel("probability", color=ink)


def recognition_file(seen: Seen, frames: NDArray[np.uint8], kind: Literal["png", "svg"]) -> bytes:
    """A figure of its own: frames [step, height, width, 3] above, curves below.

    Of a picture that belongs to no step, such as a photograph, it beside its first classes.
    """
    if seen.steps[0] == 0:
        return _picture_file(seen, frames[0], kind)
    steps = len(frames)
    width, height = LEFT + steps * CELL + RIGHT, 4.0
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": seen.image, "font.size": 10}):
        figure = Figure(figsize=(width, height), dpi=110, facecolor=PAPER)
        bottom = height - CELL - 0.45
        words = {"noisy": "decoded as it is", "clean": "predicted clean"}.get(seen.picture, seen.picture)
        title = f"{seen.prompt or seen.image}: {words}"
        figure.text(LEFT / width, 1 - 0.22 / height, title, va="center", color=INK, weight="bold")
        for i, frame in enumerate(frames):
            box = (LEFT + i * CELL + GAP / 2) / width, bottom / height
            axes = figure.add_axes((*box, (CELL - GAP) / width, (CELL - GAP) / height))
            axes.set_axis_off()
            axes.imshow(frame, interpolation="antialiased")
        axes = figure.add_axes((LEFT / width, 0.55 / height, steps * CELL / width, (bottom - 0.7) / height))
        draw_curves(axes, seen)
        return _written(figure, kind)


def _picture_file(seen: Seen, frame: NDArray[np.uint8], kind: Literal["png", "svg"]) -> bytes:
    """One picture, frame [height, width, 3], with the probabilities of its first classes beside it."""
    names, values = zip(*seen.best[0], strict=True)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": seen.image, "font.size": 10}):
        figure = Figure(figsize=(8, 3), dpi=110, facecolor=PAPER)
        title = f"{seen.prompt or seen.image}: {seen.picture}"
        figure.text(0.02, 0.93, title, va="center", color=INK, weight="bold")
        axes = figure.add_axes((0.02, 0.06, 0.3, 0.8), anchor="NW")
        axes.set_axis_off()
        axes.imshow(frame, interpolation="antialiased")
        axes = figure.add_axes((0.58, 0.06, 0.36, 0.8))
        places = range(len(names))
        hues = [HUES[2] if name in seen.right else HUES[0] for name in names]
        axes.barh(places, values, color=hues, height=0.6)
        for place, value in zip(places, values, strict=True):
            axes.text(value + 0.02, place, f"{value:.2f}", va="center", color=MUTED)
        words = [name.split(",")[0] + " (right)" * (name in seen.right) for name in names]
        axes.set_yticks(places, words, color=INK)
        axes.set_xlim(0, 1.15)
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return _written(figure, kind)


def _written(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    as_written(figure)
    out = io.BytesIO()
    nothing = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    figure.savefig(out, format=kind, metadata=nothing)
    return out.getvalue()


def _apart(heights: list[float], least: float = 0.085) -> list[float]:
    """Heights moved as little as is needed for labels not to overlap, within 0..1."""
    order = np.argsort(heights)
    placed = np.array(heights)[order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + least)
    placed -= max(0.0, placed[-1] - 1.0)
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - least)
    found = np.empty(len(placed))
    found[order] = placed
    return [float(value) for value in found]
