"""Activations and labels kept for the published probes, which need them all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from underpainting.diffusion import Layer, StepRecord
from underpainting.probes import Patches, best_threshold, dice, pixel_ranks, spearman
from underpainting.vocabulary import Grid, Property

BRANCH = "conditional"


class Known:
    """Activations of a few layers and steps, and labels, gathered batch by batch."""

    def __init__(self, layers: Sequence[Layer], steps: Sequence[int]) -> None:
        """Know nothing yet."""
        self._layers, self._steps = layers, steps
        self._activations: dict[tuple[str, int], list[Tensor]] = {}
        self._labels: dict[str, list[Tensor]] = {}

    def look(self, record: StepRecord) -> None:
        """Keep one step's activations."""
        if record.step in self._steps:
            for layer in self._layers:
                x = record.activations[layer.name][BRANCH].clone()
                self._activations.setdefault((layer.name, record.step), []).append(x)

    def label(self, labels: Mapping[str, Tensor]) -> None:
        """Keep a batch's labels [picture, height, width] by property."""
        for name, label in labels.items():
            self._labels.setdefault(name, []).append(label)

    def activations(self, layer: Layer, step: int) -> Tensor:
        """All activations of a place: [picture, token, channel]."""
        return torch.cat(self._activations[layer.name, step])

    def labels(self, found: Property) -> Tensor:
        """All labels of a property: [picture, height, width]."""
        return torch.cat(self._labels[found.name])


def held_out_score(maps: Sequence[Tensor], labels: Sequence[Tensor], grid: Grid, binary: bool) -> float:
    """Mean Dice (binary) or rank correlation on test pictures, by what is best on calibrate pictures.

    maps (calibrate, test) [candidate, picture, token], labels (calibrate, test) [picture, height, width].
    Chosen on calibrate are the candidate and, for Dice, the threshold.
    """
    calibrate, test = (Patches.of(y, grid, None if binary else pixel_ranks(y)) for y in labels)
    if binary:
        thresholds, quality = best_threshold(maps[0].movedim(0, 1), calibrate)
        best = int(quality.argmax())
        return float(dice(maps[1][best] > thresholds[best], test).nanmean())
    best = int(spearman(maps[0], calibrate).nanmean(-1).nan_to_num(-1).argmax())
    return float(spearman(maps[1][best], test).nanmean())
