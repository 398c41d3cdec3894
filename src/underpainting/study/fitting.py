"""The fit phase: moments of activations and labels, and the means that position alone explains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from underpainting.controls import shuffled
from underpainting.diffusion import StepRecord
from underpainting.errors import UnderpaintingError
from underpainting.probes import Moments, TokenMeans, load_sums, ridge, save_sums
from underpainting.records import sealing
from underpainting.study.labels import token_labels
from underpainting.study.places import SOURCES, Grid, Place, Places, activations, grid_name
from underpainting.study.reading import Reader

Sums = dict[str, Moments | TokenMeans]


def moments_name(place: Place) -> str:
    """Name of a place's moments among the sums."""
    return "moments/" + "/".join(map(str, place))


def token_means_name(place: Place) -> str:
    """Name of a place's mean activation of each token."""
    return "activations/" + "/".join(map(str, place))


def label_means_name(grid: Grid) -> str:
    """Name of the mean label of each token of a grid."""
    return f"labels/{grid_name(grid)}"


def empty_sums(places: Places) -> Sums:
    """Sums of no pictures. Targets are all properties, then all again with shuffled labels."""
    sums: Sums = {}
    targets = len(places.properties)
    for i, _, _, place in places:
        layer = places.layers[i]
        sums[moments_name(place)] = Moments(layer.channels, len(SOURCES) * targets)
        sums[token_means_name(place)] = TokenMeans(layer.grid[0] * layer.grid[1], layer.channels)
    for grid in places.grids:
        sums[label_means_name(grid)] = TokenMeans(grid[0] * grid[1], targets)
    return sums


class Held:
    """A batch's activations, kept until its labels are there. Give `look` to the making of the batch."""

    def __init__(self, places: Places) -> None:
        """Hold nothing yet."""
        self._places = places
        self._held: dict[Place, Tensor] = {}

    def look(self, record: StepRecord) -> None:
        """Keep one step's activations (a copy: the record's are views of both branches)."""
        for layer in self._places.layers:
            for branch in self._places.branches:
                self._held[layer.name, record.step, branch] = activations(record, layer, branch).clone()

    def add_to(self, sums: Sums, labels: Mapping[str, Tensor]) -> None:
        """Add what is held, with its labels [picture, height, width] by property, to the sums."""
        targets: dict[Grid, Tensor] = {}
        for grid in self._places.grids:
            own = token_labels(labels, grid)
            targets[grid] = torch.cat([own, shuffled(own)], dim=-1)
            _means(sums, label_means_name(grid)).update(own)
        for i, _, _, place in self._places:
            x = self._held.pop(place)
            _moments(sums, moments_name(place)).update(x, targets[self._places.layers[i].grid])
            _means(sums, token_means_name(place)).update(x)


def merge(total: Sums, part: Sums) -> None:
    """Add a shard's sums to running totals of the same places."""
    if total.keys() != part.keys():
        raise UnderpaintingError("moments of other layers or steps cannot be added up; run the study again")
    for name, mine in total.items():
        other = part[name]
        if isinstance(mine, Moments):
            assert isinstance(other, Moments)
            mine.merge(other)
        else:
            assert isinstance(other, TokenMeans)
            mine.merge(other)


def write_sums(path: Path, sums: Sums) -> None:
    """Write sums as one sealed safetensors file."""
    with sealing(path) as temporary:
        save_sums(temporary, sums)


def read_sums(path: Path) -> Sums:
    """Read what `write_sums` wrote. Raises UnderpaintingError where it is missing or broken."""
    return load_sums(path)[0]


def solve(sums: Sums, places: Places, strengths: tuple[float, ...]) -> dict[Place, Reader]:
    """Probes of every place at every ridge strength, for the labels and for the shuffled labels."""
    readers = {}
    for _, _, _, place in places:
        solution = ridge(_moments(sums, moments_name(place)), strengths)
        shape = (len(strengths), len(SOURCES), len(places.properties))
        weight = solution.weight.transpose(0, 1).reshape(-1, *shape)
        readers[place] = Reader(weight.float().contiguous(), solution.bias.reshape(shape).float())
    return readers


def label_means(sums: Sums, places: Places) -> dict[Grid, TokenMeans]:
    """Mean label of each token, by grid."""
    return {grid: _means(sums, label_means_name(grid)) for grid in places.grids}


def token_means(sums: Sums, place: Place) -> Tensor:
    """Mean activation of each token of a place over the fit pictures: [token, channel]."""
    return _means(sums, token_means_name(place)).mean


def _moments(sums: Sums, name: str) -> Moments:
    found = sums[name]
    assert isinstance(found, Moments)
    return found


def _means(sums: Sums, name: str) -> TokenMeans:
    found = sums[name]
    assert isinstance(found, TokenMeans)
    return found
