"""What decides a quantity of pictures: their seed, their prompt, or only the two together.

A crossed design: every prompt with every seed, one picture each. The model is that of two-way random effects,
value = mean + prompt + seed + together, whose variances add up; prompts and seeds are both a sample.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from underpainting.findings.intervals import ENDS, Floats

FINISHED = 0
"""The step of rows that say what the finished pictures' labels give."""

DRAWS = 10_000
LITTLE = 0.1
"""Share of a quantity's variance that is little to choose from."""


@dataclass(frozen=True)
class Decided:
    """What decides a quantity at a step: shares of its variance, with 95 % intervals; NaN where it has none.

    step: at which probes read it, or 0 of finished pictures' labels. prompts, seeds: of the design, without
    those that leave a value undefined. deviation: the quantity's standard deviation over all pictures, in its
    own unit; within: over the seeds of one prompt. seed, prompt: the share that each decides whatever the
    other is; together: what only the two decide; they add up to 1. other_seed: the share that another seed
    changes of one prompt's pictures, which is all but the prompt's.
    """

    quantity: str
    step: int
    prompts: int
    seeds: int
    deviation: float
    within: float
    seed: float
    seed_low: float
    seed_high: float
    prompt: float
    prompt_low: float
    prompt_high: float
    together: float
    together_low: float
    together_high: float
    other_seed: float
    other_seed_low: float
    other_seed_high: float

    @property
    def pays(self) -> bool | None:
        """Whether another seed changes more than `LITTLE`, or surely no more; None where it is not sure."""
        if not self.deviation > 0 or self.other_seed_high < LITTLE:
            return False
        return True if self.other_seed_low > LITTLE else None

    @property
    def verdict(self) -> str:
        """Whether choosing seeds pays, and whether a good one serves others."""
        if self.pays is None:
            return "choosing seeds may pay or not, more prompts and seeds tell"
        if not self.pays:
            return "choosing seeds does not pay"
        if self.together_low > self.seed_high:
            return "choosing seeds pays, for each prompt anew"
        if self.seed_low > self.together_high:
            return "choosing seeds pays, and what is chosen for one prompt serves others"
        return "choosing seeds pays"

    @property
    def sentence(self) -> str:
        """The shares that the seed and the prompt decide, with the verdict."""
        if not self.deviation > 0:
            return f"it is the same in all pictures: {self.verdict}"
        seed = _percent(self.seed, self.seed_low, self.seed_high)
        prompt = _percent(self.prompt, self.prompt_low, self.prompt_high)
        return (
            f"the seed decides {seed} whatever the prompt and {100 * self.together:.0f} % together with it, "
            f"the prompt {prompt}: {self.verdict}"
        )


def variances(tables: Sequence[pa.Table], quantities: Collection[str]) -> list[Decided]:
    """What decides each quantity at each step, in the order of quantities, finished pictures first.

    tables: rows of `LAYOUTS`, one a picture, quantity and step.
    """
    table = pa.concat_tables(tables)
    columns = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    prompts, of_prompt = np.unique(columns["prompt"], return_inverse=True)
    seeds, of_seed = np.unique(columns["seed"], return_inverse=True)
    found = []
    for quantity in quantities:
        for step in np.unique(columns["step"]):
            rows = (columns["quantity"] == quantity) & (columns["step"] == step)
            if rows.any():
                values = np.full((len(prompts), len(seeds)), np.nan)
                values[of_prompt[rows], of_seed[rows]] = columns["value"][rows]
                found.append(decided(values, quantity, int(step)))
    return found


