"""The report's tables, one function each; figures and sentences are made from these."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np

from underpainting.findings.table import LOOKS, READERS
from underpainting.report.intervals import Estimate, estimates
from underpainting.report.reading import Study
from underpainting.vocabulary import METRICS, SOURCES

MAIN = {"dice": ("dice",), "spearman": ("spearman", "pearson")}
FURTHER = {"dice": ("average_precision",), "spearman": ("spearman_centred", "pearson_centred")}
PARTS = {"dice": (), "spearman": ("spearman_object", "spearman_background")}
ROWS = {
    **{source: words for source, words in SOURCES.items() if not source.startswith("estimator:")},
    "gain": "probe less position alone",
}
"""Rows of the score table; `gain` is taken picture by picture."""
SCORED = tuple(source for source in ROWS if source != "gain")
BY_STEP = ("probe", "position", "shuffled", "latents:noisy", "latents:clean", "ceiling")
NETWORKS = (
    "unconditional",
    "network:clean",
    "network:noisy",
    "decoder",
    "permuted",
    "fresh",
    "permuted-own",
    "fresh-own",
)


@dataclass(frozen=True)
class Property:
    """A property with the layer and metric that its card names (chosen on the calibrate split)."""

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
    estimate: Estimate


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


def properties(study: Study) -> tuple[Property, ...]:
    """The card's properties; saliency, depth and shading first, then a user's own in the card's order."""
    order = ("saliency", "depth", "shading")
    named = study.card["properties"]
    names = [*(name for name in order if name in named), *(name for name in named if name not in order)]
    return tuple(Property(name, named[name]["metric"], named[name]["best_layer"]) for name in names)


def score_table(study: Study) -> tuple[ScoreRow, ...]:
    """Every metric and source of every property at its best layer and the last step."""
    rows = []
    for found in properties(study):
        for metric in METRICS:
            if (found.name, metric, "probe") in study.scores.cubes:
                rows += _rows(study, found, metric, study.scores.steps, tuple(ROWS))
    return tuple(rows)


def step_table(study: Study) -> tuple[ScoreRow, ...]:
    """Main metric at the best layer by step: the probe, its controls, and the lines they run between."""
    rows = []
    for found in properties(study):
        for step in range(1, study.scores.steps + 1):
            rows += _rows(study, found, found.metric, step, BY_STEP)
    return tuple(rows)


def look_table(study: Study) -> tuple[ScoreRow, ...]:
    """Main metric by step of estimators that look at every step, and of the probe on the same pictures."""
    rows = []
    for found in properties(study):
        for step in range(1, study.scores.steps + 1):
            at = {
                source: study.scores.at(found.name, found.metric, source, found.layer, step)
                for source in ("probe", *LOOKS)
            }
            seen = np.isfinite([at[source] for source in LOOKS]).any(0)
            at["probe"] = np.where(seen, at["probe"], np.nan)
            if seen.any():
                rows += _score_rows(study, found, found.metric, step, at)
    return tuple(rows)


def network_table(study: Study) -> tuple[ScoreRow, ...]:
    """Main metric at the best layer by step of the probe, and of the same read off other networks."""
    rows = []
    for found in properties(study):
        present = [of for of in NETWORKS if (found.name, found.metric, of) in study.scores.cubes]
        for step in range(1, study.scores.steps + 1) if present else ():
            rows += _rows(study, found, found.metric, step, ("probe", *present))
    return tuple(rows)


@dataclass(frozen=True)
class Arrival:
    """From which step a reader is at the common bar, and above the probe; None is not reached."""

    name: str
    reader: str
    bar: tuple[int | None, int | None, int | None]
    above: tuple[int | None, int | None, int | None] | None


def arrivals(study: Study) -> tuple[Arrival, ...]:
    """When probe and opponents reach 0.9 of the probe's last score, at the emergence table's best layers."""
    of = {
        (row["property"], row["source"], row["criterion"]): (row["step"], row["low"], row["high"])
        for row in study.emergence
        if row["layer"] == "best"
    }
    return tuple(
        Arrival(found.name, source, of[key], of.get((found.name, source, "overtakes")))
        for found in properties(study)
        for source in READERS
        if (key := (found.name, source, "bar")) in of
    )


def layer_table(study: Study) -> tuple[LayerTable, ...]:
    """Main metric of the probe by layer and step, a table a property."""
    scores = study.scores
    tables = []
    for found in properties(study):
        cube = scores.cubes.get((found.name, found.metric, "probe"))
        if cube is None:
            continue
        level = {
            source: _mean(scores.at(found.name, found.metric, source, found.layer, scores.steps))
            for source in ("position", "ceiling")
        }
        means = tuple(tuple(_mean(cell) for cell in layer[1:]) for layer in cube)
        tables.append(LayerTable(found.name, found.metric, found.layer, scores.layers, means, **level))
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


def _rows(study: Study, found: Property, metric: str, step: int, sources: tuple[str, ...]) -> list[ScoreRow]:
    scores = study.scores
    at = {source: scores.at(found.name, metric, source, found.layer, step) for source in SCORED}
    at["gain"] = at["probe"] - at["position"]
    return _score_rows(study, found, metric, step, {source: at[source] for source in sources})


def _score_rows(
    study: Study, found: Property, metric: str, step: int, at: Mapping[str, np.ndarray]
) -> list[ScoreRow]:
    made = estimates(np.stack(list(at.values())), study.scores.prompts)
    return [
        ScoreRow(found.name, found.layer, step, source, metric, estimate)
        for source, estimate in zip(at, made, strict=True)
    ]


def _mean(values: np.ndarray) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else float("nan")
