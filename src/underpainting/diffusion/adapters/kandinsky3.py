"""Kandinsky 3: a U-Net of its own, and an autoencoder by another name that scales nothing."""

from typing import Any

import torch

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.modules import Named, layers_by_kind
from underpainting.diffusion.adapters.registry import register_adapter


class Kandinsky3Adapter(Adapter):
    """Its attention to the picture and to the text is of one class; they differ in what keys are made of."""

    part = "unet"

    def layers(self, denoiser: torch.nn.Module) -> dict[str, Named]:
        """Attention to itself is that whose keys are made of as many channels as its queries are."""

        def looks_at_itself(module: Any) -> bool:
            return hasattr(module, "to_k") and module.to_k.in_features == module.to_q.in_features

        def looks_at_text(module: Any) -> bool:
            return hasattr(module, "to_k") and module.to_k.in_features != module.to_q.in_features

        return layers_by_kind(denoiser, looks_at_itself, looks_at_text)

    def factor(self, pipe: Any) -> int:
        """Eight pixels."""
        return 8

    def encode(self, pipe: Any, pictures: torch.Tensor) -> torch.Tensor:
        """As they come."""
        given = (pictures * 2 - 1).to(pipe._execution_device, pipe.movq.dtype)
        latents: torch.Tensor = pipe.movq.encode(given).latents
        return latents

    def decode(self, pipe: Any, latents: torch.Tensor) -> torch.Tensor:
        """Not quantised."""
        given = latents.to(pipe._execution_device, pipe.movq.dtype)
        made: torch.Tensor = pipe.movq.decode(given, force_not_quantize=True).sample
        return (made * 0.5 + 0.5).clamp(0, 1).float()

    def decoder_channels(self, pipe: Any) -> None:
        """None are known."""


register_adapter("kandinsky 3", Kandinsky3Adapter("Kandinsky3Pipeline"))
