"""The report's tables, one function each; figures and sentences are made from these."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np

from underpainting.controls import Panel, rivals, sources
from underpainting.findings.emergence import BEST
from underpainting.findings.intervals import Floats, Mean, means
from underpainting.report.contents import Contents
from underpainting.vocabulary import METRICS

MAIN = {"dice": ("dice",), "spearman": ("spearman", "pearson")}
FURTHER = {"dice": ("average_precision",), "spearman": ("spearman_centred", "pearson_centred")}
PARTS = {"dice": (), "spearman": ("spearman_object", "spearman_background")}
GAIN = "gain"
"""The probe less position alone, picture by picture, as a row of the score table."""


@dataclass(frozen=True)
class Topic:
    """A property with the layer and metric that its probes name (chosen on the calibrate split)."""

    name: str
    metric: str
    layer: str

    @property
    def kind(self) -> str:
        """`dice` for a mask, `spearman` for a continuous map."""
        return "dice" if self.metric == "dice" else "spearman"


@dataclass(frozen=True)
class ScoreRow:
    """A mean over test pictures; source `gain` is probe minus position only, picture by picture."""

    name: str
    layer: str
    step: int
    source: str
    metric: str
    estimate: Mean


@dataclass(frozen=True)
class LayerTable:
    """Mean score of the probe by layer and step: `means` [layer][step - 1], layers in network order."""

    name: str
    metric: str
    best_layer: str
    layers: tuple[str, ...]
    means: tuple[tuple[float, ...], ...]
    position: float
    ceiling: float


def topics(contents: Contents) -> tuple[Topic, ...]:
    """The properties; saliency, depth and shading first, then a user's own in the probes' order."""
    order = ("saliency", "depth", "shading")
    best = contents.probes.best
    names = [*(name for name in order if name in best), *(name for name in best if name not in order)]
    return tuple(Topic(name, best[name].metric, best[name].layer) for name in names)


def row_words() -> dict[str, str]:
    """Rows of the score table in words: sources that see all pictures, and the gain."""
    whole = {key: source.title for key, source in sources().items() if source.panel != "pictures"}
    return {**whole, GAIN: "probe less position alone"}


def score_table(contents: Contents) -> tuple[ScoreRow, ...]:
    """Every metric of every property at its best layer and the last step, of all sources that were scored."""
    rows: list[ScoreRow] = []
    known = {source for _, _, source in contents.scores.cubes}
    scored = [source for source in row_words() if source in known | {"probe", "position"}]
    for topic in topics(contents):
        for metric in METRICS:
            if (topic.name, metric, "probe") in contents.scores.cubes:
                at = {
                    source: contents.scores.at(topic.name, metric, source, topic.layer, contents.scores.steps)
                    for source in scored
                }
                at[GAIN] = at["probe"] - at["position"]
                rows += _rows(contents, topic, metric, contents.scores.steps, at)
    return tuple(rows)


def step_table(contents: Contents, panel: Panel = "probes") -> tuple[ScoreRow, ...]:
    """Main metric at the best layer by step: the probe, and the sources of one panel of the figures.

    Where those see only a part of the pictures, the probe is of the same part. Of a panel in which nothing
    was scored there is nothing, but for the probe in its own.
    """
    rows: list[ScoreRow] = []
    for topic in topics(contents):
        beside = [key for key in panel_sources(contents, panel) if key != "probe"]
        beside = [key for key in beside if (topic.name, topic.metric, key) in contents.scores.cubes]
        for step in range(1, contents.scores.steps + 1) if beside or panel == "probes" else ():
            at = {
                key: contents.scores.at(topic.name, topic.metric, key, topic.layer, step)
                for key in ("probe", *beside)
            }
            if panel == "pictures":
                seen = np.isfinite([at[key] for key in beside]).any(0)
                at["probe"] = np.where(seen, at["probe"], np.nan)
            rows += _rows(contents, topic, topic.metric, step, at)
    return tuple(rows)


def panel_sources(contents: Contents, panel: Panel) -> list[str]:
    """Sources of a panel that were scored, in the order of its legend."""
    scored = {source for _, _, source in contents.scores.cubes}
    return [key for key, source in sources().items() if source.panel == panel and key in scored]


@dataclass(frozen=True)
class Arrival:
    """From which step a source is at the common bar, and above the probe; None is not reached."""

    name: str
    source: str
    bar: tuple[int | None, int | None, int | None]
    above: tuple[int | None, int | None, int | None] | None


def arrivals(contents: Contents) -> tuple[Arrival, ...]:
    """When probe and rivals reach 0.9 of the probe's last score, at the emergence table's best layers."""
    steps = {
        (row["property"], row["source"], row["criterion"]): (row["step"], row["low"], row["high"])
        for row in contents.emergence
        if row["layer"] == BEST
    }
    return tuple(
        Arrival(topic.name, source, steps[key], steps.get((topic.name, source, "overtakes")))
        for topic in topics(contents)
        for source in rivals()
        if (key := (topic.name, source, "bar")) in steps
    )


def layer_table(contents: Contents) -> tuple[LayerTable, ...]:
    """Main metric of the probe by layer and step, a table a property."""
    scores = contents.scores
    tables = []
    for topic in topics(contents):
        cube = scores.cubes.get((topic.name, topic.metric, "probe"))
        if cube is None:
            continue
        level = {
            source: _mean(scores.at(topic.name, topic.metric, source, topic.layer, scores.steps))
            for source in ("position", "ceiling")
        }
        by_layer = tuple(tuple(_mean(cell) for cell in layer[1:]) for layer in cube)
        tables.append(LayerTable(topic.name, topic.metric, topic.layer, scores.layers, by_layer, **level))
    return tuple(tables)


def number(value: float, digits: int = 2) -> str:
    """A score for reading: fixed digits, a true minus sign, a dash where it is not defined."""
    if not np.isfinite(value):
        return "\u2014"
    text = f"{value:.{digits}f}"
    return text.replace("-", "\u2212") if float(text) else text.lstrip("-")


class Within(Protocol):
    """Anything with the ends of an interval."""

    @property
    def low(self) -> float:
        """Its lower end."""

    @property
    def high(self) -> float:
        """Its upper end."""


def interval(estimate: Within, digits: int = 2) -> str:
    """A 95 % interval for reading; empty where there is none."""
    if not np.isfinite(estimate.low):
        return ""
    return f"{number(estimate.low, digits)} to {number(estimate.high, digits)}"


def listing(layers: tuple[str, ...]) -> str:
    """Layers counted by part of the network, such as `6 down, 1 mid, 9 up`."""
    counted = (
        (part, len(list(group))) for part, group in groupby(layers, key=lambda name: name.split(".")[0])
    )
    return ", ".join(f"{count} {part}" for part, count in counted)


def _rows(
    contents: Contents, topic: Topic, metric: str, step: int, at: Mapping[str, Floats]
) -> list[ScoreRow]:
    figures = means(np.stack(list(at.values())), contents.scores.prompts)
    return [
        ScoreRow(topic.name, topic.layer, step, source, metric, figure)
        for source, figure in zip(at, figures, strict=True)
    ]


def _mean(values: Floats) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else float("nan")