def decided(values: Floats, quantity: str = "", step: int = FINISHED) -> Decided:
    """What decides values [prompt, seed].

    Components are estimated from the mean squares of the two-way table, without bias (Searle, Casella and
    McCulloch 1992, chapter 4); one that comes out below 0 counts as 0. Intervals are generalised ones
    (Weerahandi 1993): in every draw each mean square is divided by a chi square over its degrees of freedom,
    and the shares that follow have percentiles. A mean square has fewer degrees of freedom where its effects
    have longer tails than normal ones.
    """
    values = whole(values)
    prompts, seeds = values.shape
    if min(values.shape) < 2 or np.ptp(values) == 0:
        spread = 0.0 if values.size else np.nan
        return Decided(quantity, step, prompts, seeds, spread, spread, *[np.nan] * 12)
    of_prompt, of_seed = values.mean(1) - values.mean(), values.mean(0) - values.mean()
    rest = (values - values.mean() - of_prompt[:, None] - of_seed).ravel()
    freedoms = np.array([[prompts - 1], [seeds - 1], [(prompts - 1) * (seeds - 1)]])
    sums = [seeds * (of_prompt**2).sum(), prompts * (of_seed**2).sum(), (rest**2).sum()]
    squares = np.array(sums)[:, None] / freedoms
    lasting = [[freedom_of(of, n)] for of, n in zip((of_prompt, of_seed, rest), freedoms.flat, strict=True)]
    chi_squares = np.random.default_rng(0).chisquare(lasting, (3, DRAWS)) / lasting
    parts = components(squares, prompts, seeds)
    shares = _shares(parts)[:, 0]
    ends = np.percentile(_shares(components(squares / chi_squares, prompts, seeds)), ENDS, axis=1).T
    prompt, seed, together = ([share, *of] for share, of in zip(shares, ends, strict=True))
    other_seed = [1 - prompt[0], 1 - prompt[2], 1 - prompt[1]]
    deviations = float(np.sqrt(parts.sum())), float(np.sqrt(parts[1:].sum()))
    numbers = map(float, [*seed, *prompt, *together, *other_seed])
    return Decided(quantity, step, prompts, seeds, *deviations, *numbers)


def components(squares: Floats, prompts: int, seeds: int) -> Floats:
    """Variances of prompt, seed and both together of their mean squares, [3, ...] both; none below 0."""
    prompt, seed, together = squares
    parts: Floats = np.stack([(prompt - together) / seeds, (seed - together) / prompts, together])
    return parts.clip(min=0.0)


def whole(values: Floats) -> Floats:
    """Values [prompt, seed] without the prompts and seeds that have undefined ones, the worst first."""
    known = np.isfinite(values)
    while known.size and not known.all():
        shares = known.mean(1), known.mean(0)
        axis = int(shares[1].min() < shares[0].min())
        worst = int(shares[axis].argmin())
        values, known = np.delete(values, worst, axis), np.delete(known, worst, axis)
    return values


def freedom_of(effects: Floats, freedom: int) -> float:
    """Degrees of freedom of a sum of squares of effects [effect], fewer where their tails are long.

    By what the variance of a sample variance is, 2 / freedom + excess kurtosis / count, with the kurtosis
    about the median (after Bonett 2006); short tails, as of what has bounds, gain nothing.
    """
    variance = ((effects - effects.mean()) ** 2).mean()
    if variance == 0:
        return float(freedom)
    excess = ((effects - np.median(effects)) ** 4).mean() / variance**2 - 3
    return float(2 / (2 / freedom + max(excess, 0.0) / len(effects)))


def sentences(rows: Sequence[Decided], words: Mapping[str, str]) -> Iterator[str]:
    """What finished pictures show of each quantity, a line each; words: of the quantities."""
    for row in rows:
        if row.step == FINISHED:
            yield f"{row.quantity} ({words[row.quantity]}): {row.sentence}."


def verdicts(rows: Sequence[Decided], words: Mapping[str, str]) -> Iterator[str]:
    """Each verdict on finished pictures with all quantities that have it, a line each."""
    told: dict[str, list[str]] = {}
    for row in rows:
        if row.step == FINISHED:
            told.setdefault(row.verdict, []).append(f"{row.quantity} ({words[row.quantity]})")
    for verdict, quantities in told.items():
        yield f"{verdict}: {', '.join(quantities)}."


def _shares(parts: Floats) -> Floats:
    total = parts.sum(0)
    shares: Floats = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
    return shares


def _percent(share: float, low: float, high: float) -> str:
    return f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"
