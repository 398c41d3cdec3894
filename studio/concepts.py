"""The figures of docs/concepts.md: ``python -m studio.concepts docs`` draws them.

A probe, a ceiling and an emergence step are of simulated pictures, whose truth is known; controls are those
of ``figures/demo-scores.csv``, and the edit is a row of ``figures/experiment-interventions-saliency.png``.
Every figure has a ground of its own, so that it is legible on light and on dark pages, and fits a phone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from studio.tables.cells import title
from studio.tables.files import FIGURES, csv_rows
from underpainting.colours import ramp
from underpainting.findings.intervals import Floats
from underpainting.findings.steps import emergence, rising, step_estimate
from underpainting.report.axes import WIDTH, canvas, score_axis, step_axis
from underpainting.report.export import PRINT, TONES
from underpainting.report.svg import TEXT, Drawing

PAPER, TONE = "#fbf9f5", TONES["saliency"]
SIDE = 64  # pixels of a simulated picture
CELLS = 1024  # pixels of the edit's two pictures together
ROW, BEFORE, AFTER = 5, 0, 1  # of the experiment's sheet
CELL, GAP = 128, 4  # pixels of the sheet
SIMULATED = {"prompts": 40, "steps": 15, "floor": 0.45, "last": 0.85, "true": 6}


def probe() -> Drawing:
    """Three channels of one layer, the weights that a probe gives them, its reading, and the label."""
    draw = np.random.default_rng(1)
    labels = np.stack([_averaged(_disc(*draw.uniform(0.3, 0.7, 2), 0.24), 8) for _ in range(41)])
    slope = np.linspace(-0.5, 0.5, 8)[:, None]
    mixed = (0.9 * labels + 0.6 * slope, 0.9 * slope - 0.3 * labels, 0.5 * labels)
    channels = np.stack([part + 0.3 * draw.standard_normal(labels.shape) for part in mixed], -1)
    x, y = channels[:-1].reshape(-1, 3), labels[:-1].ravel()
    middle, level = x.mean(0), y.mean()
    weights = np.linalg.solve((x - middle).T @ (x - middle), (x - middle).T @ (y - level))
    reading = (channels[-1] - middle) @ weights + level
    shown = [*np.moveaxis(channels[-1], -1, 0), reading, labels[-1]]
    named = [*(f"{value:+.2f} ·".replace("-", "\u2212") for value in weights), "reading", "label"]
    figure = _panels(shown, named, joints=("+", "+", "=", ""), below=("channel 1", "channel 2", "channel 3"))
    return Drawing(figure, "concept-probe", "Weighted channels add up to a map near the label")


def ceiling() -> Drawing:
    """A label, and the best map that grids of three sizes can give of it, with its Dice."""
    label = _disc(0.45, 0.55, 0.2)
    best = {size: _best(label, size) for size in (16, 8, 4)}
    named = [f"{size} \u00d7 {size}: {_dice(label, _enlarged(one)):.2f}" for size, one in best.items()]
    figure = _panels([label, *best.values()], ["label", *named])
    return Drawing(figure, "concept-ceiling", f"The best map of a grid: Dice {', '.join(named)}")


def emergence_step() -> Drawing:
    """Scores of simulated pictures by step, the curve made rising, its bar, and the step in its interval."""
    scores, draws = _simulated()
    floor, mean = np.full(len(draws) + 1, SIMULATED["floor"]), scores.mean(0)
    curves = np.stack([mean, *(scores[drawn].mean(0) for drawn in draws)])
    found = emergence(curves, floor)
    at = step_estimate(int(found[0]), found[1:], scores.shape[1])
    risen, steps = rising(mean), np.arange(1, scores.shape[1] + 1)
    bar = SIMULATED["floor"] + 0.9 * (risen[-1] - SIMULATED["floor"])
    figure, axes = canvas(190.0, 30.0, PRINT)
    axes.axvspan((at.low or 1) - 0.5, (at.high or len(steps)) + 0.5, color=TONE, alpha=0.16, lw=0)
    axes.plot(steps, mean, "o", color=PRINT.muted, markersize=3)
    axes.step(steps, risen, where="mid", color=TONE, linewidth=2)
    for height, words in ((SIMULATED["floor"], "position alone"), (bar, "90 % of the way")):
        axes.axhline(height, color=PRINT.muted, linewidth=1, linestyle=(0, (3, 2)))
        _say(axes, len(steps) + 0.4, height - 0.02, words, ha="right", va="top")
    _say(axes, (at.step or 0) + 0.1, 0.06, f"step {at.step} ({at.low} to {at.high})", ha="center")
    axes.plot([at.step or 0] * 2, [0.14, bar], color=TONE, linewidth=1.2)
    score_axis(axes, PRINT)
    step_axis(axes, len(steps), PRINT)
    return Drawing(figure, "concept-emergence", f"The curve made rising is at the bar from step {at.step}")


def control() -> Drawing:
    """The demo's scores of saliency at the last step: probe, ceiling and controls, with intervals."""
    rows = [
        row
        for row in csv_rows("demo-scores")
        if (row["property"], row["metric"]) == ("saliency", "dice")
        and row["source"] != "gain"
        and float(row["mean"]) > 0
    ]
    rows.sort(key=lambda row: float(row["mean"]))
    figure, axes = canvas(26.0 * len(rows) + 36, 128.0, PRINT)
    for place, row in enumerate(rows):
        mean, low, high = (float(row[key]) for key in ("mean", "low", "high"))
        colour = TONE if row["source"] == "probe" else PRINT.muted
        axes.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot([mean], [place], "o", color=colour, markersize=6)
        name = axes.annotate(
            _broken(title(row["source"])), (0, place), (-8, 0), ("axes fraction", "data"), "offset points"
        )
        name.set(ha="right", va="center", fontsize=TEXT, color=PRINT.ink)
    axes.set_xlim(0.4, 0.95)
    axes.set_xticks([0.4, 0.6, 0.8])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0, labelcolor=PRINT.muted)
    axes.grid(axis="x", color=PRINT.rule, linewidth=0.6)
    axes.set_xlabel("Dice", color=PRINT.muted, fontsize=TEXT, labelpad=2)
    return Drawing(
        figure, "concept-control", "Saliency's Dice at the last step, the probe's beside its controls'"
    )


