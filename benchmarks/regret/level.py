"""What the intervals of regret do where the answer is known: two sources that predict equally well.

`python -m benchmarks.regret.level`: simulated tables, in which prompts differ in how well they are predicted.
How often the probe's regret is called smaller or larger than that of a source like it, at equal evaluations;
how often the interval of a ratio holds the mean of all simulations.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from benchmarks.regret.analyse import EQUAL
from benchmarks.regret.curves import curve, interval, points
from benchmarks.regret.schedules import Seconds
from benchmarks.regret.scores import Table
from underpainting.cli._screen import table

STEPS, SEEDS, WISHES = 15, 32, 3
ALIKE = Seconds(0.0, 1.0, {"random": 0.0, "noise": 0.0, "estimator": 0.0, "probe": 0.0}, 0.0, 0.0)


def made_up(rng: np.random.Generator, prompts: int) -> Table:
    """Scores in 0..1, and predictions of them that are the better the later; the noise says nothing."""
    target = rng.beta(2.0, 1.5, (WISHES, prompts, SEEDS))
    unsure = rng.gamma(4.0, 0.1, (WISHES, prompts, 1))
    predicted = {("random", 0): np.zeros_like(target), ("noise", 0): rng.random(target.shape)}
    for source in ("estimator", "probe"):
        for step in range(1, 6):
            predicted[source, step] = target + unsure / step * rng.normal(0, 1, target.shape)
    return Table(("",) * WISHES, target, predicted, {})


def main(
    repeats: Annotated[int, typer.Option(help="Simulated collections of each size.")] = 100,
) -> None:
    """Simulate, and print the shares."""
    rng, rows = np.random.default_rng(0), []
    for prompts in (20, 40):
        apart, ratios = [], []
        for _ in range(repeats):
            tried = points(made_up(rng, prompts), STEPS, ALIKE)
            lines = [
                curve([point for point in tried if point.source == source], "evaluations", EQUAL)
                for source in ("probe", "estimator")
            ]
            apart.append(interval((lines[0] - lines[1])[1:].mean(0)))
            goal = next(of for of in tried if (of.source, of.words) == ("probe", "3 after 2"))
            ratios.append(interval(goal.by_prompt("ratio")))
        truth = np.mean([of.mean for of in ratios])
        wrong = float(np.mean([not of.low <= 0 <= of.high for of in apart]))
        holds = float(np.mean([of.low <= truth <= of.high for of in ratios]))
        rows += [
            [prompts, "regret of a source like the probe: called smaller or larger", wrong, "0.05"],
            [prompts, "ratio: the interval holds the truth", holds, "0.95"],
        ]
    table(["prompts", f"of {repeats} simulations", "share", "wanted"], rows)


if __name__ == "__main__":
    typer.run(main)
