"""All numbers of a collection, as JSON takes them; intervals draw prompts (`findings.intervals`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.regret.curves import (
    COSTS,
    GOALS,
    MEASURES,
    SOURCES,
    Point,
    curve,
    goal_schedule,
    interval,
    points,
)
from benchmarks.regret.kept import Collection
from benchmarks.regret.scores import Table, score_table
from underpainting.findings.intervals import Floats, Mean
from underpainting.seeds.layout import layouts

AT = tuple(float(cost) for cost in np.geomspace(0.015, 0.8, 60))
"""Costs at which curves are drawn."""

EQUAL = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
"""Costs at which sources are set against one another."""

GROUP, FIFTH = 20, 4
"""Of so many seeds, so many are kept, where layouts are judged one by one."""

Row = dict[str, Any]
Tried = Mapping[str, Sequence[Point]]
"""Points by source."""


def analyse(collected: Collection) -> Row:
    """What is written to a collection's folder."""
    table = score_table(collected)
    tried = points(table, collected.steps, collected.seconds)
    by_source = {source: [point for point in tried if point.source == source] for source in SOURCES}
    seconds = {name: of for name, of in vars(collected.seconds).items() if name != "read"}
    return {
        "prompts": len(collected.prompts),
        "seeds": collected.seeds,
        "steps": collected.steps,
        "wishes": list(table.wishes),
        "machine": dict(collected.machine),
        "seconds": {**seconds, **{f"read {name}": of for name, of in collected.seconds.read.items()}},
        "goals": list(goal_rows(by_source, table, collected.steps)),
        "paired": list(paired_rows(by_source)),
        "layout": list(layout_rows(collected)),
        "curves": {
            cost: {source: curve_rows(own, cost) for source, own in by_source.items()} for cost in COSTS
        },
        "points": [
            {
                "source": point.source,
                "schedule": point.words,
                "is_search": point.is_search,
                **point.cost,
                **{measure: within(interval(point.by_prompt(measure))) for measure in MEASURES},
            }
            for point in tried
        ],
    }


def goal_rows(tried: Tried, table: Table, steps: int) -> Iterator[Row]:
    """What was aimed at, as it is for each source at as many evaluations."""
    for share, step, least in GOALS:
        for source, own in tried.items():
            known = tuple(table.of_source(source))
            wanted = goal_schedule(share, step, known, table.target.shape[-1], steps)
            point = next(point for point in own if point.words == wanted.words)
            ratio = interval(point.by_prompt("ratio"))
            yield {
                "share": share,
                "least": least,
                "source": source,
                "schedule": point.words,
                **point.cost,
                "reached": bool(ratio.mean >= least),
                "ratio": within(ratio),
                "gain": within(interval(point.by_prompt("gain"))),
                "kept": within(interval(point.by_prompt("kept"))),
                "by_wish": {
                    wish: within(interval(values))
                    for wish, values in zip(table.wishes, point.values["ratio"], strict=True)
                },
            }


def paired_rows(tried: Tried) -> Iterator[Row]:
    """The probe's regret less another source's at equal cost, prompt by prompt; then the mean over costs."""
    for cost in COSTS:
        lines = {source: curve(own, cost, EQUAL) for source, own in tried.items()}
        for source in SOURCES[:-1]:
            apart = lines["probe"] - lines[source]
            rows = [(str(at), line) for at, line in zip(EQUAL, apart, strict=True)]
            both = np.isfinite(apart).all(axis=1)
            if both.any():
                rows.append(("mean", apart[both].mean(0)))
            for at, line in rows:
                if np.isfinite(line).all():
                    yield {"by": cost, "at": at, "against": source, **within(interval(line))}


def curve_rows(own: Sequence[Point], cost: str) -> list[Row]:
    """A source's regret at each of `AT` at which it is defined for every prompt."""
    lines = zip(AT, curve(own, cost, AT), strict=True)
    return [{"cost": at, **within(interval(line))} for at, line in lines if np.isfinite(line).all()]


def layout_rows(collected: Collection) -> Iterator[Row]:
    """How well each quantity of the finished picture is predicted: its correlation over a prompt's seeds; and
    `recall` of those that are farthest to the left, and to the right.
    """
    shape = len(collected.prompts), collected.seeds
    final = {name: of.reshape(shape).numpy() for name, of in layouts(collected.tried.final).items()}
    for (source, step), ways in sorted(collected.tried.predicted.items()):
        maps = next(iter(ways.values()))
        predicted = {name: of.reshape(shape).numpy() for name, of in layouts(maps).items()}
        row: Row = {"source": source, "step": step}
        for name, own in predicted.items():
            row[name] = _over_prompts([correlation(*pair) for pair in zip(own, final[name], strict=True)])
        for side, sign in (("left", -1), ("right", 1)):
            pairs = zip(predicted["across"], final["across"], strict=True)
            row[f"recall {side}"] = _over_prompts([recall(sign * a, sign * b) for a, b in pairs])
        yield row


def correlation(one: Floats, other: Floats) -> float:
    """Pearson's, where both are defined; NaN where there are too few, or all are alike."""
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 3 or not (np.ptp(one[both]) and np.ptp(other[both])):
        return float("nan")
    return float(np.corrcoef(one[both], other[both])[0, 1])


def recall(predicted: Floats, final: Floats) -> float:
    """Of each 20 seeds, the share of the 4 greatest that are among the 4 predicted greatest; 1/5 by chance.

    Seeds beyond the last whole 20 are left out; of fewer than 20 all are one group, and a fifth is kept.
    """
    size = min(GROUP, len(final))
    keep = max(1, size * FIFTH // GROUP)
    shares = []
    for start in range(0, len(final) - size + 1, size):
        one, other = (
            np.argsort(-np.nan_to_num(of[start : start + size], nan=-np.inf))[:keep]
            for of in (predicted, final)
        )
        shares.append(len({*one.tolist()} & {*other.tolist()}) / keep)
    return float(np.mean(shares))


def within(mean: Mean) -> Row:
    """A mean and its interval; None where they are not defined."""
    return {
        name: of if np.isfinite(of) else None
        for name, of in zip(("mean", "low", "high"), mean.within, strict=True)
    }


def _over_prompts(values: Sequence[float]) -> Row:
    return within(interval(np.array(values)))
