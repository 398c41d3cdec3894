"""Figures from tables, in the page's own colours (CSS variables, light or dark) or in a palette for files.

Both kinds share their width and left margin, so that steps line up when one stands above the other.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from underpainting.findings.classification import Accuracy, Calibration, Recognised, Seen
from underpainting.findings.growth import Grown
from underpainting.report.colours import colour, ramp_name
from underpainting.report.drawing import CELLS, PAGE, TEXT, Drawing, Palette
from underpainting.report.lines import LINES
from underpainting.report.recognition import draw_curves
from underpainting.report.tables import LayerTable, ScoreRow, number
from underpainting.vocabulary import METRICS

WIDTH, RIGHT = 300.0, 8.0
WIDE, WIDE_LEFT, WIDE_RIGHT = 920.0, 46.0, 130.0


def step_figure(
    rows: Sequence[ScoreRow], layers: Sequence[str], name: str = "step", palette: Palette = PAGE
) -> Drawing:
    """Score against step for one property: probe with its 95 % band, and whatever else the rows hold.

    `rows` are one property's rows of a table by step; `layers` sets the margin shared with its heat map.
    """
    height, left = 176.0, _margin(layers)
    figure, axes = _canvas(height, left, palette, top=6.0, bottom=30.0)
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
    for source, how in LINES.items():
        line = [(row.step, row.estimate.mean) for row in rows if row.source == source]
        axes.plot([x for x, _ in line], [y for _, y in line], **how.drawn(palette))
    axes.plot(
        steps,
        [row.estimate.mean for row in probe],
        color=palette.tone,
        linewidth=2.2,
        marker="o",
        markersize=3.4,
    )
    shown = np.array([[row.estimate.mean, row.estimate.low] for row in rows])
    lowest = float(np.nanmin(shown)) if np.isfinite(shown).any() else 0.0
    bottom = min(0.0, np.floor(lowest * 5) / 5)
    axes.set_ylim(bottom, 1.02)
    axes.set_yticks(np.arange(round(bottom * 5), 6) / 5)
    axes.yaxis.set_major_formatter(lambda value, _: number(value, 1))
    axes.grid(axis="y", color=palette.rule, linewidth=0.6)
    axes.tick_params(axis="y", length=0, labelcolor=palette.muted)
    _step_axis(axes, len(steps), palette)
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
    place = _spread(table.layers)
    span = float(place[-1]) + 1
    left = _margin(table.layers)
    height = 6.0 + row * span + 86.0
    figure, axes = _canvas(height, left, palette, top=6.0, bottom=80.0)
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
    axes.set_yticks([place[i] + 0.5 for i in shown], [_short(table.layers[i]) for i in shown])
    axes.tick_params(axis="y", length=0, pad=4)
    for i, words in zip(shown, axes.get_yticklabels(), strict=True):
        best = table.layers[i] == table.best_layer
        words.set_color(palette.ink if best else palette.muted)
        words.set_fontweight("bold" if best else "normal")
    _step_axis(axes, steps, palette)
    axes.spines["bottom"].set_visible(False)
    _key(figure, table, (low, high), left, height, palette)
    label = (
        f"{table.name.capitalize()}: {METRICS[table.metric]} by layer and step; best layer {table.best_layer}"
    )
    return Drawing(figure, f"layers-{table.name}", label, titles)


def growth_figure(rows: Sequence[Grown], palette: Palette = PAGE) -> Drawing:
    """One property's last score over training: probe with its 95 % band, position alone, the ceiling."""
    figure, axes = _canvas(176.0, 30.0, palette, top=6.0, bottom=30.0)
    seen = [row.seen for row in rows]
    band = [row.low for row in rows], [row.high for row in rows]
    axes.fill_between(seen, *band, color=palette.tone, alpha=0.22, lw=0)
    for source, values in (("ceiling", [r.ceiling for r in rows]), ("position", [r.position for r in rows])):
        axes.plot(seen, values, **LINES[source].drawn(palette))
    axes.plot(seen, [row.probe for row in rows], color=palette.tone, lw=2.2, marker="o", ms=3.4)
    _share_axis(axes, palette)
    axes.set_xlim(0, 1.04 * max(seen))
    axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    axes.tick_params(axis="x", length=0, pad=4, labelcolor=palette.muted)
    axes.set_xlabel("samples or steps of training", color=palette.muted, fontsize=TEXT, labelpad=2)
    what = f"{rows[0].property.capitalize()}: {METRICS[rows[0].metric]} at {rows[0].layer} over training"
    return Drawing(figure, f"growth-{rows[0].property}", what)


