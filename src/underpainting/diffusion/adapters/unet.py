"""Stable Diffusion 1 and 2, XL, latent consistency models: U-Nets with cross-attention."""

from typing import Any

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.registry import register_adapter


class UNetAdapter(Adapter):
    """A U-Net that is conditioned on the prompt alone."""

    part = "unet"
    conditions: str | None = None

    def accepts(self, pipe: Any) -> bool:
        """Text-to-image pipelines of the family whose U-Net has these conditions."""
        return super().accepts(pipe) and pipe.unet.config.addition_embed_type == self.conditions


class SDXLAdapter(UNetAdapter):
    """One that is conditioned on the picture's size too (not on a refiner's aesthetic score)."""

    conditions = "text_time"


register_adapter(
    "stable diffusion",
    UNetAdapter(
        "StableDiffusionPipeline", "StableDiffusionControlNetPipeline", "LatentConsistencyModelPipeline"
    ),
)
register_adapter(
    "stable diffusion xl", SDXLAdapter("StableDiffusionXLPipeline", "StableDiffusionXLControlNetPipeline")
)
