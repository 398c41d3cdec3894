"""Figures of scores from tables: by step, by layer, over training.

They are drawn in the page's own colours (CSS variables, light or dark) or in a palette for files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from underpainting.colours import colour, ramp_name
from underpainting.controls import sources
from underpainting.findings.growth import Grown
from underpainting.report.axes import RIGHT, WIDTH, canvas, margin, score_axis, short, spread, step_axis
from underpainting.report.lines import drawn
from underpainting.report.svg import CELLS, PAGE, TEXT, Drawing, Palette
from underpainting.report.tables import LayerTable, ScoreRow, number
from underpainting.vocabulary import METRICS


def step_figure(
    rows: Sequence[ScoreRow], layers: Sequence[str], name: str = "step", palette: Palette = PAGE
) -> Drawing:
    """Score against step for one property: probe with its 95 % band, and whatever else the rows hold.

    `rows` are one property's rows of a table by step; `layers` sets the margin shared with its heat map.
    """
    height, left = 176.0, margin(layers)
    figure, axes = canvas(height, left, palette)
    probe = [row for row in rows if row.source == "probe"]
    steps = [row.step for row in probe]
    if len(steps) > 1:
        axes.fill_between(
            steps,
            [r.estimate.low for r in probe],
            [r.estimate.high for r in probe],
            color=palette.tone,
            alpha=0.22,
            lw=0,
        )
    for key, source in sources().items():
        line = [(row.step, row.estimate.mean) for row in rows if row.source == key != "probe"]
        axes.plot([x for x, _ in line], [y for _, y in line], **drawn(source.line, palette))
    how = drawn(sources()["probe"].line, palette)
    axes.plot(steps, [row.estimate.mean for row in probe], **how, marker="o", markersize=3.4)
    shown = np.array([[row.estimate.mean, row.estimate.low] for row in rows])
    lowest = float(np.nanmin(shown)) if np.isfinite(shown).any() else 0.0
    bottom = min(0.0, np.floor(lowest * 5) / 5)
    score_axis(axes, palette, bottom)
    step_axis(axes, len(steps), palette)
    last = probe[-1]
    what = f"{last.name.capitalize()}: {METRICS[last.metric]} by step at {last.layer}"
    return Drawing(figure, f"{name}-{last.name}", f"{what}, {number(last.estimate.mean)} at the last step")


def layer_figure(table: LayerTable, palette: Palette = PAGE) -> Drawing:
    """Heat map of the probe's score, layer by step, in network order, with the best layer outlined.

    The key under it marks what position alone and the grid's ceiling score at the best layer.
    """
    means = np.array(table.means)
    count, steps = means.shape
    row = float(np.clip(400 / count, 5.0, 14.0))
    place = spread(table.layers)
    span = float(place[-1]) + 1
    left = margin(table.layers)
    height = 6.0 + row * span + 86.0
    figure, axes = canvas(height, left, palette, top=6.0, bottom=80.0)
    low, high = _range(means)
    name = ramp_name(table.name)
    corners, fills, titles = [], [], []
    for i, j in np.ndindex(count, steps):
        value, x, y = float(means[i, j]), j + 0.54, float(place[i]) + 0.04
        corners.append([(x, y), (x + 0.92, y), (x + 0.92, y + 0.92), (x, y + 0.92)])
        fills.append(colour(name, (value - low) / (high - low)) if np.isfinite(value) else palette.rule)
        titles.append(f"{table.layers[i]}, step {j + 1}: {number(value)}")
    cells = PolyCollection(corners, facecolors=fills, linewidths=0, clip_on=False)
    cells.set_gid(CELLS)
    axes.add_collection(cells, autolim=False)
    if table.best_layer in table.layers:
        at = place[table.layers.index(table.best_layer)]
        for edge, weight in ((palette.paper, 3.4), (palette.ink, 1.2)):
            axes.add_patch(
                Rectangle(
                    (0.5, at), steps, 1, facecolor="none", edgecolor=edge, linewidth=weight, clip_on=False
                )
            )
    axes.set_ylim(span, 0)
    every = int(np.ceil(10.5 / row))
    shown = [i for i in range(count) if i % every == 0 or table.layers[i] == table.best_layer]
    axes.set_yticks([place[i] + 0.5 for i in shown], [short(table.layers[i]) for i in shown])
    axes.tick_params(axis="y", length=0, pad=4)
    for i, words in zip(shown, axes.get_yticklabels(), strict=True):
        best = table.layers[i] == table.best_layer
        words.set_color(palette.ink if best else palette.muted)
        words.set_fontweight("bold" if best else "normal")
    step_axis(axes, steps, palette)
    axes.spines["bottom"].set_visible(False)
    _key(figure, table, (low, high), left, height, palette)
    label = (
        f"{table.name.capitalize()}: {METRICS[table.metric]} by layer and step; best layer {table.best_layer}"
    )
    return Drawing(figure, f"layers-{table.name}", label, titles)


def growth_figure(rows: Sequence[Grown], palette: Palette = PAGE) -> Drawing:
    """One property's last score over training: probe with its 95 % band, position alone, the ceiling."""
    figure, axes = canvas(176.0, 30.0, palette)
    seen = [row.seen for row in rows]
    band = [row.low for row in rows], [row.high for row in rows]
    axes.fill_between(seen, *band, color=palette.tone, alpha=0.22, lw=0)
    for source, values in (("ceiling", [r.ceiling for r in rows]), ("position", [r.position for r in rows])):
        axes.plot(seen, values, **drawn(sources()[source].line, palette))
    how = drawn(sources()["probe"].line, palette)
    axes.plot(seen, [row.probe for row in rows], **how, marker="o", markersize=3.4)
    score_axis(axes, palette)
    axes.set_xlim(0, 1.04 * max(seen))
    axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    axes.tick_params(axis="x", length=0, pad=4, labelcolor=palette.muted)
    axes.set_xlabel("samples or steps of training", color=palette.muted, fontsize=TEXT, labelpad=2)
    what = f"{rows[0].property.capitalize()}: {METRICS[rows[0].metric]} at {rows[0].layer} over training"
    return Drawing(figure, f"growth-{rows[0].property}", what)


