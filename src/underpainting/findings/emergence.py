"""The table of emergence: every property, layer and source, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from underpainting.controls import rivals, sources
from underpainting.findings.cubes import Scores, best_layers, of_layer
from underpainting.findings.intervals import Floats, cluster_draws, drawn_means
from underpainting.findings.steps import SHARE, Steps, crossing, on_the_way, overtaken, rising, step_estimate
from underpainting.records import EMERGENCE, make_table

BEST = "best"


def emergence_table(
    test: Scores, calibrate: Scores, metrics: Mapping[str, str], share: float = SHARE
) -> pa.Table:
    """When each property emerges, in every layer and in the one chosen on calibrate pictures.

    metrics: the main metric of each property. Sources that belong to no layer stand beside the best one.
    The first row of each draw is the sample itself; the others resample prompts, of test and of calibrate
    pictures apart.
    """
    drawn = {"test": _draws(test, 0), "calibrate": _draws(calibrate, 1)}
    rows = [
        (name, layer, source, criterion, share, *estimate)
        for name, metric in metrics.items()
        for layer, source, criterion, estimate in _rows(test, calibrate, name, metric, share, drawn)
    ]
    columns = dict(zip(EMERGENCE.names, zip(*rows, strict=True), strict=True))
    return make_table(EMERGENCE, {name: list(values) for name, values in columns.items()})


def _draws(scores: Scores, seed: int) -> NDArray[np.int64]:
    itself = np.ones((1, len(scores.images)), np.int64)
    return np.concatenate([itself, cluster_draws(scores.prompts, seed=seed)])


Estimate = tuple[int | None, int | None, int | None, float]
"""A step, the ends of its interval, and the share of the draws that reach it."""


def _rows(
    test: Scores,
    calibrate: Scores,
    name: str,
    metric: str,
    share: float,
    drawn: Mapping[str, NDArray[np.int64]],
) -> Iterator[tuple[str, str, str, Estimate]]:
    cubes = {
        key: test.cubes[name, metric, key]
        for key, source in sources().items()
        if source.has_step and (name, metric, key) in test.cubes
    }
    curves = {source: drawn_means(cube[:, 1:], drawn["test"]) for source, cube in cubes.items()}
    floor = drawn_means(test.cubes[name, metric, "position"][:, 0], drawn["test"])  # [draw, layer]
    chosen = best_layers(drawn_means(calibrate.cubes[name, metric, "probe"][:, 1:], drawn["calibrate"]))
    layered = [source for source in curves if sources()[source].has_layer]
    places: list[tuple[str, dict[str, Floats], Floats]] = [
        (layer, {source: curves[source][:, i] for source in layered}, floor[:, i])
        for i, layer in enumerate(test.layers)
    ]
    best = {source: of_layer(curve, chosen) for source, curve in curves.items()}  # [draw, step]
    places.append((BEST, best, floor[np.arange(len(floor)), chosen]))
    for layer, at_layer, position in places:
        bar = share * at_layer["probe"][..., -1]
        for source, curve in at_layer.items():
            risen = rising(curve)
            yield layer, source, "emergence", _estimate(on_the_way(risen, position, share), test.steps)
            yield layer, source, "bar", _estimate(crossing(risen, bar), test.steps)
    for source in rivals():
        if source in cubes and source != "probe":  # on the pictures that the rival has seen
            shared = np.where(np.isfinite(cubes[source]), cubes["probe"], np.nan)
            probe = of_layer(drawn_means(shared[:, 1:], drawn["test"]), chosen)
            yield BEST, source, "overtakes", _estimate(overtaken(best[source], probe), test.steps)


def _estimate(steps: Steps, last: int) -> Estimate:
    estimate = step_estimate(int(steps[0]), steps[1:], last)
    return estimate.step, estimate.low, estimate.high, estimate.reached
