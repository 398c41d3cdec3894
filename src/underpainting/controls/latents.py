"""The latents on a layer's grid, as if they were a layer: what a linear probe reads without the network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from underpainting.diffusion import Layer, StepRecord

KINDS = ("noisy", "clean")


def latent_layers(kind: str, grids: Sequence[tuple[int, int]], channels: int) -> tuple[Layer, ...]:
    """One stand-in for a layer a grid; its path is empty, as no module gives it."""
    return tuple(Layer(f"latents.{kind}.{h}x{w}", (h, w), channels, path="") for h, w in grids)


def latent_tokens(record: StepRecord, layer: Layer) -> Tensor:
    """What `latent_layers` stand for: [picture, token, channel], averaged over each token's cell.

    `noisy` are the latents before the step, `clean` the predicted clean latents of the step.
    """
    kind = layer.name.split(".")[1]
    latents = record.latents if kind == "noisy" else record.predicted_clean
    return adaptive_avg_pool2d(latents.float(), layer.grid).flatten(2).transpose(1, 2)
