"""Where a denoising begins, when that is not its seeds' noise at the first step."""

import functools
from collections.abc import Callable, Iterator, Sequence
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


@dataclass(frozen=True)
class Larger:
    """Larger steps: after a step, from 1, only each `stride`-th is done, the first of them and on."""

    after: int
    stride: int = 2

    def of(self, steps: Sequence[int]) -> list[int]:
        """Those of some steps that are done."""
        return [step for step in steps if step <= self.after or (step - self.after - 1) % self.stride == 0]


def require_larger(scheduler: Any, steps: int) -> None:
    """Raise UnderpaintingError where a scheduler, which has its timesteps, makes steps of one size alone."""
    if (
        not hasattr(scheduler, "step_index")
        or hasattr(scheduler, "order_list")
        or len(scheduler.timesteps) != steps
    ):
        raise UnderpaintingError(
            f"{type(scheduler).__name__} cannot make larger steps: use a scheduler of one evaluation a step "
            "that steps from noise level to noise level, such as lms, euler, dpm++ or flow-euler"
        )


@contextmanager
def schedule_of(scheduler: Any, done: Sequence[int], steps: int) -> Iterator[None]:
    """Let a scheduler give the timesteps of some steps alone, whenever it is asked for so many steps.

    At the first of them it begins as at a first step: multistep schedulers know of no outputs before it. Each
    goes on to the next one's noise level, the last to none. Raises UnderpaintingError, when timesteps are
    asked for, where a scheduler can only begin at the first, or makes steps of one size alone.
    """
    if len(done) == steps:
        yield
        return
    original, before = scheduler.set_timesteps, scheduler.__dict__.get("set_timesteps")

    @functools.wraps(original)  # pipelines read off its signature what it takes
    def set_timesteps(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        _keep(scheduler, done, steps)
        if scheduler.num_inference_steps == steps and hasattr(scheduler, "step_index"):
            scheduler.num_inference_steps = len(done)  # it counts steps; others stride by how many there are

    scheduler.set_timesteps = set_timesteps
    try:
        yield
    finally:
        if before is None:
            del scheduler.__dict__["set_timesteps"]
        else:
            scheduler.set_timesteps = before


def _keep(scheduler: Any, done: Sequence[int], steps: int) -> None:
    """Keep the evaluations of some steps in a scheduler's timesteps and in every list of them."""
    kind, count = type(scheduler).__name__, len(scheduler.timesteps)
    kept = [i for i, step in enumerate(steps_of_evaluations(scheduler, steps)) if step in set(done)]
    if done[-1] - done[0] >= len(done):
        require_larger(scheduler, steps)
    timesteps = scheduler.timesteps[kept]
    if kind == "PNDMScheduler":
        if len(scheduler.prk_timesteps):
            raise UnderpaintingError(
                "PNDMScheduler with a Runge-Kutta start can only begin at step 1: set skip_prk_steps to "
                "true, or use another scheduler"
            )
        timesteps = torch.cat([timesteps[:2], timesteps[1:]])  # its first step is done twice
    scheduler.timesteps = timesteps
    for name, values in list(vars(scheduler).items()):
        if (name.startswith("sigmas") and torch.is_tensor(values)) or name == "order_list":
            left = [i for i in (*kept, *range(count, len(values))) if i < len(values)]
            setattr(scheduler, name, values[left] if torch.is_tensor(values) else [values[i] for i in left])
