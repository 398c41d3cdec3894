"""Sets of pictures compared: nearest copies, where and how large the object is."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import ks_2samp
from torch import Tensor
from torch.nn.functional import interpolate

THUMBNAIL = 32
ROWS = 256


def thumbnails(pictures: Tensor) -> Tensor:
    """Pictures [picture, 3, height, width] as points [picture, 3 * 32 * 32] whose distance is RMS colour."""
    small = interpolate(pictures.float(), size=(THUMBNAIL, THUMBNAIL), mode="area").flatten(1)
    return small / small.shape[1] ** 0.5


def nearest(points: Tensor, others: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Distance [point] of each point to the nearest of others, where ``allowed`` [point, other] says so."""
    points, others = points.double(), others.double()  # a copy's distance drowns in float32's rounding
    found = []
    for start in range(0, len(points), ROWS):
        rows = torch.cdist(points[start : start + ROWS], others)
        if allowed is not None:
            rows = rows.masked_fill(~allowed[start : start + ROWS], torch.inf)
        found.append(rows.amin(1))
    return torch.cat(found)


def nearest_copy(generated: Tensor, training: Tensor, scene: np.ndarray, sample: int = 1000) -> float:
    """The smallest distance of a generated picture to a training picture, in units of training's own.

    The unit is the first percentile of training pictures' distances to the nearest of another scene; mirrored
    pictures count as training pictures too. Below 1, a picture was copied.
    """
    known = torch.cat([thumbnails(training), thumbnails(training.flip(3))])
    of = torch.from_numpy(np.tile(scene, 2))
    some = torch.linspace(0, len(training) - 1, min(sample, len(training))).long()
    apart = nearest(known[some], known, of[some][:, None] != of[None])
    return float(nearest(thumbnails(generated), known).min() / torch.quantile(apart, 0.01))


def placement(masks: np.ndarray) -> dict[str, np.ndarray]:
    """Centre across and down, in 0..1, and share of the picture, of masks [picture, height, width].

    Pictures without an object are left out.
    """
    weight = masks.astype(np.float64)
    weight = weight[weight.sum((1, 2)) > 0]
    total = weight.sum((1, 2))
    down, across = ((np.arange(n) + 0.5) / n for n in weight.shape[1:])
    return {
        "x": np.einsum("phw,w->p", weight, across) / total,
        "y": np.einsum("phw,h->p", weight, down) / total,
        "size": total / weight[0].size,
    }


def variety(generated: np.ndarray, rendered: np.ndarray) -> dict[str, float]:
    """Kolmogorov-Smirnov distances and p-values of the placements of two sets of masks."""
    a, b = placement(generated), placement(rendered)
    found = {}
    for key in a:
        test = ks_2samp(a[key], b[key])
        found |= {f"variety_{key}": float(test.statistic), f"variety_{key}_p": float(test.pvalue)}
    return found
