"""One linear map: what every probe is, however it was fitted and whatever it reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.probes.moments import full_float32


@dataclass(frozen=True)
class Probe:
    """A linear map from a layer's channels to outputs of any shape: `activations @ weight + bias`.

    weight [channel, ...] and bias [...]. The probe of one property has no further dimension; others have the
    one they name, such as [property], [strength, target] or [class].
    """

    weight: Tensor
    bias: Tensor

    def apply(self, x: Tensor) -> Tensor:
        """Readings [..., *outputs] of activations x [..., channel], in float32 on the device of x.

        Raises UnderpaintingError where x has other channels.
        """
        if x.shape[-1:] != self.weight.shape[:1]:
            raise UnderpaintingError(
                f"the probe reads {len(self.weight)} channels, got activations {tuple(x.shape)}; "
                "give the layer that it was fitted to"
            )
        weight, bias = (part.to(x.device, torch.float32) for part in (self.weight, self.bias))
        with full_float32(x.device):
            flat = x.float() @ weight.reshape(len(weight), -1) + bias.reshape(-1)
        return flat.reshape((*x.shape[:-1], *bias.shape))

    def pick(self, *index: int) -> Probe:
        """The probe of one output, or of the rest of the dimensions, by its place in the first ones."""
        weight, bias = self.weight, self.bias
        for i in index:
            weight, bias = weight[:, i], bias[i]
        return Probe(weight, bias)

    def float(self) -> Probe:
        """The same in float32, as it is kept and applied."""
        return Probe(self.weight.float().contiguous(), self.bias.float().contiguous())


def joined(probes: list[Probe]) -> Probe:
    """Probes of one layer side by side: their outputs get a last dimension."""
    weight = torch.stack([probe.weight for probe in probes], dim=-1)
    return Probe(weight, torch.stack([probe.bias for probe in probes], dim=-1))
