"""Stable Diffusion 1 and 2: a U-Net with cross-attention, latents of a variational autoencoder."""

import re
from typing import Any

import torch

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.registry import register_adapter

_ATTENTION = re.compile(
    r"(?P<part>down|mid|up)_blocks?(?:\.(?P<block>\d+))?\.attentions\.(?P<attention>\d+)"
    r"\.transformer_blocks\.(?P<transformer>\d+)\.attn1"
)
_PARTS = ("down", "mid", "up")


class UNetAdapter(Adapter):
    """Watched is `attn1` of every transformer block; its output is that of its `to_out.0`."""

    part = "unet"

    def accepts(self, pipe: Any) -> bool:
        """Text-to-image Stable Diffusion, with a ControlNet or without; the U-Net has no other condition."""
        kinds = {kind.__name__ for kind in type(pipe).__mro__}
        known = {"StableDiffusionPipeline", "StableDiffusionControlNetPipeline"}
        return bool(kinds & known) and pipe.unet.config.addition_embed_type is None

    def self_attention(self, denoiser: torch.nn.Module) -> dict[str, str]:
        """`up.3.0` for the only block of `up_blocks.3.attentions.0`, `up.3.0.1` where blocks stack."""
        found: list[tuple[tuple[int, ...], str]] = []
        for path, module in denoiser.named_modules():
            match = _ATTENTION.fullmatch(path)
            if match and not getattr(module, "is_cross_attention", False):
                place = tuple(int(match[key]) for key in ("block", "attention", "transformer") if match[key])
                found.append(((_PARTS.index(match["part"]), *place), path))
        stacked = {place[:-1] for place, _ in found if place[-1] > 0}
        layers = {}
        for place, path in sorted(found):
            numbers = place[1:] if place[:-1] in stacked else place[1:-1]
            layers[".".join([_PARTS[place[0]], *map(str, numbers)])] = path
        return layers

    def example_inputs(self, pipe: Any, size: tuple[int, int]) -> dict[str, Any]:
        """A latent, a timestep and 77 text tokens, all without contents."""
        return {
            "sample": torch.empty((1, *self.latents(pipe, size)), device="meta"),
            "timestep": torch.ones((), device="meta"),
            "encoder_hidden_states": torch.empty(
                (1, 77, pipe.unet.config.cross_attention_dim), device="meta"
            ),
        }


register_adapter("stable diffusion", UNetAdapter())
