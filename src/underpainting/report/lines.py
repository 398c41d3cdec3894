"""How lines are drawn in figures; legends show the same lines."""

from __future__ import annotations

from typing import Any

from underpainting.controls import Line
from underpainting.controls.registry import DASHED, DOTTED
from underpainting.report.svg import Palette

LEGEND = 1.3
"""Points of a figure to pixels of a legend."""

CLASS_LINES = {
    "clean": Line("ink", width=1.3),
    "noisy": Line("muted", DASHED, 1.3),
    "chance": Line("muted", DOTTED, 1.2),
}
"""Of the class plot: the classifier on both kinds of pictures, and chance."""


def drawn(line: Line, palette: Palette) -> dict[str, Any]:
    """Arguments of a plot."""
    style: Any = (0, line.dashes) if line.dashes else "-"
    return {"color": getattr(palette, line.hue), "linewidth": line.width, "linestyle": style}


def stroke(line: Line) -> str:
    """Attributes of a legend's path."""
    dashes = " ".join(f"{LEGEND * line.width * length:.2g}" for length in line.dashes)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="var(--{line.hue})" stroke-width="{LEGEND * line.width:.2g}"{dashed}'
