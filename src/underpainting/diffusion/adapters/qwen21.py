"""Qwen-Image 2.1: single latents as tokens, pictures with a fourth channel."""

from typing import Any

import torch

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.registry import register_adapter
from underpainting.diffusion.packing import Packing


class QwenImage21Adapter(Adapter):
    """Its autoencoder's pictures have an opacity: here they have nothing behind them."""

    packing = Packing(1)
    picture = "last"
    remembers = True

    def encode(self, pipe: Any, pictures: torch.Tensor) -> torch.Tensor:
        """Of opaque pictures."""
        return super().encode(pipe, torch.cat([pictures, torch.ones_like(pictures[:, :1])], dim=1))

    def decode(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Red, green and blue."""
        return super().decode(pipe, latents)[:, :3]


register_adapter("qwen-image 2.1", QwenImage21Adapter("QwenImage21Pipeline"))