def network_figure(
    layers: Sequence[Mapping[str, Any]], best: Mapping[str, str], palette: Palette = PAGE
) -> Drawing:
    """The watched layers from the network's input to its output, as tall as their grids have tokens (log).

    layers: name, grid and channels of each; best: by property, the layer whose probe is best.
    """
    height, left = 200.0, 14.0
    figure = Figure(figsize=(WIDE / 72, height / 72))
    figure.patch.set_visible(False)
    axes = figure.add_axes((left / WIDE, 0.0, (WIDE - 2 * left) / WIDE, 1.0))
    axes.set_axis_off()
    most = max(math.prod(layer["grid"]) for layer in layers)
    middle = _spread([str(layer["name"]) for layer in layers])
    span, upright = float(middle[-1]) + 1, len(layers) > 20
    for layer, x in zip(layers, middle, strict=True):
        rows, columns = layer["grid"]
        tall = 0.12 + 0.5 * math.log2(1 + rows * columns) / math.log2(1 + most)
        of = _best_there(best, layer)
        edge, weight = (palette.ink, 1.6) if of else (palette.rule, 1.0)
        box = Rectangle((x - 0.44, 0.56 - tall / 2), 0.88, tall, facecolor="none")
        box.set(edgecolor=edge, linewidth=weight)
        axes.add_patch(box)
        if not upright:
            for number, words in enumerate((f"{rows}\u00d7{columns}", f"{layer['channels']}")):
                y = 0.59 - 0.07 * number
                axes.text(x, y, words, ha="center", va="center", fontsize=TEXT, color=palette.muted)
        turn = {"rotation": 90, "va": "top"} if upright else {"va": "center"}
        name = _short(str(layer["name"]))
        axes.text(x, 0.15, name, ha="center", fontsize=TEXT, color=palette.ink, **turn)
        style: dict[str, Any] = {"fontsize": TEXT, "color": palette.ink, "weight": "bold"}
        axes.text(x, 0.05, "\n".join(of), ha="center", va="center", **style)
    axes.set_xlim(-0.6, span - 0.4)
    axes.set_ylim(0, 1)
    return Drawing(figure, "network", _network_words(layers))


def narrow_network_figure(
    layers: Sequence[Mapping[str, Any]], best: Mapping[str, str], palette: Palette = PAGE
) -> Drawing:
    """As `network_figure`, from top to bottom and as wide as other figures are, for a phone."""
    row, most = 15.0, max(math.prod(layer["grid"]) for layer in layers)
    middle = _spread([str(layer["name"]) for layer in layers])
    span, left = float(middle[-1]) + 1, _margin([str(layer["name"]) for layer in layers])
    figure, axes = _canvas(row * span + 4, left, palette, top=2.0, bottom=2.0)
    axes.set_axis_off()
    room = WIDTH - left - RIGHT - 6.2 * max(len(", ".join(_best_there(best, layer))) for layer in layers)
    for layer, y in zip(layers, middle, strict=True):
        rows, columns = layer["grid"]
        wide = (room - 4) * (0.3 + 0.7 * math.log2(1 + rows * columns) / math.log2(1 + most))
        of = _best_there(best, layer)
        edge, weight = (palette.ink, 1.6) if of else (palette.rule, 1.0)
        axes.add_patch(Rectangle((0, y - 0.42), wide, 0.84, fc="none", ec=edge, lw=weight, clip_on=False))
        style: dict[str, Any] = {"va": "center", "fontsize": TEXT, "color": palette.ink}
        axes.text(-5, y, _short(str(layer["name"])), ha="right", **style)
        words = f"{rows}\u00d7{columns}, {layer['channels']}"
        axes.text(5, y, words, **{**style, "color": palette.muted, "fontsize": TEXT - 1})
        axes.text(wide + 5, y, ", ".join(of), weight="bold", **style)
    axes.set_xlim(0, WIDTH - left - RIGHT)
    axes.set_ylim(span - 0.5, -0.5)
    return Drawing(figure, "network-narrow", _network_words(layers))


