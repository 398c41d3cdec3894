"""The figure of what less work costs: quality against the rows that the network is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from underpainting.controls import Line
from underpainting.controls.registry import DASHED, DOTTED
from underpainting.findings.shortened import ANOTHER, FEWER, KERNEL, LARGER, UNGUIDED, WHOLE, Shortened
from underpainting.report.export import PRINT, Kind
from underpainting.report.lines import drawn
from underpainting.report.svg import TEXT, Drawing, Palette
from underpainting.report.tables import number
from underpainting.seeds.shorten import Answer
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT

WIDTH, HEIGHT, ACROSS = 230.0, 200.0, 3  # points of a panel, panels side by side
WAYS = {
    UNGUIDED: "guidance dropped after a step",
    LARGER: "every second step after a step",
    FEWER: "fewer steps in all",
    ANOTHER: "another seed",
}
CONTROLS = {FEWER: Line("muted", DASHED, 1.3), ANOTHER: Line("muted", DOTTED, 1.2)}
MEASURES = {"own": "", "class_kept": "Class kept", KERNEL: "Kernel distance from whole pictures"}


def write_shortened(study: StudyFolder, answer: Answer) -> Path:
    """Write the figure beside an answer's scores, as SVG and PNG; the path of the PNG."""
    figure = shortened_figure(answer.rows, PRINT)
    for kind in get_args(Kind):
        with study.sealing(answer.folder.with_suffix(f".{kind}")) as temporary:
            temporary.write_bytes(figure.saved(kind, PRINT.paper))
    return answer.folder.with_suffix(".png")


def shortened_figure(rows: Sequence[Shortened], palette: Palette) -> Drawing:
    """A panel a score against the share of the whole run's rows, with 95 % intervals."""
    keys = dict.fromkeys((row.property, row.metric) for row in rows)
    shown = [key for metric in MEASURES for key in keys if key[1] == metric]
    whole = next(row.rows for row in rows if row.way == WHOLE)
    down = -(-(len(shown) + 1) // ACROSS)
    figure = Figure(figsize=(ACROSS * WIDTH / 72, down * HEIGHT / 72), layout="constrained")
    panels = figure.subplots(down, ACROSS, squeeze=False).ravel()
    for axes, key in zip(panels, shown, strict=False):
        _panel(axes, [row for row in rows if (row.property, row.metric) == key], key, whole, palette)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    lines = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
    names = [label for label in WAYS.values() if label in lines]
    panels[len(shown)].legend(
        [lines[label] for label in names],
        names,
        loc="center left",
        frameon=False,
        fontsize=TEXT,
        labelcolor=palette.ink,
    )
    return Drawing(figure, "shortened", "What is kept of whole pictures against the network's rows")


def _panel(
    axes: Axes, rows: Sequence[Shortened], key: tuple[str, str], whole: float, palette: Palette
) -> None:
    name, metric = key
    for hue, (way, label) in zip(palette.lines, WAYS.items(), strict=False):
        mine = sorted((row for row in rows if row.way == way), key=lambda row: row.rows)
        how = drawn(CONTROLS[way], palette) if way in CONTROLS else {"color": hue, "linewidth": 1.8}
        if way == ANOTHER:
            axes.axhline(mine[0].mean, **how, label=label)
            continue
        x, y = [100 * row.rows / whole for row in mine], [row.mean for row in mine]
        ends = [[row.mean - row.low for row in mine], [row.high - row.mean for row in mine]]
        axes.errorbar(x, y, yerr=ends, elinewidth=0.9, marker="o", markersize=3.4, label=label, **how)
    words = f"{name.capitalize()} kept: {'Dice' if name == OBJECT else 'rank'}" if name else MEASURES[metric]
    axes.set_title(words, loc="left", fontsize=TEXT, color=palette.ink)
    axes.set_xlabel("the network's rows, % of all", fontsize=TEXT, color=palette.muted)
    axes.grid(axis="y", color=palette.rule, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(palette.rule)
    axes.tick_params(length=0, labelcolor=palette.muted)
    axes.yaxis.set_major_formatter(lambda value, _: number(value, 3 if metric == KERNEL else 2))
