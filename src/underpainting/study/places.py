"""Where probes read: layers, steps, branches, and the properties they read for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from underpainting.diffusion import Layer
from underpainting.probes import BINARY, CONTINUOUS
from underpainting.records import main_branch

Grid = tuple[int, int]
Place = tuple[str, int, str]
SOURCES = ("probe", "shuffled")


@dataclass(frozen=True)
class Property:
    """What is looked for; binary ones are 0/1 maps."""

    name: str
    binary: bool

    @property
    def metrics(self) -> tuple[str, ...]:
        """Scores that its kind has, on the label as it is."""
        return BINARY if self.binary else CONTINUOUS


@dataclass(frozen=True)
class Places:
    """All that a study probes: every layer at every step in every branch, for every property."""

    layers: tuple[Layer, ...]
    steps: int
    branches: tuple[str, ...]
    properties: tuple[Property, ...]

    def __iter__(self) -> Iterator[tuple[int, int, int, Place]]:
        """Index of layer, step and branch, and the place (layer name, step from 1, branch)."""
        for i, layer in enumerate(self.layers):
            for step in range(self.steps):
                for b, branch in enumerate(self.branches):
                    yield i, step, b, (layer.name, step + 1, branch)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """Distinct grids, in order of the layers."""
        return tuple(dict.fromkeys(layer.grid for layer in self.layers))

    @property
    def main_branch(self) -> str:
        """The branch that best layers are chosen on."""
        return main_branch(self.branches)


def grid_name(grid: Grid) -> str:
    """A grid as written in files, such as `16x16`."""
    return f"{grid[0]}x{grid[1]}"