def accuracy_figure(rows: Sequence[Accuracy], chance: float, palette: Palette = PAGE) -> Drawing:
    """Accuracy by step: the class probe with its band, the classifier on both kinds of pictures, chance."""
    figure, axes = _canvas(176.0, 30.0, palette, top=6.0, bottom=30.0)
    styles: dict[str, dict[str, Any]] = {
        **{picture: LINES[f"classifier:{picture}"].drawn(palette) for picture in ("noisy", "clean")},
        "probe": {"color": palette.tone, "lw": 2.2, "marker": "o", "ms": 3.4},
    }
    for picture, style in styles.items():
        mine = [row for row in rows if row.picture == picture and row.step > 0]
        steps = [row.step for row in mine]
        if picture == "probe" and len(steps) > 1:
            band = [row.low for row in mine], [row.high for row in mine]
            axes.fill_between(steps, *band, color=palette.tone, alpha=0.22, lw=0)
        axes.plot(steps, [row.accuracy for row in mine], **style)
    axes.axhline(chance, **LINES["chance"].drawn(palette))
    _share_axis(axes, palette)
    _step_axis(axes, max((row.step for row in rows), default=1), palette)
    return Drawing(figure, "accuracy", "Share of pictures whose class is right, by step")


def recognised_figure(rows: Sequence[Recognised], steps: int, palette: Palette = PAGE) -> Drawing:
    """Share of pictures recognised for good at each step, and never: noisy ones hollow, clean ones full."""
    figure, axes = _canvas(176.0, 30.0, palette, top=6.0, bottom=30.0)
    styles: dict[str, dict[str, Any]] = {
        "noisy": {"facecolor": "none", "edgecolor": palette.ink, "linewidth": 0.8},
        "clean": {"facecolor": palette.tone, "linewidth": 0},
    }
    for (picture, style), side in zip(styles.items(), (-0.2, 0.2), strict=True):
        first = [row.first or steps + 2 for row in rows if row.picture == picture]
        places = [*range(1, steps + 1), steps + 2]
        shares = [first.count(step) / max(1, len(first)) for step in places]
        axes.bar([place + side for place in places], shares, 0.36, **style)
    _share_axis(axes, palette)
    _step_axis(axes, steps, palette)
    axes.set_xlim(0.3, steps + 2.7)
    ticks = [*axes.get_xticks(), steps + 2]
    axes.set_xticks(ticks, [*(f"{tick:.0f}" for tick in ticks[:-1]), "never"])
    return Drawing(
        figure, "recognised", "Share of pictures by the step from which the right class stays first", []
    )


