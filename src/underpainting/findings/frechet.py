"""Whether pictures are still of the same kind: a distance of two sets of pictures by their features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


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