def _key(
    figure: Figure,
    table: LayerTable,
    ends: tuple[float, float],
    left: float,
    height: float,
    palette: Palette,
) -> None:
    low, high = ends
    key = figure.add_axes((left / WIDTH, 26 / height, (WIDTH - left - RIGHT) / WIDTH, 8 / height))
    key.patch.set_visible(False)
    name, edges = ramp_name(table.name), np.linspace(low, high, 49)
    ends_at = [*edges[2:], high]  # each shade reaches under the next, so that no hairlines show
    bars = [[(a, 0), (b, 0), (b, 1), (a, 1)] for a, b in zip(edges[:-1], ends_at, strict=True)]
    shades = [colour(name, i / 47) for i in range(48)]
    key.add_collection(PolyCollection(bars, facecolors=shades, linewidths=0), autolim=False)
    key.set_xlim(low, high)
    key.set_ylim(0, 1)
    for spine in key.spines.values():
        spine.set_visible(False)
    key.set_yticks([])
    key.set_xticks([low, (low + high) / 2, high])
    key.xaxis.set_major_formatter(lambda value, _: number(value, 2))
    key.tick_params(axis="x", length=0, pad=3, labelcolor=palette.muted)
    first, _, last = key.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    for value, text in ((table.position, "position"), (table.ceiling, "ceiling")):
        if low <= value <= high:
            share = (value - low) / (high - low)
            side = "left" if share < 0.12 else "right" if share > 0.88 else "center"
            key.plot([value, value], [-0.25, 1.55], color=palette.ink, linewidth=1.1, clip_on=False)
            key.text(value, 1.75, text, ha=side, va="bottom", fontsize=TEXT - 1, color=palette.ink)


def _range(means: np.ndarray) -> tuple[float, float]:
    defined = means[np.isfinite(means)]
    if not defined.size:
        return 0.0, 1.0
    low, high = float(np.floor(defined.min() * 10) / 10), float(np.ceil(defined.max() * 10) / 10)
    return low, max(high, low + 0.1)