def calibration_figure(rows: Sequence[Calibration], palette: Palette = PAGE) -> Drawing:
    """Share right against probability of the first class: clean pictures full, noisy ones hollow."""
    figure, axes = _canvas(176.0, 30.0, palette, top=6.0, bottom=30.0)
    axes.plot([0, 1], [0, 1], color=palette.muted, lw=0.9, ls=(0, (1, 1.6)))
    for picture, style in (
        ("noisy", {"color": palette.muted, "marker": "o", "mfc": palette.paper, "ls": (0, (5, 2))}),
        ("clean", {"color": palette.ink, "marker": "o"}),
        ("final", {"color": palette.tone, "marker": "s"}),
    ):
        mine = [row for row in rows if row.picture == picture]
        points = [row.probability for row in mine], [row.accuracy for row in mine]
        axes.plot(*points, lw=1.2, ms=3.4, **style)
    _share_axis(axes, palette)
    axes.set_xlim(0, 1.02)
    axes.set_xticks([0, 0.5, 1])
    axes.tick_params(axis="x", length=0, pad=4, labelcolor=palette.muted)
    axes.set_xlabel("probability of the first class", color=palette.muted, fontsize=TEXT, labelpad=2)
    return Drawing(figure, "calibration", "Share of right answers against the probability given")


def curves_figure(seen: Seen, palette: Palette = PAGE, *, narrow: bool = False) -> Drawing:
    """One picture's probabilities by step; the pictures of the steps stand above its columns.

    narrow: as wide as other figures are, for a phone.
    """
    height, size = 190.0, TEXT if narrow else 12.0
    width, left, right = (WIDTH, 34.0, 92.0) if narrow else (WIDE, WIDE_LEFT, WIDE_RIGHT)
    figure = Figure(figsize=(width / 72, height / 72))
    figure.patch.set_visible(False)
    axes = figure.add_axes(
        (left / width, 34 / height, (width - left - right) / width, (height - 44) / height)
    )
    axes.patch.set_visible(False)
    with rc_context({"font.size": size}):
        draw_curves(axes, seen, ink=palette.ink, muted=palette.muted, rule=palette.rule, hues=palette.lines)
    if narrow:
        axes.set_ylabel("")
        _step_axis(axes, len(seen.steps), palette)
    label = f"{seen.prompt}, {seen.picture} pictures: probability of each leading class by step"
    return Drawing(figure, f"curves-{seen.image}-{seen.picture}{'-narrow' * narrow}", label)


def _best_there(best: Mapping[str, str], layer: Mapping[str, Any]) -> list[str]:
    return [name for name, where in best.items() if where == layer["name"]]


def _network_words(layers: Sequence[Mapping[str, Any]]) -> str:
    return f"The {len(layers)} watched layers, their grids and channels; best layers of each property named"


def _spread(layers: Sequence[str]) -> np.ndarray:
    """Places of layers in a row, with a gap between the network's parts."""
    parts = [name.split(".")[0] for name in layers]
    return np.arange(len(layers)) + 0.5 * np.cumsum([0, *(a != b for a, b in pairwise(parts))])


def _share_axis(axes: Axes, palette: Palette) -> None:
    axes.set_ylim(0, 1.02)
    axes.set_yticks(np.arange(6) / 5)
    axes.yaxis.set_major_formatter(lambda value, _: number(value, 1))
    axes.grid(axis="y", color=palette.rule, linewidth=0.6)
    axes.tick_params(axis="y", length=0, labelcolor=palette.muted)


def _canvas(
    height: float, left: float, palette: Palette, *, top: float, bottom: float
) -> tuple[Figure, Axes]:
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


def _step_axis(axes: Axes, steps: int, palette: Palette) -> None:
    stride = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, steps) if steps / s <= 5)
    ticks = [1, *(t for t in range(stride, steps + 1, stride) if t > 1 + stride / 2)]
    if steps > 1 and ticks[-1] != steps:
        ticks = [*(t for t in ticks if steps - t > stride / 2), steps]
    axes.set_xlim(0.5, steps + 0.5)
    axes.set_xticks(ticks)
    axes.tick_params(axis="x", length=0, pad=4, labelcolor=palette.muted)
    axes.set_xlabel("step", color=palette.muted, fontsize=TEXT, labelpad=2)


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


def _margin(layers: Sequence[str]) -> float:
    """Room for the longest name, in bold as the best layer's is."""
    return 12.0 + 6.2 * max(len(_short(name)) for name in layers)


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:9]}\u2026{name[-14:]}"
