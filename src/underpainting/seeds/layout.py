"""A picture's layout in a few numbers, read off its maps: those of an estimator, or what probes predict."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from underpainting.vocabulary import OBJECT, Grid

Maps = Mapping[str, Tensor]
"""By property, maps [picture, row, column] on any grid: a label's pixels, or a reading's tokens. Saliency is
1 on the object and 0 elsewhere, depth is large where it is near, shading is large where it is light."""

QUANTITIES = {
    "across": "place across, 0 left to 1 right",
    "down": "place down, 0 top to 1 bottom",
    "size": "share of the picture",
    "depth": "share of the picture that is farther",
    "light_across": "light from the left (-1) or the right (1)",
    "light_down": "light from above (-1) or below (1)",
}
"""What `layouts` gives, in words."""

NEEDS = {
    "across": (OBJECT,),
    "down": (OBJECT,),
    "size": (OBJECT,),
    "depth": (OBJECT, "depth"),
    "light_across": (OBJECT, "shading"),
    "light_down": (OBJECT, "shading"),
}
"""The properties whose maps each quantity is read off."""

ALIKE = 1e-24  # a product of variances below which values are all alike but for rounding


def layouts(maps: Maps) -> dict[str, Tensor]:
    """The quantities [picture] of `QUANTITIES`, float64, as far as there are maps of what each needs.

    across, down: the mean place of all cells, in 0..1 of the picture, weighted by the square of `presence`.
    A reading is low and wide where a probe is unsure; squared, what it is sure of counts, and no threshold is
    to be chosen. size: the mean of `presence`. depth: the share of the picture that is farther than the
    object's mean depth (weighted likewise), in 0..1, whatever the depth's scale. light_across, light_down:
    the correlation of shading with the place across and down, over the object (weighted likewise), -1..1.
    All are nan where there is no object, but for the size.
    """
    if OBJECT not in maps:
        return {}
    there = presence(maps)
    weight = there.square()
    down, across = centre(weight)
    found = {"across": across, "down": down, "size": there.mean((1, 2))}
    if "depth" in maps:
        found["depth"] = _share_farther(maps["depth"].double(), on_grid(weight, grid_of(maps["depth"])))
    if "shading" in maps:
        shading = maps["shading"].double()
        over = on_grid(weight, grid_of(shading))
        places = _places(shading)
        found["light_down"], found["light_across"] = (_correlation(shading, of, over) for of in places)
    return {name: found[name] for name in QUANTITIES if name in found}


def presence(maps: Maps) -> Tensor:
    """How much of each cell is object, [picture, row, column] in 0..1, float64: saliency, cut off at both
    ends, which a probe's readings overshoot.
    """
    return maps[OBJECT].double().clamp(0, 1)


def centre(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean place (down, across) [picture] in 0..1 of weights [picture, row, column]; nan where all are 0."""
    total = weight.sum((1, 2))
    down, across = ((weight * of).sum((1, 2)) / total for of in _places(weight))
    return down, across


def on_grid(maps: Tensor, grid: Grid) -> Tensor:
    """Maps [picture, row, column] on another grid: the mean of what each of its cells covers."""
    return maps if maps.shape[-2:] == grid else interpolate(maps[:, None], grid, mode="area")[:, 0]


def grid_of(maps: Tensor) -> Grid:
    """The grid of maps [..., row, column]."""
    return maps.shape[-2], maps.shape[-1]


def _places(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Where the middles of cells are: down [row, 1] and across [1, column], in 0..1."""
    rows, columns = (
        (torch.arange(n, dtype=torch.float64, device=maps.device) + 0.5) / n for n in maps.shape[-2:]
    )
    return rows[:, None], columns[None, :]


def _share_farther(depth: Tensor, weight: Tensor) -> Tensor:
    own = (weight * depth).sum((1, 2)) / weight.sum((1, 2))
    share = (depth < own[:, None, None]).double().mean((1, 2))
    return torch.where(own.isnan(), torch.nan, share)


def _correlation(values: Tensor, place: Tensor, weight: Tensor) -> Tensor:
    """Pearson's, weighted, of values [picture, row, column] with a place; 0 where they are all alike."""
    weight = weight / weight.sum((1, 2), keepdim=True)

    def centred(of: Tensor) -> Tensor:
        return of - (weight * of).sum((1, 2), keepdim=True)

    x, y = centred(values), centred(place.expand_as(values))
    covariance, of_x, of_y = ((weight * of).sum((1, 2)) for of in (x * y, x * x, y * y))
    return covariance / (of_x * of_y).clamp(min=ALIKE).sqrt()
