"""Studies side by side: scores at each one's own best layers, and differences on the prompts they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from underpainting.errors import UnderpaintingError
from underpainting.findings.cubes import Scores
from underpainting.findings.intervals import Floats, mean

METRICS = ("dice", "average_precision", "spearman", "spearman_centred", "spearman_object")


@dataclass(frozen=True)
class Side:
    """One study: its test scores, and for each property the best layer."""

    scores: Scores
    layers: Mapping[str, str]


@dataclass(frozen=True)
class Compared:
    """A study's mean score at a step and its 95 % interval; and its difference from the first study.

    The difference is of prompts' means over the prompts that both have (`shared`), with a paired interval;
    None where they share fewer than two.
    """

    property: str
    metric: str
    study: str
    layer: str
    pictures: int
    mean: float
    low: float
    high: float
    shared: int
    difference: float | None
    difference_low: float | None
    difference_high: float | None


def compare(sides: Mapping[str, Side], step: int | None = None) -> list[Compared]:
    """Compare studies, property by property and metric by metric, with the first one.

    step: from 1; each study's last one if not given. Raises UnderpaintingError where a study has none such.
    """
    for study, side in sides.items():
        if step is not None and not 1 <= step <= side.scores.steps:
            raise UnderpaintingError(f"step {step}: {study} has steps from 1 to {side.scores.steps}")
    first = next(iter(sides.values()))
    names = dict.fromkeys(name for side in sides.values() for name in side.layers)
    return [
        _compared(name, metric, study, side, first, step)
        for name in names
        for metric in METRICS
        for study, side in sides.items()
        if name in side.layers and (name, metric, "probe") in side.scores.cubes
    ]


def _compared(name: str, metric: str, study: str, side: Side, first: Side, step: int | None) -> Compared:
    values = _values(side, name, metric, step)
    difference: tuple[float | None, float | None, float | None] = (None, None, None)
    shared = 0
    if side is not first and (name, metric, "probe") in first.scores.cubes and name in first.layers:
        mine, other = _by_prompt(side, values), _by_prompt(first, _values(first, name, metric, step))
        both = [text for text in mine if text in other]
        shared = len(both)
        if shared > 1:
            change = np.array([mine[text] - other[text] for text in both])
            difference = mean(change, np.arange(shared)).within
    own = mean(values, side.scores.prompts)
    about = (name, metric, study, side.layers[name], own.pictures, *own.within)
    return Compared(*about, shared, *difference)


def _values(side: Side, name: str, metric: str, step: int | None) -> Floats:
    return side.scores.at(name, metric, "probe", side.layers[name], step or side.scores.steps)


def _by_prompt(side: Side, values: Floats) -> dict[str, float]:
    """Mean value of every prompt that has one, by the prompt's text."""
    means = {}
    for number, text in enumerate(side.scores.texts):
        here = values[(side.scores.prompts == number) & np.isfinite(values)]
        if len(here):
            means[text] = float(here.mean())
    return means
