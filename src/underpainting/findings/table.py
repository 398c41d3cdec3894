"""The table of emergence: every property, layer and source, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from underpainting.findings.cubes import Scores
from underpainting.findings.draws import Floats, cluster_draws, drawn_means
from underpainting.findings.emergence import (
    SHARE,
    at_bar,
    best_layers,
    emergence,
    of_layer,
    step_estimate,
)
from underpainting.records import EMERGENCE, make_table

SOURCES = ("probe", "shuffled", "latents:noisy", "latents:clean")
BEST = "best"


def emergence_table(
    test: Scores, calibrate: Scores, metrics: Mapping[str, str], share: float = SHARE
) -> pa.Table:
    """When each property emerges, in every layer and in the one chosen on calibrate pictures.

    metrics: the main metric of each property. The first row of each draw is the sample itself; the others
    resample prompts, of test and of calibrate pictures apart.
    """
    drawn = {"test": _draws(test, 0), "calibrate": _draws(calibrate, 1)}
    rows = [
        (name, layer, source, criterion, share, *found)
        for name, metric in metrics.items()
        for layer, source, criterion, found in _rows(test, calibrate, name, metric, share, drawn)
    ]
    columns = dict(zip(EMERGENCE.names, zip(*rows, strict=True), strict=True))
    return make_table(EMERGENCE, {name: list(values) for name, values in columns.items()})


def _draws(scores: Scores, seed: int) -> NDArray[np.int64]:
    itself = np.ones((1, len(scores.images)), np.int64)
    return np.concatenate([itself, cluster_draws(scores.prompts, seed=seed)])


Found = tuple[int | None, int | None, int | None, float]


def _rows(
    test: Scores,
    calibrate: Scores,
    name: str,
    metric: str,
    share: float,
    drawn: Mapping[str, NDArray[np.int64]],
) -> Iterator[tuple[str, str, str, Found]]:
    curves = {
        source: drawn_means(test.cubes[name, metric, source][:, 1:], drawn["test"])
        for source in SOURCES
        if (name, metric, source) in test.cubes
    }  # [draw, layer, step]
    floor = drawn_means(test.cubes[name, metric, "position"][:, 0], drawn["test"])  # [draw, layer]
    chosen = best_layers(drawn_means(calibrate.cubes[name, metric, "probe"][:, 1:], drawn["calibrate"]))
    places: list[tuple[str, dict[str, Floats], Floats]] = [
        (layer, {source: of[:, i] for source, of in curves.items()}, floor[:, i])
        for i, layer in enumerate(test.layers)
    ]
    best = {source: of_layer(of, chosen) for source, of in curves.items()}
    places.append((BEST, best, floor[np.arange(len(floor)), chosen]))
    for layer, of, position in places:
        bar = share * of["probe"][..., -1]
        for source, curve in of.items():
            for criterion, steps in (
                ("emergence", emergence(curve, position, share)),
                ("bar", at_bar(curve, bar)),
            ):
                found = step_estimate(int(steps[0]), steps[1:], test.steps)
                yield layer, source, criterion, (found.step, found.low, found.high, found.reached)
