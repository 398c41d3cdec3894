"""Reading activations with probes while the picture is being made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.probes.moments import full_float32
from underpainting.study.places import Place, Places, activations


@dataclass(frozen=True)
class Reader:
    """Linear maps of one place.

    weight [channel, strength, source, property], bias [strength, source, property], float32.
    """

    weight: Tensor
    bias: Tensor

    def read(self, x: Tensor) -> Tensor:
        """Activations [picture, token, channel] to readings [picture, property, strength, source, token]."""
        with full_float32(x.device):
            flat = x.float() @ self.weight.flatten(1).to(x.device) + self.bias.flatten().to(x.device)
        return flat.reshape(*flat.shape[:2], *self.bias.shape).permute(0, 4, 2, 3, 1)


class Readings:
    """What the probes read of a batch.

    maps: by layer, [picture, property, step, branch, strength, source, token].
    """

    def __init__(self, places: Places, readers: Mapping[Place, Reader], pictures: int) -> None:
        """Make room for a batch."""
        self._places, self._readers = places, readers
        self.maps: dict[str, Tensor] = {}
        for i, _, _, place in places:
            layer, bias = places.layers[i], readers[place].bias
            if layer.name not in self.maps:
                strengths, sources, properties = bias.shape
                tokens = layer.grid[0] * layer.grid[1]
                size = (pictures, properties, places.steps, len(places.branches), strengths, sources, tokens)
                self.maps[layer.name] = torch.empty(size)

    def look(self, record: StepRecord) -> None:
        """Read one step's activations."""
        for layer in self._places.layers:
            for b, branch in enumerate(self._places.branches):
                reader = self._readers[layer.name, record.step, branch]
                read = reader.read(activations(record, layer, branch))
                self.maps[layer.name][:, :, record.step - 1, b] = read.cpu()
