"""A preview of latents: a linear map from their channels to colour, fitted to some that were decoded."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from underpainting.probes import Moments, Probe, ridge
from underpainting.study.batch import to_bytes

STRENGTH = 1e-4


@dataclass(frozen=True)
class Colouring:
    """Colours of latents, cell by cell. probe: outputs [red, green, blue] of a latent's channels."""

    probe: Probe

    def __call__(self, latents: Tensor) -> Tensor:
        """Colours uint8 [h, w, 3] of latents [channel, h, w]."""
        return to_bytes(self.probe.apply(latents.movedim(0, -1))).cpu()


def fit_colouring(latents: Tensor, pictures: Tensor) -> Colouring:
    """Fit a preview to latents [picture, channel, h, w] and pictures [picture, 3, height, width] of them.

    Ridge regression of each cell's mean colour on its channels, as probes are fitted.
    """
    cells = adaptive_avg_pool2d(pictures.float(), (latents.shape[2], latents.shape[3]))
    moments = Moments(latents.shape[1], 3)
    moments.update(*(of.flatten(2).transpose(1, 2).float().cpu() for of in (latents, cells)))
    return Colouring(ridge(moments, [STRENGTH]).pick(0).float())
