"""What a scheduler's step is called with at every network evaluation, seen without the library."""

import functools
from typing import Any, NamedTuple

import diffusers
import torch

from underpainting.diffusion import Model


class StepCall(NamedTuple):
    """The arguments of one step."""

    output: torch.Tensor
    timestep: Any
    sample: torch.Tensor


SEVERAL: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "heun": (diffusers.HeunDiscreteScheduler, {}),
    "kdpm2": (diffusers.KDPM2DiscreteScheduler, {}),
    "kdpm2 ancestral": (diffusers.KDPM2AncestralDiscreteScheduler, {}),
    "pndm": (diffusers.PNDMScheduler, {"skip_prk_steps": True}),
    "pndm, runge kutta": (diffusers.PNDMScheduler, {"skip_prk_steps": False}),
}
"""Schedulers that call the network more than once in some steps."""


def use_several(model: Model, name: str) -> Model:
    """Give a model's pipeline one of those."""
    kind, settings = SEVERAL[name]
    model.pipe.scheduler = kind.from_config(model.pipe.scheduler.config, **settings)
    return model


def step_calls(scheduler: Any) -> list[StepCall]:
    """A list that fills as the scheduler steps."""
    calls: list[StepCall] = []
    original = scheduler.step

    @functools.wraps(original)
    def step(output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(StepCall(output, timestep, sample))
        return original(output, timestep, sample, *args, **kwargs)

    scheduler.step = step
    return calls
