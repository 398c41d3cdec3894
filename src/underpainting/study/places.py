"""Where probes read: layers, steps, branches, and the properties they read for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from torch import Tensor

from underpainting.controls import KINDS, latent_layers, latent_tokens
from underpainting.diffusion import Layer, StepRecord
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
    """All that a study probes: every layer at every step in every branch, for every property.

    watched: the network's layers. latent_channels: of the latents, which are probed on the same grids.
    decoder: the latents' decoder's self-attention. twins: names of untrained networks that are probed in the
    same layers.
    """

    watched: tuple[Layer, ...]
    steps: int
    branches: tuple[str, ...]
    properties: tuple[Property, ...]
    latent_channels: int
    decoder: Layer | None = None
    twins: tuple[str, ...] = ()

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The watched layers, then their stand-ins: latents on each grid, decoder, twins' layers."""
        latents = (latent_layers(kind, self.grids, self.latent_channels) for kind in KINDS)
        twins = (replace(layer, name=f"{twin}.{layer.name}") for twin in self.twins for layer in self.watched)
        decoder = (self.decoder,) if self.decoder else ()
        return (*self.watched, *chain.from_iterable(latents), *decoder, *twins)

    @cached_property
    def stand_ins(self) -> dict[str, list[int]]:
        """By source: for each watched layer, the index among `layers` of what stands in for it."""
        count, first = len(self.watched), len(self.watched)
        found = {}
        for kind in KINDS:
            found[f"latents:{kind}"] = [first + self.grids.index(layer.grid) for layer in self.watched]
            first += len(self.grids)
        if self.decoder:
            found["decoder"] = [first] * count
            first += 1
        for twin in self.twins:
            found[twin] = list(range(first, first + count))
            first += count
        return found

    def __iter__(self) -> Iterator[tuple[int, int, int, Place]]:
        """Index of layer, step and branch, and the place (layer name, step from 1, branch)."""
        for i, layer in enumerate(self.layers):
            for step in range(self.steps):
                for b, branch in enumerate(self.branches):
                    yield i, step, b, (layer.name, step + 1, branch)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """Distinct grids, in order of the watched layers; the decoder's last."""
        layers = (*self.watched, self.decoder) if self.decoder else self.watched
        return tuple(dict.fromkeys(layer.grid for layer in layers))

    def grid_of(self, name: str) -> Grid:
        """The grid of a watched layer."""
        return next(layer.grid for layer in self.watched if layer.name == name)

    @property
    def main_branch(self) -> str:
        """The branch that best layers are chosen on."""
        return main_branch(self.branches)


def activations(record: StepRecord, layer: Layer, branch: str) -> Tensor:
    """What is read at a layer, or at a stand-in: [picture, token, channel]."""
    return record.activations[layer.name][branch] if layer.path else latent_tokens(record, layer)


def finest(grids: Iterable[Grid]) -> Grid:
    """The grid of the most tokens."""
    return max(grids, key=lambda grid: grid[0] * grid[1])


def grid_name(grid: Grid) -> str:
    """A grid as written in files, such as `16x16`."""
    return f"{grid[0]}x{grid[1]}"
