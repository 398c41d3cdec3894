"""Means over test pictures with errors that respect which pictures share a prompt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean over pictures, its standard error and its 95 % interval; NaN where not defined."""

    mean: float
    error: float
    low: float
    high: float
    pictures: int


def estimates(values: NDArray[np.float64], prompts: NDArray[np.int64], *, seed: int = 0) -> list[Estimate]:
    """Mean, standard error and 95 % interval of every row, by resampling whole prompts.

    `values` [row, picture] may hold NaN (a score that is not defined for a picture), which is left out;
    `prompts` [picture] numbers each picture's prompt from 0. The same seed draws the same prompts for every
    row, so rows are comparable. Percentile bootstrap over clusters (Efron and Tibshirani 1993; Davison and
    Hinkley 1997, 3.8). With fewer than two prompts the error and the interval are NaN.
    """
    groups = int(prompts.max()) + 1 if prompts.size else 0
    member = np.zeros((prompts.size, groups))
    member[np.arange(prompts.size), prompts] = 1.0
    defined = np.isfinite(values)
    sums = np.where(defined, values, 0.0) @ member
    counts = defined.astype(np.float64) @ member
    used = counts > 0
    rng = np.random.default_rng(seed)
    draws = (
        rng.multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES) if groups else np.zeros((1, 0))
    )
    found = []
    for row in range(values.shape[0]):
        pictures = int(counts[row].sum())
        if not pictures:
            found.append(Estimate(np.nan, np.nan, np.nan, np.nan, 0))
            continue
        mean = float(sums[row].sum() / pictures)
        if used[row].sum() < 2:
            found.append(Estimate(mean, np.nan, np.nan, np.nan, pictures))
            continue
        drawn = draws @ counts[row]
        means = (draws @ sums[row])[drawn > 0] / drawn[drawn > 0]
        low, high = np.percentile(means, (2.5, 97.5))
        found.append(Estimate(mean, float(means.std(ddof=1)), float(low), float(high), pictures))
    return found
