"""What scoring a test picture costs beside making it.

`python -m benchmarks.scoring`: every metric of every layer and step, for probes and shuffled probes, raw and
with position taken out, with position only and the grid's ceiling, as a study's test phase computes them.
"""

from __future__ import annotations

import torch
import typer

from benchmarks.subject import BATCH, bare, make, rows, still_life
from benchmarks.timing import interleaved, ratio
from underpainting.cli.show import table
from underpainting.study.fitting import Held, empty_sums, label_means, solve
from underpainting.study.places import SOURCES
from underpainting.study.reading import Readings
from underpainting.study.scoring import ceiling_scores, position_scores, test_scores

STRENGTH = 1e-2


def measure(pictures: int = BATCH, repeats: int = 3) -> dict[str, float]:
    """Measure scoring_share on a batch of `pictures`, `repeats` times, with probes of one fit batch."""
    workshop = still_life()
    places = workshop.places
    sums = empty_sums(places)
    fit, test = rows(pictures), rows(pictures, first=pictures)
    held = Held(places)
    held.add_to(sums, make(workshop, fit, held.look).labels)
    readers = solve(sums, places, (STRENGTH,))
    known = Readings(places, readers, pictures)
    make(workshop, fit, known.look)
    means = {layer: read.mean(0) for layer, read in known.maps.items()}  # probes are linear: the mean reading
    positions = label_means(sums, places)
    shape = (len(places.layers), places.steps, len(places.branches), len(SOURCES))
    thresholds = {p.name: torch.full(shape, 0.5, dtype=torch.float64) for p in places.properties if p.binary}
    cuts = {p.name: torch.full(shape[:1], 0.5, dtype=torch.float64) for p in places.properties if p.binary}
    readings = Readings(places, readers, pictures)
    labels = make(workshop, test, readings.look).labels

    def score() -> None:
        test_scores(readings.maps, labels, places, thresholds, means, positions)
        position_scores(labels, places, positions, cuts)
        ceiling_scores(labels, places, positions)

    times = interleaved({"generation": lambda: bare(workshop, test), "all metrics": score}, repeats)
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
