"""What is summed over the fit pictures: moments of every place, means that position alone explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from underpainting.controls.always import position_map
from underpainting.errors import UnderpaintingError
from underpainting.probes import Moments, Probe, TokenMeans, load_sums, moments_bytes, ridge, save_sums
from underpainting.study.places import TARGETS, Places
from underpainting.vocabulary import Grid, Place, ProbeLayer, grid_name

MOMENTS, ACTIVATIONS, LABELS = "moments", "activations", "labels"


@dataclass(frozen=True)
class Totals:
    """Sums over pictures; those of two sets of pictures add up.

    moments: of each place's activations and all properties' labels, then those of other pictures. tokens:
    mean activation of each token of a place. labels: mean label of each token of a grid, [token, property].
    """

    moments: dict[Place, Moments]
    tokens: dict[Place, TokenMeans]
    labels: dict[Grid, TokenMeans]

    def merge(self, other: Totals) -> None:
        """Add another set of pictures of the same places. Raises UnderpaintingError where they are others."""
        pairs = ((self.moments, other.moments), (self.tokens, other.tokens), (self.labels, other.labels))
        if any(mine.keys() != theirs.keys() for mine, theirs in pairs):
            raise UnderpaintingError(
                "moments of other layers or steps cannot be added up; run the study again"
            )
        for place, moments in self.moments.items():
            moments.merge(other.moments[place])
            self.tokens[place].merge(other.tokens[place])
        for grid, means in self.labels.items():
            means.merge(other.labels[grid])

    @property
    def positions(self) -> dict[Grid, Tensor]:
        """By grid, what position alone predicts: [property, token]."""
        return {grid: position_map(means) for grid, means in self.labels.items()}

    def write(self, path: Path) -> None:
        """Write all as one safetensors file."""
        sums: dict[str, Moments | TokenMeans] = {}
        for place, moments in self.moments.items():
            sums["/".join([MOMENTS, *map(str, place)])] = moments
            sums["/".join([ACTIVATIONS, *map(str, place)])] = self.tokens[place]
        sums |= {f"{LABELS}/{grid_name(grid)}": means for grid, means in self.labels.items()}
        save_sums(path, sums)


def empty_totals(places: Places) -> Totals:
    """Sums of no pictures."""
    targets = len(places.properties)
    moments, tokens = {}, {}
    for i, _, _, place in places:
        layer = places.layers[i]
        moments[place] = Moments(layer.channels, len(TARGETS) * targets)
        tokens[place] = TokenMeans(layer.tokens, layer.channels)
    return Totals(moments, tokens, {grid: TokenMeans(grid[0] * grid[1], targets) for grid in places.grids})


def totals_bytes(layers: Sequence[ProbeLayer], times: int, properties: int) -> tuple[int, int]:
    """Bytes of the totals of some layers, each at so many steps and branches: of all, and of moments alone.

    In memory and, to within a header, on disk.
    """
    moments = sum(moments_bytes(layer.channels, len(TARGETS) * properties) for layer in layers)
    means = sum(8 * layer.tokens * layer.channels for layer in layers)
    labels = sum(8 * rows * columns * properties for rows, columns in {layer.grid for layer in layers})
    return (moments + means) * times + labels, moments * times


def read_totals(path: Path) -> Totals:
    """Read what `Totals.write` wrote. Raises UnderpaintingError where it is missing or broken."""
    totals = Totals({}, {}, {})
    for name, sums in load_sums(path)[0].items():
        kind, *where = name.split("/")
        if isinstance(sums, Moments):
            totals.moments[_place(*where)] = sums
        elif kind == ACTIVATIONS:
            totals.tokens[_place(*where)] = sums
        else:
            rows, columns = where[0].split("x")
            totals.labels[int(rows), int(columns)] = sums
    return totals


def solve(totals: Totals, places: Places, strengths: tuple[float, ...]) -> dict[Place, Probe]:
    """Probes of every place: outputs [strength, target, property], targets as in `TARGETS`."""
    probes = {}
    for _, _, _, place in places:
        solved = ridge(totals.moments[place], strengths)
        shape = (len(strengths), len(TARGETS), len(places.properties))
        weight = solved.weight.reshape(-1, *shape)
        probes[place] = Probe(weight, solved.bias.reshape(shape)).float()
    return probes


def _place(layer: str, step: str, branch: str) -> Place:
    return Place(layer, int(step), branch)
