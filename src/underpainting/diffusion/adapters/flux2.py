"""Flux.2 and its klein: packed latents that begin as patches on their grid."""

import torch

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.registry import register_adapter
from underpainting.diffusion.packing import Packing


class Flux2Adapter(Adapter):
    """What its calls take and give are not the scheduler's latents."""

    packing = Packing()
    picture = "last"

    def begun_with(self, latents: torch.Tensor) -> torch.Tensor:
        """Patches [picture, number, h / 2, w / 2] on their grid."""
        pictures, _, height, width = latents.shape
        tokens = self.packed(latents).transpose(1, 2)
        return tokens.reshape(pictures, -1, height // self.packing.patch, width // self.packing.patch)

    def finished(self, returned: torch.Tensor, stepped: torch.Tensor) -> torch.Tensor:
        """Those of the last step, for klein returns latents of the autoencoder."""
        return stepped


register_adapter("flux 2", Flux2Adapter("Flux2Pipeline", "Flux2KleinPipeline"))
