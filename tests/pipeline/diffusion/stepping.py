"""What a scheduler's step is called with at every network evaluation, seen without the library."""

import functools
from typing import Any, NamedTuple

import torch


class StepCall(NamedTuple):
    """The arguments of one step."""

    output: torch.Tensor
    timestep: Any
    sample: torch.Tensor


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
