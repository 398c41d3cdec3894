"""PixArt: a transformer without encoder and decoder, latents of a variational autoencoder."""

import re
from typing import Any

import torch

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.registry import register_adapter

_ATTENTION = re.compile(r"transformer_blocks\.(?P<block>\d+)\.attn1")


class PixArtAdapter(Adapter):
    """Watched is `attn1` of every block, all on one grid: `block.0` to `block.27`."""

    part = "transformer"

    def accepts(self, pipe: Any) -> bool:
        """PixArt-Alpha and PixArt-Sigma."""
        kinds = {kind.__name__ for kind in type(pipe).__mro__}
        return bool(kinds & {"PixArtAlphaPipeline", "PixArtSigmaPipeline"})

    def self_attention(self, denoiser: torch.nn.Module) -> dict[str, str]:
        """`block.0`, `block.1`, ... in network order."""
        found = {}
        for path, _ in denoiser.named_modules():
            if match := _ATTENTION.fullmatch(path):
                found[int(match["block"])] = path
        return {f"block.{number}": found[number] for number in sorted(found)}

    def example_inputs(self, pipe: Any, size: tuple[int, int]) -> dict[str, Any]:
        """A latent, a timestep and 120 text tokens; sizes where the transformer takes them."""
        config = pipe.transformer.config
        takes_sizes = pipe.transformer.use_additional_conditions
        shapes = {"resolution": (1, 2), "aspect_ratio": (1, 1)}
        return {
            "hidden_states": torch.empty((1, *self.latents(pipe, size)), device="meta"),
            "encoder_hidden_states": torch.empty((1, 120, config.caption_channels), device="meta"),
            "timestep": torch.ones((1,), device="meta"),
            "added_cond_kwargs": {
                name: torch.ones(shape, device="meta") if takes_sizes else None
                for name, shape in shapes.items()
            },
        }


register_adapter("pixart", PixArtAdapter())