def edit() -> Image.Image:
    """A picture as it is and as it is painted towards an outline."""
    sheet = Image.open(FIGURES / "experiment-interventions-saliency.png").convert("RGB")
    pair = Image.new("RGB", (2 * CELL + GAP, CELL), PAPER)
    for place, column in enumerate((BEFORE, AFTER)):
        left, top = column * (CELL + GAP), ROW * (CELL + GAP)
        pair.paste(sheet.crop((left, top, left + CELL, top + CELL)), (place * (CELL + GAP), 0))
    return pair.resize((CELLS, CELLS * pair.height // pair.width), Image.Resampling.BICUBIC)


DRAWN: tuple[Callable[[], Drawing], ...] = (probe, ceiling, emergence_step, control)


def write(folder: Path) -> None:
    """Writes all of them into a folder."""
    for draw in DRAWN:
        drawing = draw()
        (folder / f"{drawing.name}.svg").write_bytes(drawing.saved("svg", PAPER))
    edit().save(folder / "concept-edit.webp", quality=80)


def _simulated() -> tuple[Floats, Floats]:
    """Scores [picture, step] that rise towards the true step and then hardly, and draws [draw, picture]."""
    draw = np.random.default_rng(3)
    count, steps = int(SIMULATED["prompts"]), int(SIMULATED["steps"])
    way = np.clip(np.arange(1, steps + 1) / SIMULATED["true"], 0, 1) ** 1.5
    curve = SIMULATED["floor"] + (SIMULATED["last"] - SIMULATED["floor"]) * (0.94 * way + 0.06 * way**4)
    scores = curve + 0.1 * draw.standard_normal((count, 1)) + 0.12 * draw.standard_normal((count, steps))
    return scores, draw.integers(0, count, (500, count))


def _disc(across: float, down: float, radius: float) -> Floats:
    """A disc [SIDE, SIDE] of 1 on 0; places and radius are shares of the side."""
    at = (np.arange(SIDE) + 0.5) / SIDE
    return ((at[None] - across) ** 2 + (at[:, None] - down) ** 2 <= radius**2).astype(float)


def _best(label: Floats, size: int) -> Floats:
    """The mask [size, size] of the grid's means above the threshold with the best Dice."""
    mean = _averaged(label, size)
    masks = [(mean >= threshold).astype(float) for threshold in np.unique(mean[mean > 0])]
    return max(masks, key=lambda mask: _dice(label, _enlarged(mask)))


def _averaged(map_: Floats, size: int) -> Floats:
    cell = SIDE // size
    mean: Floats = map_.reshape(size, cell, size, cell).mean((1, 3))
    return mean


def _enlarged(map_: Floats) -> Floats:
    return np.kron(map_, np.ones((SIDE // len(map_),) * 2))


def _dice(one: Floats, other: Floats) -> float:
    return float(2 * (one * other).sum() / (one.sum() + other.sum()))


def _panels(
    maps: list[Floats], named: list[str], joints: tuple[str, ...] = (), below: tuple[str, ...] = ()
) -> Figure:
    """Maps side by side, each with words above; signs between them, and words below."""
    gap, top, foot = 12.0, 22.0, 20.0 if below else 6.0
    side = (WIDTH - gap * (len(maps) + 1)) / len(maps)
    height = side + top + foot
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    colours = ramp("verdaccio")
    for place, (one, name) in enumerate(zip(maps, named, strict=True)):
        left = gap + place * (side + gap)
        axes = figure.add_axes((left / WIDTH, foot / height, side / WIDTH, side / height))
        low, high = one.min(), one.max()
        axes.imshow(colours[np.round((one - low) / (high - low) * 255).astype(int)], interpolation="nearest")
        axes.set_axis_off()
        middle = (left + side / 2) / WIDTH
        figure.text(middle, 1 - (top - 6) / height, name, ha="center", fontsize=TEXT, color=PRINT.ink)
        if place < len(below):
            figure.text(middle, 6 / height, below[place], ha="center", fontsize=TEXT - 1, color=PRINT.muted)
        if place < len(joints):
            spot = (left + side + gap / 2) / WIDTH
            figure.text(spot, (foot + side / 2) / height, joints[place], ha="center", va="center")
    return figure


def _say(axes: Axes, x: float, y: float, words: str, **how: str) -> None:
    axes.text(x, y, words, fontsize=TEXT, color=PRINT.ink, **how)  # type: ignore[arg-type]


def _broken(words: str) -> str:
    """A name on two lines where it is long."""
    if len(words) <= 22:
        return words
    middle = min((abs(at - len(words) / 2), at) for at, letter in enumerate(words) if letter == " ")[1]
    return f"{words[:middle]}\n{words[middle + 1 :]}"


def main() -> None:
    """Draws them."""
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("folder", type=Path)
    write(cli.parse_args().folder)


if __name__ == "__main__":
    main()
