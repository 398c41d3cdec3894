"""Where a denoising begins, when that is not its seeds' noise at the first step."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.clean import NoiseLevel, noise_level
from underpainting.diffusion.evaluations import steps_of_evaluations
from underpainting.errors import UnderpaintingError


@dataclass(frozen=True, eq=False)
class Begin:
    """What a denoising begins with, and its first step.

    latents: white noise [picture, channel, h, w], which the pipeline scales as it does its own; or what gives
    them at the first step's noise level, such as `Still.at` (which is SDEdit: Meng et al. 2022, arXiv
    2108.01073). step: the first step, from 1; those before it are not done.
    """

    latents: torch.Tensor | Callable[[NoiseLevel], torch.Tensor]
    step: int = 1

    def first(self, scheduler: Any) -> torch.Tensor:
        """What a pipeline, which scales it, is to begin with; the scheduler has its timesteps."""
        if isinstance(self.latents, torch.Tensor):
            return self.latents
        level = noise_level(scheduler, float(scheduler.timesteps[0]))
        return self.latents(level) / float(getattr(scheduler, "init_noise_sigma", 1.0))


@contextmanager
def schedule_from(scheduler: Any, first: int, steps: int) -> Iterator[None]:
    """Let a scheduler give timesteps only from a step on, whenever it is asked for so many steps.

    It then begins there as at a first step: multistep schedulers know of no outputs before it. Raises
    UnderpaintingError, when timesteps are asked for, where a scheduler can only begin at the first.
    """
    if first == 1:
        yield
        return
    original, before = scheduler.set_timesteps, scheduler.__dict__.get("set_timesteps")

    @functools.wraps(original)  # pipelines read off its signature what it takes
    def set_timesteps(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        _drop(scheduler, steps_of_evaluations(scheduler, steps).index(first))
        if scheduler.num_inference_steps == steps and hasattr(scheduler, "step_index"):
            scheduler.num_inference_steps -= first - 1  # it counts steps; others stride by how many there are

    scheduler.set_timesteps = set_timesteps
    try:
        yield
    finally:
        if before is None:
            del scheduler.__dict__["set_timesteps"]
        else:
            scheduler.set_timesteps = before


def _drop(scheduler: Any, evaluations: int) -> None:
    """Take evaluations off the front of a scheduler's timesteps and of every list of them that it keeps."""
    timesteps = scheduler.timesteps[evaluations:]
    if type(scheduler).__name__ == "PNDMScheduler":
        if len(scheduler.prk_timesteps):
            raise UnderpaintingError(
                "PNDMScheduler with a Runge-Kutta start can only begin at step 1: set skip_prk_steps to "
                "true, or use another scheduler"
            )
        timesteps = torch.cat([timesteps[:2], timesteps[1:]])  # its first step is done twice
    scheduler.timesteps = timesteps
    for name, values in list(vars(scheduler).items()):
        if (name.startswith("sigmas") and torch.is_tensor(values)) or name == "order_list":
            setattr(scheduler, name, values[evaluations:])
