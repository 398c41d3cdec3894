"""Sets of pictures compared: nearest copies, where and how large the object is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.stats import ks_2samp
from torch import Tensor
from torch.nn.functional import interpolate

THUMBNAIL = 32
ROWS = 256
CHANCE = 0.05


def thumbnails(pictures: Tensor) -> Tensor:
    """Pictures [picture, channel, height, width] as points [picture, channel * 32 * 32].

    Their distance is the RMS difference of colours in 0..1, which bytes hold as 0..255.
    """
    most = 1 if pictures.is_floating_point() else 255
    small = [
        interpolate(some.float() / most, size=(THUMBNAIL, THUMBNAIL), mode="area").flatten(1)
        for some in pictures.split(ROWS)
    ]
    points = torch.cat(small)
    return points / points.shape[1] ** 0.5


def layouts(maps: Mapping[str, Tensor]) -> Tensor:
    """An estimator's maps [picture, height, width] as `thumbnails` of what is where, whatever its colours.

    The object's mask counts as much as depth and shading together, each standardised within its picture.
    """
    channels = [(maps["saliency"] > 0).float()]
    for name in ("depth", "shading"):
        values = maps[name].float()
        spread = values.std((1, 2), keepdim=True).clamp(min=1e-6)
        channels.append((values - values.mean((1, 2), keepdim=True)) / spread / 2)
    return thumbnails(torch.stack(channels, 1))


def mirrored(maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Maps [picture, height, width] of the mirrored pictures."""
    return {name: values.flip(2) for name, values in maps.items()}


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


def nearest_copies(
    sets: Sequence[Tensor], training: Tensor, scene: np.ndarray, sample: int = 1000
) -> list[float]:
    """For each set of pictures, the smallest distance to a training picture, in units of training's own.

    The unit is the first percentile of training pictures' distances to the nearest of another scene; mirrored
    pictures count as training pictures too. A minimum over many pictures is below 1 by chance: what it means
    is told by that of as many pictures that were never trained on.
    """
    known = torch.cat([thumbnails(training), thumbnails(training.flip(3))])
    of = torch.from_numpy(np.tile(scene, 2))
    some = torch.linspace(0, len(training) - 1, min(sample, len(training))).long()
    apart = nearest(known[some], known, of[some][:, None] != of[None])
    unit = torch.quantile(apart, 0.01)
    return [float(nearest(thumbnails(pictures), known).min() / unit) for pictures in sets]


def nearer_to_training(points: Tensor, training: Tensor, held_out: Tensor) -> float:
    """The share of points that are nearer to one of the training points than to one of those held out.

    It takes as many of either, evenly spread. Where nothing is copied it is a half on average, for points may
    be near to everything.
    """
    count = min(len(training), len(held_out))
    sides = [known[torch.linspace(0, len(known) - 1, count).long()] for known in (training, held_out)]
    first, second = (nearest(points, side) for side in sides)
    return float((first < second).double().mean())


def singled_out(points: Tensor, known: Tensor, scene: np.ndarray) -> Tensor:
    """How much nearer the nearest scene is than the second nearest [point]: their distances' ratio.

    ``scene`` [known] numbers each known point's scene. A copy has one scene nearby and is far below 1; what
    is near to everything, as soft pictures are, is not.
    """
    numbers, number = np.unique(scene, return_inverse=True)
    scenes = torch.from_numpy(number)
    ratios = []
    for some in points.double().split(ROWS):
        apart = torch.cdist(some, known.double())
        each = torch.full((len(some), len(numbers)), torch.inf, dtype=apart.dtype)
        each.scatter_reduce_(1, scenes.expand(len(some), -1), apart, "amin")
        first, second = each.topk(2, largest=False).values.T
        ratios.append(first / second.clamp(min=1e-12))
    return torch.cat(ratios)


def copied(ratios: Tensor, control: Tensor) -> float:
    """The share of pictures that one scene is singled out by as by a twentieth of those never trained on.

    Both are of `singled_out`. Where nothing is copied it is CHANCE on average.
    """
    return float((ratios < torch.quantile(control, CHANCE)).double().mean())


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
