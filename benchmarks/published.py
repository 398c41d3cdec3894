"""Against the published procedure: how much faster, and whether our probes score better.

`python -m benchmarks.published`. The published procedure makes every picture anew, from noise up to the
step, for each step, block and property, and trains each probe by 30 epochs of Adam. Here its loop runs for
two blocks and three steps; the whole is counted exactly and extrapolated. Regeneration is timed once for
each step value, on some of the pictures: copies for other blocks and properties would repeat it. In its
favour, its pictures are made in our batches, its activations are not written and read, its first generation
and labels are not counted. Ours is what a study does: every layer and step at once, labels, moments with
shuffled twins, all probes solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Any

import typer

from benchmarks.counting import BATCH, EPOCHS, block, evaluations, iterations
from benchmarks.known import BRANCH, Known, held_out_score
from benchmarks.subject import MODEL, batches, make, rows, still_life
from benchmarks.timing import seconds
from underpainting.cli._screen import table
from underpainting.diffusion import Layer, StepRecord
from underpainting.probes import Probe, train_gradient_probe
from underpainting.study.environment import Loaded
from underpainting.study.kept.totals import empty_totals, solve
from underpainting.study.places import Places
from underpainting.study.recorders import Held
from underpainting.study.request.config import ProbesConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import Place

BLOCKS, STEPS = ("mid", "up.3"), (1, 8, 15)


def measure(
    pictures: int = 100, calibrate: int = 16, test: int = 32, regenerated: int = 16
) -> dict[str, float]:
    """Measure speed on `pictures` to fit, agreement on `test` others, regeneration on `regenerated`."""
    loaded = still_life()
    layers = [layer for layer in loaded.places.watched if block(layer.name) in BLOCKS]
    fit, others = rows(pictures), rows(calibrate + test, first=pictures)

    known, probes = Known(layers, STEPS), dict[Place, Probe]()
    ours = seconds(lambda: probes.update(fit_probes(loaded, fit, known)))
    judges = [look_on(loaded, some, layers) for some in (others[:calibrate], others[calibrate:])]
    again = seconds(lambda: [regenerate(loaded, fit[:regenerated], layers, step) for step in STEPS])
    trained: dict[tuple[Place, str], Probe] = {}
    training = seconds(lambda: trained.update(train_probes(known, layers, loaded.places)))

    speedup = show_costs(
        loaded.places, pictures, ours, (regenerated * sum(STEPS), again), (len(trained), training)
    )
    differences = show_scores(judges, layers, loaded.places, probes, trained)
    return {"published_speedup": speedup} | {
        f"published_{metric}_difference": mean(of) for metric, of in differences.items()
    }


def fit_probes(loaded: Loaded, pictures: Sequence[PromptRow], known: Known) -> dict[Place, Probe]:
    """Ours: all probes in one pass over the pictures; what the published probes need is kept."""
    totals = empty_totals(loaded.places)
    for batch in batches(pictures):
        held = Held(loaded.places)

        def look(record: StepRecord, held: Held = held) -> None:
            held.look(record)
            known.look(record)

        labels = make(loaded, batch, look).labels
        held.add_to(totals, labels)
        known.label(labels)
    return solve(totals, loaded.places, ProbesConfig().strengths)


def look_on(loaded: Loaded, pictures: Sequence[PromptRow], layers: Sequence[Layer]) -> Known:
    """Make pictures that judge the probes."""
    known = Known(layers, STEPS)
    for batch in batches(pictures):
        known.label(make(loaded, batch, known.look).labels)
    return known


def regenerate(loaded: Loaded, pictures: Sequence[PromptRow], layers: Sequence[Layer], step: int) -> None:
    """Published: make pictures anew from noise up to a step, with one block watched."""
    watch = [layer for layer in layers if block(layer.name) == BLOCKS[-1]]
    for batch in batches(pictures):
        loaded.model.denoise(
            [row.prompt for row in batch],
            [row.seed for row in batch],
            steps=MODEL.steps,
            guidance_scale=MODEL.guidance_scale,
            watch=watch,
            stop_after=step,
        )


def train_probes(known: Known, layers: Sequence[Layer], places: Places) -> dict[tuple[Place, str], Probe]:
    """Published: train the probes of the layers at three steps, for every property."""
    trained = {}
    for layer in layers:
        for step in STEPS:
            x = known.activations(layer, step)
            for of in places.properties:
                kind: Any = of.name
                y = known.labels(of)
                probe = train_gradient_probe(x, y, kind, grid=layer.grid, epochs=EPOCHS, batch=BATCH)
                trained[Place(layer.name, step, BRANCH), of.name] = probe
    return trained


def show_costs(
    places: Places, pictures: int, ours: float, again: tuple[int, float], training: tuple[int, float]
) -> float:
    """Print measured and extrapolated costs; returns published over ours.

    again: evaluations and seconds of the regeneration that was run. training: probes and seconds likewise.
    """
    blocks = len({block(layer.name) for layer in places.watched})
    anew = evaluations(pictures, blocks, places.steps, len(places.properties))
    run = iterations(pictures, training[0])
    every = iterations(pictures, len(places.watched) * places.steps * len(places.properties))
    regeneration, trained = again[1] / again[0] * anew, training[1] / run * every
    own = pictures * places.steps
    table(
        ["part", "unit", "measured", "measured s", "whole", "whole s (extrapolated)"],
        [
            ["published: regeneration", "evaluations", again[0], again[1], anew, regeneration],
            ["published: training", "Adam iterations", run, training[1], every, trained],
            ["ours: all of it (measured)", "evaluations", own, ours, own, ours],
        ],
    )
    speedup = (regeneration + trained) / ours
    alone = regeneration / ours
    print(f"{pictures} pictures: published over ours {speedup:.0f}, by regeneration alone {alone:.0f}")
    return speedup


def show_scores(
    judges: Sequence[Known],
    layers: Sequence[Layer],
    places: Places,
    probes: dict[Place, Probe],
    trained: dict[tuple[Place, str], Probe],
) -> dict[str, list[float]]:
    """Print scores on test pictures, chosen for on calibrate pictures; returns ours minus published."""
    shown: list[list[object]] = []
    differences: dict[str, list[float]] = {"dice": [], "rank": []}
    for layer in layers:
        for step in STEPS:
            place = Place(layer.name, step, BRANCH)
            xs = [judge.activations(layer, step) for judge in judges]
            for k, of in enumerate(places.properties):
                labels = [judge.labels(of) for judge in judges]
                own = [probes[place].apply(x)[..., 0, k].movedim(-1, 0) for x in xs]  # by strength
                theirs = [trained[place, of.name].apply(x)[None] for x in xs]
                a, b = (held_out_score(maps, labels, layer.grid, of.binary) for maps in (own, theirs))
                metric = "dice" if of.binary else "rank"
                differences[metric].append(a - b)
                shown.append([layer.name, step, of.name, metric, a, b, a - b])
    table(["layer", "step", "property", "metric", "ours", "published", "difference"], shown)
    return differences


if __name__ == "__main__":
    typer.run(measure)
