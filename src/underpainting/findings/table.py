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
    Steps,
    at_bar,
    best_layers,
    emergence,
    of_layer,
    overtaken,
    step_estimate,
)
from underpainting.records import EMERGENCE, make_table

READERS = (
    "probe",
    "unconditional",
    "latents:noisy",
    "latents:clean",
    "decoder",
    "permuted",
    "fresh",
    "permuted-own",
    "fresh-own",
    "network:noisy",
    "network:clean",
    "estimator:noisy",
    "estimator:scaled",
    "estimator:clean",
)
"""Sources that read a property at every step."""

LOOKS = tuple(source for source in READERS if source.startswith("estimator:"))
OF_LAYERS = (*(of for of in READERS if of.partition(":")[0] not in ("network", "estimator")), "shuffled")
ALL = tuple(dict.fromkeys((*OF_LAYERS, *READERS)))
BEST = "best"


def emergence_table(
    test: Scores, calibrate: Scores, metrics: Mapping[str, str], share: float = SHARE
) -> pa.Table:
    """When each property emerges, in every layer and in the one chosen on calibrate pictures.

    metrics: the main metric of each property. Opponents that belong to no layer stand beside the best one.
    The first row of each draw is the sample itself; the others resample prompts, of test and of calibrate
    pictures apart.
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
    cubes = {source: test.cubes[key] for source in ALL if (key := (name, metric, source)) in test.cubes}
    curves = {source: drawn_means(cube[:, 1:], drawn["test"]) for source, cube in cubes.items()}
    floor = drawn_means(test.cubes[name, metric, "position"][:, 0], drawn["test"])  # [draw, layer]
    chosen = best_layers(drawn_means(calibrate.cubes[name, metric, "probe"][:, 1:], drawn["calibrate"]))
    places: list[tuple[str, dict[str, Floats], Floats]] = [
        (layer, {source: of[:, i] for source, of in curves.items() if source in OF_LAYERS}, floor[:, i])
        for i, layer in enumerate(test.layers)
    ]
    best = {source: of_layer(of, chosen) for source, of in curves.items()}  # [draw, step]
    places.append((BEST, best, floor[np.arange(len(floor)), chosen]))
    for layer, of, position in places:
        bar = share * of["probe"][..., -1]
        for source, curve in of.items():
            yield layer, source, "emergence", _found(emergence(curve, position, share), test.steps)
            yield layer, source, "bar", _found(at_bar(curve, bar), test.steps)
    for source in READERS:
        if source in cubes and source != "probe":  # on the pictures that the opponent has seen
            shared = np.where(np.isfinite(cubes[source]), cubes["probe"], np.nan)
            probe = of_layer(drawn_means(shared[:, 1:], drawn["test"]), chosen)
            yield BEST, source, "overtakes", _found(overtaken(best[source], probe), test.steps)


def _found(steps: Steps, last: int) -> Found:
    found = step_estimate(int(steps[0]), steps[1:], last)
    return found.step, found.low, found.high, found.reached
