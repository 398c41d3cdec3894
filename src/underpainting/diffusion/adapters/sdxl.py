"""Stable Diffusion XL: two text encoders, whose pooled text and the picture's size are further conditions."""

from typing import Any

import torch

from underpainting.diffusion.adapters.registry import register_adapter
from underpainting.diffusion.adapters.unet import UNetAdapter


class SDXLAdapter(UNetAdapter):
    """As Stable Diffusion, whose layers' names get a third number: transformers stack in every block."""

    def accepts(self, pipe: Any) -> bool:
        """Text-to-image SDXL, with a ControlNet or without, with its base conditions (not the refiner's
        aesthetic score).
        """
        kinds = {kind.__name__ for kind in type(pipe).__mro__}
        known = {"StableDiffusionXLPipeline", "StableDiffusionXLControlNetPipeline"}
        return bool(kinds & known) and pipe.unet.config.addition_embed_type == "text_time"

    def example_inputs(self, pipe: Any, size: tuple[int, int]) -> dict[str, Any]:
        """As Stable Diffusion's, with a pooled text and six numbers of sizes and crops."""
        config = pipe.unet.config
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        conditions = {
            "text_embeds": torch.empty((1, pooled), device="meta"),
            "time_ids": torch.empty((1, 6), device="meta"),
        }
        return {**super().example_inputs(pipe, size), "added_cond_kwargs": conditions}


register_adapter("stable diffusion xl", SDXLAdapter())
