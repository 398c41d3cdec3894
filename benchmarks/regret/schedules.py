"""How seeds are chosen: after which steps how many are kept, what that costs, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.special import gammaln

from underpainting.findings.intervals import Floats
from underpainting.seeds.halving import going_on
from underpainting.seeds.lessons import Lesson

FINISHED = (1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 26, 32)
"""How many of 64 are finished; of fewer, those that are at most half of them."""

BEFORE = (((1, 1 / 2), (2, 1 / 4)), ((1, 1 / 2),), ((1, 1 / 4),), ((2, 1 / 4),))
"""First rounds of halving: steps, and the shares of all seeds that are kept after them."""

LAST = (3, 5)
"""Steps after which those that are to be finished are chosen from the rest."""


Stretch = tuple[int, int, int]
"""How many are denoised from one step to another, and looked at there: (from, to, how many)."""


@dataclass(frozen=True)
class Schedule:
    """(step, kept): after each of these steps, in order, so many are kept; the last ones are finished.

    Step 0 is before the first evaluation.
    """

    stages: tuple[tuple[int, int], ...]

    @property
    def finished(self) -> int:
        """How many are finished."""
        return self.stages[-1][1]

    @property
    def words(self) -> str:
        """Such as `32 after 1, 4 after 3`."""
        return ", ".join(f"{kept} after {step}" for step, kept in self.stages)

    def stretches(self, seeds: int) -> list[Stretch]:
        """What is denoised before the last choice."""
        steps, kept = zip(*self.stages, strict=True)
        return list(zip((0, *steps[:-1]), steps, (seeds, *kept[:-1]), strict=True))


def schedules(steps: Sequence[int], seeds: int) -> list[Schedule]:
    """What is tried where maps are predicted after these steps: one choice, or halving and a last choice."""
    finished = [kept for kept in FINISHED if kept <= seeds / 2]
    single = [Schedule(((step, kept),)) for step, kept in product(steps, finished)]
    halved = []
    for before, last, kept in product(BEFORE, LAST, finished):
        rounds = tuple((step, int(seeds * share)) for step, share in before)
        if {last, *(step for step, _ in rounds)} <= set(steps) and kept < rounds[-1][1]:
            halved.append(Schedule((*rounds, (last, kept))))
    return single + halved


@dataclass(frozen=True)
class Seconds:
    """Seconds a picture, measured in turn on one machine.

    begin: encoding its prompt and drawing its noise. step: a step. read: what the probes' readings at one
    step take, by source. decode, label: of a finished picture, or of a predicted clean one.
    """

    begin: float
    step: float
    read: Mapping[str, float]
    decode: float
    label: float


def evaluations(stretches: Sequence[Stretch], finished: int, seeds: int, steps: int) -> float:
    """Share of the steps that finishing all seeds takes."""
    spent = sum(count * (end - start) for start, end, count in stretches)
    return (spent + finished * (steps - stretches[-1][1])) / (seeds * steps)


def wall(
    stretches: Sequence[Stretch], finished: int, seeds: int, steps: int, seconds: Seconds, source: str
) -> float:
    """Share of the time that finishing all seeds takes: prompts are encoded anew whenever denoising goes on,
    maps are predicted of all that are alive, and all that are finished are decoded and labelled.
    """
    finish = seconds.decode + seconds.label
    spent = finished * (seconds.begin + (steps - stretches[-1][1]) * seconds.step + finish)
    for start, end, count in stretches:
        begun = seconds.begin + (end - start) * seconds.step if end else 0.0
        spent += count * (begun + seconds.read[source])
    return spent / (seeds * (seconds.begin + steps * seconds.step + finish))


def outcome(
    schedule: Schedule, predicted: Mapping[int, Floats], target: Floats, lots: Floats
) -> tuple[float, float]:
    """Target score of the best of those that are finished, and the mean of theirs.

    predicted: scores [seed] by step. target [seed]: scores of the finished pictures. lots [seed]: random
    numbers, by which equals are chosen between in early rounds; in the last it is the expectation over them.
    """
    alive = np.arange(len(target))
    for step, kept in schedule.stages[:-1]:
        alive = alive[np.lexsort((lots[alive], -predicted[step][alive]))[:kept]]
    step, finished = schedule.stages[-1]
    return best_of(predicted[step][alive], target[alive], finished)


def searched(
    predicted: Mapping[int, Floats], lessons: Mapping[int, Lesson], target: Floats, finished: int
) -> tuple[float, float, list[Stretch]]:
    """As `outcome`, and the stretches, where `seeds.halving.going_on` cuts at every step of some lessons, as
    a search does.
    """
    alive, stretches, reached = np.arange(len(target)), list[Stretch](), 0
    for step, lesson in sorted(lessons.items()):
        if len(alive) > finished:
            stretches.append((reached, step, len(alive)))
            alive, reached = (
                alive[going_on(torch.from_numpy(predicted[step][alive]), lesson, finished)],
                step,
            )
    best = target[alive[:finished]]
    return float(best.max()), float(best.mean()), stretches


def best_of(predicted: Floats, target: Floats, count: int) -> tuple[float, float]:
    """Expected best and mean target score [seed] of the `count` that are predicted best.

    Equals are drawn at random: of n values in rising order, the greatest of r drawn ones is the j-th with
    probability C(j - 1, r - 1) / C(n, r).
    """
    threshold = np.sort(predicted)[-count]
    sure, even = target[predicted > threshold], np.sort(target[predicted == threshold])
    drawn = count - len(sure)
    least = sure.max() if len(sure) else -np.inf
    below = np.arange(drawn - 1, len(even))
    chance = np.exp(
        _log_choose(below, drawn - 1) - _log_choose(np.array(len(even)), drawn)
    )  # of `even[below]`
    best = float((chance * np.maximum(even[below], least)).sum() / chance.sum())
    return best, float((sure.sum() + drawn * even.mean()) / count)


def _log_choose(n: np.ndarray, k: int) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), dtype=np.float64)
