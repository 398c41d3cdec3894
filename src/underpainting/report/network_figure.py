"""The network as a figure: its watched layers, and where each property is read best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from underpainting.report.axes import RIGHT, WIDTH, canvas, margin, short, spread
from underpainting.report.svg import PAGE, TEXT, Drawing, Palette
from underpainting.vocabulary import ProbeLayer

WIDE, TALL = 920.0, 200.0
LETTER = 6.2
"""Points, of a letter as wide as the page may set it."""


def network_figure(layers: Sequence[ProbeLayer], best: Mapping[str, str], palette: Palette = PAGE) -> Drawing:
    """The watched layers from the network's input to its output, as tall as their grids have tokens (log).

    best: by property, the layer whose probe is best. Words stand upright where one is longer than a layer
    is wide, and grids are told where there is room for them.
    """
    left, most = 14.0, max(layer.tokens for layer in layers)
    middle = spread([layer.name for layer in layers])
    span = float(middle[-1]) + 1
    room = (WIDE - 2 * left) / span / LETTER
    upright = max(map(len, (*best, *(short(layer.name) for layer in layers)))) > room
    grids = max(len(f"{layer.grid[0]}\u00d7{layer.grid[1]}") for layer in layers) < room
    below = max((_upright if upright else _lines)(best, layer) for layer in layers)
    height = TALL + max(0.0, below - 0.15 * TALL)
    figure = Figure(figsize=(WIDE / 72, height / 72))
    figure.patch.set_visible(False)
    axes = figure.add_axes((left / WIDE, 1 - TALL / height, (WIDE - 2 * left) / WIDE, TALL / height))
    axes.set_axis_off()
    for layer, x in zip(layers, middle, strict=True):
        rows, columns = layer.grid
        tall = 0.12 + 0.5 * log2(1 + rows * columns) / log2(1 + most)
        named = _best_there(best, layer)
        edge, weight = (palette.ink, 1.6) if named else (palette.rule, 1.0)
        box = Rectangle((x - 0.44, 0.56 - tall / 2), 0.88, tall, facecolor="none")
        box.set(edgecolor=edge, linewidth=weight)
        axes.add_patch(box)
        if grids:
            for line, words in enumerate((f"{rows}\u00d7{columns}", f"{layer.channels}")):
                y = 0.59 - 0.07 * line
                axes.text(x, y, words, ha="center", va="center", fontsize=TEXT, color=palette.muted)
        name = short(layer.name)
        style: dict[str, Any] = {"ha": "center", "fontsize": TEXT, "color": palette.ink}
        turn: dict[str, Any] = {"rotation": 90, "va": "top"} if upright else {"va": "center"}
        axes.text(x, 0.15, name, **style, **turn)
        words = ", ".join(named) if upright else "\n".join(named)
        y = 0.15 - LETTER * (len(name) + 1) / TALL if upright else 0.09
        axes.text(x, y, words, weight="bold", **style, **{**turn, "va": "top"})
    axes.set_xlim(-0.6, span - 0.4)
    axes.set_ylim(0, 1)
    return Drawing(figure, "network", _network_words(layers))


def narrow_network_figure(
    layers: Sequence[ProbeLayer], best: Mapping[str, str], palette: Palette = PAGE
) -> Drawing:
    """As `network_figure`, from top to bottom and as wide as other figures are, for a phone."""
    row, most = 15.0, max(layer.tokens for layer in layers)
    middle = spread([layer.name for layer in layers])
    span, left = float(middle[-1]) + 1, margin([layer.name for layer in layers])
    figure, axes = canvas(row * span + 4, left, palette, top=2.0, bottom=2.0)
    axes.set_axis_off()
    room = WIDTH - left - RIGHT - LETTER * max(len(", ".join(_best_there(best, layer))) for layer in layers)
    for layer, y in zip(layers, middle, strict=True):
        rows, columns = layer.grid
        wide = (room - 4) * (0.3 + 0.7 * log2(1 + rows * columns) / log2(1 + most))
        named = _best_there(best, layer)
        edge, weight = (palette.ink, 1.6) if named else (palette.rule, 1.0)
        axes.add_patch(Rectangle((0, y - 0.42), wide, 0.84, fc="none", ec=edge, lw=weight, clip_on=False))
        style: dict[str, Any] = {"va": "center", "fontsize": TEXT, "color": palette.ink}
        axes.text(-5, y, short(layer.name), ha="right", **style)
        words = f"{rows}\u00d7{columns}, {layer.channels}"
        axes.text(5, y, words, **{**style, "color": palette.muted, "fontsize": TEXT - 1})
        axes.text(wide + 5, y, ", ".join(named), weight="bold", **style)
    axes.set_xlim(0, WIDTH - left - RIGHT)
    axes.set_ylim(span - 0.5, -0.5)
    return Drawing(figure, "network-narrow", _network_words(layers))


def _upright(best: Mapping[str, str], layer: ProbeLayer) -> float:
    """Points that a layer's name takes upright, with what is read best there."""
    return LETTER * (len(short(layer.name)) + 1 + len(", ".join(_best_there(best, layer))))


def _lines(best: Mapping[str, str], layer: ProbeLayer) -> float:
    """Points that a layer's name takes, with what is read best there below it, line by line."""
    return 14.0 + 1.4 * TEXT * len(_best_there(best, layer))


def _best_there(best: Mapping[str, str], layer: ProbeLayer) -> list[str]:
    return [name for name, where in best.items() if where == layer.name]


def _network_words(layers: Sequence[ProbeLayer]) -> str:
    return f"The {len(layers)} watched layers, their grids and channels; best layers of each property named"
