"""Whether pictures are still of the same kind: distances of two sets of pictures by their features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
SIDE = 1.96
"""Standard errors to either side in an interval of 95 %."""


@dataclass(frozen=True)
class Distance:
    """How far two sets are apart, with a 95 % interval over prompts; 0 on average where they are alike."""

    mean: float
    low: float
    high: float


def kernel_distance(a: Floats, b: Floats, prompts: NDArray[Any]) -> Distance:
    """Kernel distance of two sets of features [picture, feature] made of the same pictures in the same order.

    The squared maximum mean discrepancy for the kernel (x·y / features + 1)³ (Bińkowski et al. 2018, arXiv
    1801.01401), without bias: only pairs of pictures of different prompts are compared, within a set and
    between the two, for a picture and what was made of it are not drawn apart. prompts [picture] says whose
    each is; every prompt counts alike. So it is a U-statistic over prompts, and the interval is that of the
    jackknife over them (Arvesen 1969). NaN of fewer than three prompts.
    """
    names, member = np.unique(prompts, return_inverse=True)
    count = len(names)
    if count < 3:
        return Distance(np.nan, np.nan, np.nan)
    share = np.eye(count)[:, member.reshape(-1)]  # [prompt, picture]
    share /= share.sum(1, keepdims=True)

    def kernel(x: Floats, y: Floats) -> Floats:
        of_pictures: Floats = (x @ y.T / x.shape[1] + 1) ** 3
        return share @ of_pictures @ share.T

    across = kernel(a, b)
    pairs = kernel(a, a) + kernel(b, b) - across - across.T
    np.fill_diagonal(pairs, 0)
    each, total = pairs.sum(1), pairs.sum()
    distance = total / (count * (count - 1))
    without = (total - 2 * each) / ((count - 1) * (count - 2))
    error = np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    return Distance(float(distance), float(distance - SIDE * error), float(distance + SIDE * error))


def frechet(a: Floats, b: Floats) -> float:
    """Fréchet distance of two sets of features [picture, feature], as normal distributions.

    Heusel et al. 2017, arXiv 1706.08500. With few pictures it is above 0 of sets of one kind too: compare
    only sets of the same size.
    """
    (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(0), np.atleast_2d(np.cov(x, rowvar=False))) for x in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b) - 2 * cross
    return max(0.0, float(distance))


def kinds(features: Mapping[str, Floats], reference: str) -> dict[str, float]:
    """Fréchet distance of each condition's pictures from the reference's, and of that one's own two halves.

    features: by condition [picture, feature], of the same pictures in the same order. The halves, of every
    other picture, are apart only because they are other pictures, and few.
    """
    of = features[reference]
    found = {name: frechet(mine, of) for name, mine in features.items() if name != reference}
    return {**found, f"{reference}, one half from the other": frechet(of[::2], of[1::2])}


def kernel_kinds(
    features: Mapping[str, Floats], reference: str, prompts: NDArray[Any]
) -> dict[str, Distance]:
    """Kernel distance of each condition's pictures from the reference's; features as in `kinds`."""
    others = {name: of for name, of in features.items() if name != reference}
    return {name: kernel_distance(of, features[reference], prompts) for name, of in others.items()}
