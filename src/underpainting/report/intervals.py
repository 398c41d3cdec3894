"""Means over test pictures with errors that respect which pictures share a prompt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from underpainting.findings.draws import cluster_draws, drawn_means


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
    defined = np.isfinite(values)
    means = (
        drawn_means(values, cluster_draws(prompts, seed=seed)) if prompts.size else np.empty((0, len(values)))
    )
    found = []
    for row, drawn in zip(range(len(values)), means.T, strict=True):
        pictures = int(defined[row].sum())
        if not pictures:
            found.append(Estimate(np.nan, np.nan, np.nan, np.nan, 0))
            continue
        mean = float(values[row][defined[row]].mean())
        if len(np.unique(prompts[defined[row]])) < 2:
            found.append(Estimate(mean, np.nan, np.nan, np.nan, pictures))
            continue
        drawn = drawn[np.isfinite(drawn)]
        low, high = np.percentile(drawn, (2.5, 97.5))
        found.append(Estimate(mean, float(drawn.std(ddof=1)), float(low), float(high), pictures))
    return found
