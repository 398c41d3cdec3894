"""Resampling of pictures by whole prompts, drawn once and used for every figure, so that figures compare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 2000


def cluster_draws(prompts: NDArray[np.int64], count: int = DRAWS, seed: int = 0) -> NDArray[np.int64]:
    """How often each picture counts in each draw, [draw, picture], when whole prompts are drawn.

    prompts [picture] numbers each picture's prompt. Bootstrap over clusters (Davison and Hinkley 1997, 3.8).
    """
    groups, member = np.unique(prompts, return_inverse=True)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=count)
    return times[:, member].astype(np.int64)


def mean_interval(values: Floats, prompts: NDArray[np.int64]) -> tuple[float, float, float]:
    """Mean of values [picture] and its 95 % interval over draws of prompts; NaN values are left out.

    Of fewer than two prompts there is a mean, but no interval (NaN).
    """
    seen = np.isfinite(values)
    if not seen.any():
        return np.nan, np.nan, np.nan
    mean = float(values[seen].mean())
    if len(np.unique(prompts[seen])) < 2:
        return mean, np.nan, np.nan
    low, high = np.nanpercentile(drawn_means(values, cluster_draws(prompts)), (2.5, 97.5))
    return mean, float(low), float(high)


def drawn_means(values: Floats, draws: NDArray[np.int64]) -> Floats:
    """Mean over pictures in every draw: [..., picture] and [draw, picture] to [draw, ...].

    NaN values are left out; the mean is NaN where none is left.
    """
    flat = values.reshape(-1, values.shape[-1])
    defined = np.isfinite(flat)
    total = draws @ np.where(defined, flat, 0.0).T
    times = draws @ defined.T.astype(np.float64)
    means: Floats = np.divide(total, times, out=np.full(total.shape, np.nan), where=times > 0)
    return means.reshape((len(draws), *values.shape[:-1]))
