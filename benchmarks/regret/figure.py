"""The curves of regret against cost, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.regret.curves import COSTS, GOALS, SOURCES
from underpainting.controls.registry import DASHED, DOTTED, SHORT
from underpainting.records import write_bytes
from underpainting.report.export import PRINT
from underpainting.report.svg import TEXT, Drawing

SIZE = 800.0, 330.0
NAME = "regret"
STYLES: Mapping[str, dict[str, Any]] = {
    "random": {"color": PRINT.muted, "linestyle": (0, DOTTED), "linewidth": 1.4},
    "noise": {"color": PRINT.lines[2], "linestyle": (0, SHORT), "linewidth": 1.4},
    "estimator": {"color": PRINT.lines[1], "linestyle": (0, DASHED), "linewidth": 1.5},
    "probe": {"color": PRINT.lines[0], "linestyle": "-", "linewidth": 2.0},
}
WORDS = {
    "random": "random",
    "noise": "initial noise",
    "estimator": "estimator on the clean prediction",
    "probe": "probe",
}
TICKS = (0.02, 0.05, 0.1, 0.2, 0.5)
AXES = {
    "evaluations": "share of the network's evaluations",
    "wall": "share of the time, decoding and estimator included",
}


def write_figure(results: Mapping[str, Any], folder: Path) -> None:
    """Write `regret.svg` and `regret.png`: regret against both costs, a line a source, with its interval."""
    figure = Figure(figsize=(SIZE[0] / 72, SIZE[1] / 72))
    left, right = figure.subplots(1, 2, sharey=True)
    figure.subplots_adjust(left=0.075, right=0.985, bottom=0.16, top=0.89, wspace=0.07)
    for axes, cost in zip((left, right), COSTS, strict=True):
        for source in SOURCES:
            rows = results["curves"][cost][source]
            spent = [row["cost"] for row in rows]
            axes.plot(spent, [row["mean"] for row in rows], label=WORDS[source], **STYLES[source])
            if rows and rows[0]["low"] is not None:
                ends = ([row[end] for row in rows] for end in ("low", "high"))
                axes.fill_between(spent, *ends, color=STYLES[source]["color"], alpha=0.16, linewidth=0)
            runs = [row for row in results["points"] if row["source"] == source and row["is_search"]]
            axes.plot(
                [run[cost] for run in runs],
                [run["regret"]["mean"] for run in runs],
                "o",
                color=STYLES[source]["color"],
                markersize=4.5,
                markeredgecolor=PRINT.paper,
                markeredgewidth=0.8,
                zorder=3,
            )
        _dress(axes, AXES[cost])
    goals = [share for share, _, _ in GOALS], [1 - least for _, _, least in GOALS]
    left.plot(*goals, "D", markersize=5, mfc="none", mec=PRINT.ink, zorder=4, label="aimed at")
    left.plot([], [], "o", color=PRINT.muted, markersize=4.5, label="as a search cuts")
    left.set_ylabel("regret", color=PRINT.muted, fontsize=TEXT, labelpad=4)
    handles, words = left.get_legend_handles_labels()
    figure.legend(
        handles,
        words,
        loc="upper left",
        bbox_to_anchor=(0.065, 0.99),
        ncols=len(SOURCES) + 2,
        frameon=False,
        fontsize=TEXT,
        labelcolor=PRINT.ink,
        handlelength=2.2,
        columnspacing=1.5,
    )
    about = "How much worse than the best of all seeds the best finished picture is, against what was spent"
    drawing = Drawing(figure, NAME, about)
    write_bytes(folder / f"{NAME}.svg", drawing.saved("svg", PRINT.paper))
    write_bytes(folder / f"{NAME}.png", drawing.saved("png", PRINT.paper))


def _dress(axes: Axes, words: str) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(PRINT.rule)
    axes.set_xscale("log")
    axes.set_xlim(0.015, 0.8)
    axes.set_xticks(TICKS, [f"{100 * tick:.0f} %" for tick in TICKS])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=PRINT.rule, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=PRINT.muted, pad=5)
    axes.set_xlabel(words, color=PRINT.muted, fontsize=TEXT, labelpad=5)
