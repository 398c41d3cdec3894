"""A picture looked at rather than made."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from underpainting.diffusion.clean import NoiseLevel


@dataclass(frozen=True, eq=False)
class Still:
    """Clean latents and noise of pictures that every step sees mixed at its level.

    Both are [picture, channel, h, w].
    """

    clean: torch.Tensor
    noise: torch.Tensor

    def at(self, level: NoiseLevel) -> torch.Tensor:
        """The latents of the picture at a noise level, as the scheduler in use would have them."""
        return level.signal * self.clean + level.noise * self.noise


def with_noise(clean: torch.Tensor, seeds: Sequence[int]) -> Still:
    """Clean latents with noise of their shape; see `white_noise`."""
    return Still(clean, white_noise(clean, seeds))


def white_noise(latents: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
    """Noise of the shape and dtype of latents, drawn for each picture from its own CPU generator."""
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    noise = [torch.randn(latents.shape[1:], generator=own, dtype=latents.dtype) for own in generators]
    return torch.stack(noise).to(latents)
