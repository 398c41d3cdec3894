"""Regret against cost: what each schedule of each source comes to, and curves through the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.schedules import (
    Schedule,
    Seconds,
    Stretch,
    evaluations,
    outcome,
    schedules,
    searched,
    wall,
)
from benchmarks.regret.scores import Table
from underpainting.findings.intervals import Floats, Mean, means

SOURCES = ("random", "noise", "estimator", "probe")
MEASURES = ("ratio", "regret", "difference", "gain", "kept")
COSTS = ("evaluations", "wall")

GOALS = ((0.22, 2, 0.95), (0.11, 1, 0.90))
"""At this share of the evaluations, where seeds are chosen after this step, the ratio is to be at least so
much."""


SEARCHED = (1, 2, 4, 6, 13)
"""How many a search finishes of 64, which chooses itself when to drop how many."""


@dataclass(frozen=True)
class Point:
    """One schedule of one source, in words: its costs, and each of `MEASURES`, [wish, prompt].

    The costs of a search, which are another one's with each wish and prompt, are means.
    """

    source: str
    words: str
    is_search: bool
    cost: Mapping[str, float]
    values: Mapping[str, Floats]

    def by_prompt(self, measure: str) -> Floats:
        """The mean over wishes, [prompt]; NaN where it is not defined for any."""
        values = self.values[measure]
        known = np.isfinite(values)
        total = np.where(known, values, 0.0).sum(0)
        return _over(total, known.sum(0).astype(np.float64))


def points(table: Table, steps: int, seconds: Seconds) -> list[Point]:
    """Every schedule of every source, for pictures of so many steps, and searches where there are lessons."""
    seeds, tried = table.target.shape[-1], []
    for source in SOURCES:
        predicted = table.of_source(source)
        goals = [goal_schedule(share, step, tuple(predicted), seeds, steps) for share, step, _ in GOALS]
        for schedule in dict.fromkeys([*schedules(tuple(predicted), seeds), *goals]):
            cost = _cost([schedule.stretches(seeds)], schedule.finished, seeds, steps, seconds, source)
            values = measures(*_outcomes(schedule, predicted, table.target), schedule.finished, table.target)
            tried.append(Point(source, schedule.words, False, cost, values))
        if source in table.lessons and 0 not in predicted:
            tried += [_search(table, source, n, steps, seconds) for n in SEARCHED if n <= seeds / 2]
    return tried


def _outcomes(schedule: Schedule, predicted: Mapping[int, Floats], target: Floats) -> tuple[Floats, Floats]:
    """Best and mean target score of the finished, [wish, prompt]."""
    lots = np.random.default_rng(0).random(target.shape)
    best, mean = np.empty(target.shape[:2]), np.empty(target.shape[:2])
    for index in np.ndindex(target.shape[:2]):
        own = {step: of[index] for step, of in predicted.items()}
        best[index], mean[index] = outcome(schedule, own, target[index], lots[index])
    return best, mean


def _search(table: Table, source: str, finished: int, steps: int, seconds: Seconds) -> Point:
    """What searches come to that finish so many."""
    predicted, target = table.of_source(source), table.target
    best, mean, stretches = np.empty(target.shape[:2]), np.empty(target.shape[:2]), []
    for i, j in np.ndindex(target.shape[:2]):
        own = {step: of[i, j] for step, of in predicted.items()}
        best[i, j], mean[i, j], spent = searched(own, table.lessons[source][i][j], target[i, j], finished)
        stretches.append(spent)
    cost = _cost(stretches, finished, target.shape[-1], steps, seconds, source)
    return Point(source, f"search, {finished} finished", True, cost, measures(best, mean, finished, target))


def _cost(
    runs: Sequence[Sequence[Stretch]], finished: int, seeds: int, steps: int, seconds: Seconds, source: str
) -> dict[str, float]:
    """Mean costs of some runs."""
    return {
        "evaluations": fmean(evaluations(run, finished, seeds, steps) for run in runs),
        "wall": fmean(wall(run, finished, seeds, steps, seconds, source) for run in runs),
    }


def goal_schedule(share: float, step: int, known: Sequence[int], seeds: int, steps: int) -> Schedule:
    """What spends about a share of the evaluations, choosing after a step, or before any where a source
    predicts nothing then.
    """
    step = step if step in known else known[0]
    return Schedule(((step, max(1, round(seeds * (share * steps - step) / (steps - step)))),))


def measures(best: Floats, mean: Floats, finished: int, target: Floats) -> dict[str, Floats]:
    """What the best and the mean target score of so many finished [wish, prompt] are beside those of all
    seeds, [wish, prompt, seed].

    ratio: the best over the best of all. regret: 1 - ratio. difference: the best of all less the best. gain:
    the share of the way from the mean of all, which one random picture has, to the best of all. kept: the
    mean over that of as many truly best.
    """
    ordered = -np.sort(-target, axis=-1)
    most, middle, top = ordered[..., 0], ordered.mean(-1), ordered[..., :finished].mean(-1)
    ratio = _over(best, most)
    return {
        "ratio": ratio,
        "regret": 1 - ratio,
        "difference": most - best,
        "gain": _over(best - middle, most - middle),
        "kept": _over(mean, top),
    }


def curve(tried: Sequence[Point], cost: str, at: Sequence[float]) -> Floats:
    """The regret where so much is spent, [cost, prompt]: between the schedules that are best for their cost.

    Which those are is decided for each half of the prompts by the other half, so that no source is favoured
    for having been tried in more ways. Not defined (NaN) below the cheapest schedule; above the dearest that
    still helps it is that one's.
    """
    spent = np.array([point.cost[cost] for point in tried])
    regret = np.stack([point.by_prompt("regret") for point in tried])
    halves = np.arange(regret.shape[1]) % 2
    lines = np.full((len(at), regret.shape[1]), np.nan)
    for half in np.unique(halves):
        others = halves != half if len(halves) > 1 else halves == half
        chosen = front(spent, np.nanmean(regret[:, others], axis=1))
        for prompt in np.flatnonzero(halves == half):
            lines[:, prompt] = np.interp(at, spent[chosen], regret[chosen, prompt], left=np.nan)
    return lines


def front(spent: Floats, regret: Floats) -> NDArray[np.int64]:
    """The points, by rising cost, that have less regret than every cheaper one."""
    order = np.lexsort((regret, spent))
    least = np.minimum.accumulate([np.inf, *regret[order]])[:-1]
    return np.asarray(order[regret[order] < least], dtype=np.int64)


def interval(values: Floats) -> Mean:
    """Mean and interval of values [prompt]."""
    return means(values[None], np.arange(len(values)))[0]


def _over(one: Floats, other: Floats) -> Floats:
    """Quotients; NaN where there is nothing to divide by."""
    quotients: Floats = np.divide(one, other, out=np.full(one.shape, np.nan), where=other > 1e-9)
    return quotients
