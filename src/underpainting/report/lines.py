"""How a figure's lines are drawn, by whose score they show; legends show the same lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from underpainting.report.drawing import Palette

LEGEND = 1.3
"""Points of a figure to pixels of a legend."""


@dataclass(frozen=True)
class Line:
    """A line's colour in a palette, its width in points, and its dashes and gaps in widths (none: solid)."""

    hue: Literal["ink", "muted", "tone"]
    width: float
    dashes: tuple[float, ...] = ()

    def drawn(self, palette: Palette) -> dict[str, Any]:
        """Arguments of a plot."""
        style: Any = (0, self.dashes) if self.dashes else "-"
        return {"color": getattr(palette, self.hue), "linewidth": self.width, "linestyle": style}

    def stroke(self) -> str:
        """Attributes of a legend's path."""
        dashes = " ".join(f"{LEGEND * self.width * length:.2g}" for length in self.dashes)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        return f'stroke="var(--{self.hue})" stroke-width="{LEGEND * self.width:.2g}"{dashed}'


LINES = {
    "ceiling": Line("ink", 0.8),
    "position": Line("muted", 1.4, (1, 1.6)),
    "shuffled": Line("muted", 1.1, (3, 2)),
    "latents:noisy": Line("muted", 1.2, (7, 2, 1, 2)),
    "latents:clean": Line("ink", 1.2, (9, 3)),
    "estimator:noisy": Line("muted", 1.1, (6, 2, 1, 2)),
    "estimator:scaled": Line("muted", 1.1, (5, 2)),
    "estimator:clean": Line("ink", 1.1),
    "unconditional": Line("tone", 1.4, (3, 1.5)),
    "network:clean": Line("ink", 1.1),
    "network:noisy": Line("ink", 1.1, (5, 2)),
    "decoder": Line("ink", 1.4, (1, 1.6)),
    "permuted": Line("muted", 1.1),
    "fresh": Line("muted", 1.1, (5, 2)),
    "permuted-own": Line("muted", 1.1, (6, 2, 1, 2)),
    "fresh-own": Line("muted", 1.4, (1, 1.6)),
    "classifier:clean": Line("ink", 1.3),
    "classifier:noisy": Line("muted", 1.3, (5, 2)),
    "chance": Line("muted", 1.2, (1, 1.6)),
}
"""By source; `classifier:` and `chance` are of the class plot."""
