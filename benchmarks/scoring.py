"""What scoring a test picture costs beside making it.

`python -m benchmarks.scoring`: every metric of every layer and step, for probes and shuffled probes, raw and
with position taken out, with position only and the grid's ceiling, as a study's test phase computes them.
"""

from __future__ import annotations

import torch
import typer

from benchmarks.subject import BATCH, bare, make, rows, still_life
from benchmarks.timing import interleaved, ratio
from underpainting.cli._screen import table
from underpainting.probes import Scorer
from underpainting.study.kept.scores import ceiling_scores, position_scores, probe_scores
from underpainting.study.kept.totals import empty_totals, solve
from underpainting.study.places import TARGETS
from underpainting.study.recorders import Held, Readings

STRENGTH = 1e-2


def measure(pictures: int = BATCH, repeats: int = 3) -> dict[str, float]:
    """Measure scoring_share on a batch of `pictures`, `repeats` times, with probes of one fit batch."""
    loaded = still_life()
    places = loaded.places
    totals = empty_totals(places)
    fit, test = rows(pictures), rows(pictures, first=pictures)
    held = Held(places)
    held.add_to(totals, make(loaded, fit, held.look).labels)
    probes = {place: probe.pick(0) for place, probe in solve(totals, places, (STRENGTH,)).items()}
    known = Readings(places, probes, pictures)
    make(loaded, fit, known.look)
    means = {layer: read.mean(0) for layer, read in known.maps.items()}  # probes are linear: the mean reading
    positions = totals.positions
    half = torch.full(places.shape, 0.5, dtype=torch.float64)
    binary = [of.name for of in places.properties if of.binary]
    thresholds = {(target, name): half for target in TARGETS for name in binary}
    cuts = {name: half[:, 0, 0] for name in binary}
    readings = Readings(places, probes, pictures)
    labels = make(loaded, test, readings.look).labels

    def score() -> None:
        scorer = Scorer(labels, places.properties, positions)
        probe_scores(scorer, readings.maps, places, thresholds, means)
        position_scores(scorer, places, positions, pictures, cuts)
        ceiling_scores(scorer, places)

    times = interleaved({"generation": lambda: bare(loaded, test), "all metrics": score}, repeats)
    share = ratio(times["all metrics"], times["generation"])
    table(
        ["a test picture", "least s", "over generation"],
        [
            ["generation, bare pipeline", min(times["generation"]) / pictures, 1.0],
            ["all metrics", min(times["all metrics"]) / pictures, share],
        ],
    )
    return {"scoring_share": share}


if __name__ == "__main__":
    typer.run(measure)
