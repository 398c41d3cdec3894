"""Figures of classification: accuracy, when pictures are recognised, calibration, one picture's classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from underpainting.controls import sources
from underpainting.findings.classification import Accuracy, Calibration, Recognised, Seen
from underpainting.report.axes import WIDTH, canvas, score_axis, step_axis
from underpainting.report.lines import CLASS_LINES, drawn
from underpainting.report.recognition import draw_curves
from underpainting.report.svg import PAGE, TEXT, Drawing, Palette

WIDE, WIDE_LEFT, WIDE_RIGHT = 920.0, 46.0, 130.0


def accuracy_figure(rows: Sequence[Accuracy], chance: float, palette: Palette = PAGE) -> Drawing:
    """Accuracy by step: the class probe with its band, the classifier on both kinds of pictures, chance."""
    figure, axes = canvas(176.0, 30.0, palette)
    styles: dict[str, dict[str, Any]] = {
        **{picture: drawn(CLASS_LINES[picture], palette) for picture in ("noisy", "clean")},
        "probe": {**drawn(sources()["probe"].line, palette), "marker": "o", "markersize": 3.4},
    }
    for picture, style in styles.items():
        mine = [row for row in rows if row.picture == picture and row.step > 0]
        steps = [row.step for row in mine]
        if picture == "probe" and len(steps) > 1:
            band = [row.low for row in mine], [row.high for row in mine]
            axes.fill_between(steps, *band, color=palette.tone, alpha=0.22, lw=0)
        axes.plot(steps, [row.accuracy for row in mine], **style)
    axes.axhline(chance, **drawn(CLASS_LINES["chance"], palette))
    score_axis(axes, palette)
    step_axis(axes, max((row.step for row in rows), default=1), palette)
    return Drawing(figure, "accuracy", "Share of pictures whose class is right, by step")


def recognised_figure(rows: Sequence[Recognised], steps: int, palette: Palette = PAGE) -> Drawing:
    """Share of pictures recognised for good at each step, and never: noisy ones hollow, clean ones full."""
    figure, axes = canvas(176.0, 30.0, palette)
    styles: dict[str, dict[str, Any]] = {
        "noisy": {"facecolor": "none", "edgecolor": palette.ink, "linewidth": 0.8},
        "clean": {"facecolor": palette.tone, "linewidth": 0},
    }
    for (picture, style), side in zip(styles.items(), (-0.2, 0.2), strict=True):
        first = [row.first or steps + 2 for row in rows if row.picture == picture]
        places = [*range(1, steps + 1), steps + 2]
        shares = [first.count(step) / max(1, len(first)) for step in places]
        axes.bar([place + side for place in places], shares, 0.36, **style)
    score_axis(axes, palette)
    step_axis(axes, steps, palette)
    axes.set_xlim(0.3, steps + 2.7)
    ticks = [*axes.get_xticks(), steps + 2]
    axes.set_xticks(ticks, [*(f"{tick:.0f}" for tick in ticks[:-1]), "never"])
    return Drawing(
        figure, "recognised", "Share of pictures by the step from which the right class stays first", []
    )


def calibration_figure(rows: Sequence[Calibration], palette: Palette = PAGE) -> Drawing:
    """Share right against probability of the first class: clean pictures full, noisy ones hollow."""
    figure, axes = canvas(176.0, 30.0, palette)
    axes.plot([0, 1], [0, 1], color=palette.muted, lw=0.9, ls=(0, (1, 1.6)))
    for picture, style in (
        ("noisy", {"color": palette.muted, "marker": "o", "mfc": palette.paper, "ls": (0, (5, 2))}),
        ("clean", {"color": palette.ink, "marker": "o"}),
        ("final", {"color": palette.tone, "marker": "s"}),
    ):
        mine = [row for row in rows if row.picture == picture]
        points = [row.probability for row in mine], [row.accuracy for row in mine]
        axes.plot(*points, lw=1.2, ms=3.4, **style)
    score_axis(axes, palette)
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
        step_axis(axes, len(seen.steps), palette)
    label = f"{seen.prompt}, {seen.picture} pictures: probability of each leading class by step"
    return Drawing(figure, f"curves-{seen.image}-{seen.picture}{'-narrow' * narrow}", label)
