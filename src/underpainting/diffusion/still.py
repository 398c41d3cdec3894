"""A picture looked at rather than made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.clean import NoiseLevel, noise_level


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

    def first(self, scheduler: Any) -> torch.Tensor:
        """What a pipeline, which scales it, is to begin with so that it begins with the picture.

        scheduler: one that has been given its timesteps.
        """
        level = noise_level(scheduler, float(scheduler.timesteps[0]))
        return self.at(level) / float(getattr(scheduler, "init_noise_sigma", 1.0))


def with_noise(clean: torch.Tensor, seeds: Sequence[int]) -> Still:
    """Clean latents with noise that is drawn for each picture from its own CPU generator."""
    noise = [torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(int(s))) for s in seeds]
    return Still(clean, torch.stack(noise).to(clean))
