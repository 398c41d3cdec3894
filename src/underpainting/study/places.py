"""Where probes read: layers and what stands in for them, steps, branches, and what they read for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from underpainting.controls import StandIn
from underpainting.diffusion import Layer
from underpainting.vocabulary import Grid, Place, ProbeLayer, Property, main_branch

TARGETS = ("probe", "shuffled")
"""What probes are fitted to, by source: the labels, and those of other pictures."""


@dataclass(frozen=True)
class Places:
    """All that a study probes: every layer at every step in every branch, for every property.

    watched: the network's layers. stand_ins: what is probed in their place, as controls.
    """

    watched: tuple[Layer, ...]
    steps: int
    branches: tuple[str, ...]
    properties: tuple[Property, ...]
    stand_ins: tuple[StandIn, ...] = ()

    @cached_property
    def layers(self) -> tuple[ProbeLayer, ...]:
        """The watched layers, then all that stand in for them, each once."""
        others = dict.fromkeys(layer for stand_in in self.stand_ins for layer in stand_in.layers)
        return (*self.watched, *others)

    @cached_property
    def columns(self) -> dict[str, list[int]]:
        """By source: for each watched layer, the index among `layers` of what is read for that source."""
        index = {layer.name: i for i, layer in enumerate(self.layers)}
        columns = {"probe": list(range(len(self.watched)))}
        for stand_in in self.stand_ins:
            columns[stand_in.source] = [index[layer.name] for layer in stand_in.layers]
        return columns

    def __iter__(self) -> Iterator[tuple[int, int, int, Place]]:
        """Index of layer, step and branch, and the place."""
        for i, layer in enumerate(self.layers):
            for step in range(self.steps):
                for b, branch in enumerate(self.branches):
                    yield i, step, b, Place(layer.name, step + 1, branch)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of layers, steps and branches."""
        return len(self.layers), self.steps, len(self.branches)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """Distinct grids, in order of the layers."""
        return tuple(dict.fromkeys(layer.grid for layer in self.layers))

    def grid_of(self, name: str) -> Grid:
        """The grid of a layer."""
        return next(layer.grid for layer in self.layers if layer.name == name)

    @property
    def main_branch(self) -> str:
        """The branch that best layers are chosen on."""
        return main_branch(self.branches)
