"""Network evaluations of a run, and the steps that they make up."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from underpainting.diffusion.schedulers import SPACES, prediction_of
from underpainting.errors import UnderpaintingError


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of the network, for both branches of guidance, by one call or by two.

    number: in the whole run, from 0. step: the denoising step that it belongs to, from 1. first: whether it
    is its step's first, which is what is recorded of a step. branches: those of the call that is going on, in
    the order of its rows.
    """

    number: int
    step: int
    first: bool
    branches: tuple[str, ...] = ("conditional",)


class Evaluations:
    """Where a run is: how many evaluations are done, and what the one that is going on is.

    done: evaluations that are done, which is the number of the present one, from 0.
    """

    def __init__(self, scheduler: Any, asked: Sequence[int]) -> None:
        """asked: the steps that are done, from 1.

        Nothing is read off the scheduler before it has been given its timesteps.
        """
        self.done = 0
        self._scheduler = scheduler
        self._asked = asked

    @cached_property
    def _steps(self) -> list[int]:
        return [self._asked[i - 1] for i in steps_of_evaluations(self._scheduler, len(self._asked))]

    @cached_property
    def _timesteps(self) -> list[float]:
        return [float(timestep) for timestep in self._scheduler.timesteps.tolist()]

    @property
    def step(self) -> int:
        """The present evaluation's step, from 1."""
        return self._steps[self.done]

    @property
    def timestep(self) -> float:
        """The present evaluation's timestep, as given to the network."""
        return self._timesteps[self.done]

    @property
    def first(self) -> bool:
        """Whether the present evaluation is its step's first."""
        return self.done == 0 or self._steps[self.done - 1] != self.step

    def present(self, branches: tuple[str, ...]) -> Evaluation:
        """The evaluation that is going on, and the branches of its call."""
        return Evaluation(self.done, self.step, self.first, branches)

    @property
    def last(self) -> bool:
        """Whether the present evaluation is its step's last."""
        return self.done + 1 == len(self._steps) or self._steps[self.done + 1] != self.step

    @property
    def over(self) -> bool:
        """Whether all evaluations are done."""
        return self.done == len(self._steps)

    def check(self, timestep: float) -> None:
        """Raise UnderpaintingError where the scheduler is not to step over the present evaluation's timestep,
        but over another part of the picture's.
        """
        if self.over or timestep != self.timestep:
            raise UnderpaintingError(
                f"evaluation {self.done + 1} of {len(self._steps)} is stepped over at timestep {timestep:g}, "
                "out of turn: pipelines that make a picture in parts cannot be watched; give one of one part"
            )


def steps_planned(scheduler: Any, steps: int) -> list[int]:
    """The step, from 1, of each network evaluation of a run to come; the scheduler stays as it is.

    Raises UnderpaintingError where it cannot be watched, or cannot make so many steps.
    """
    prediction_of(scheduler)
    kind, ahead = type(scheduler), copy.copy(scheduler)
    shifted = SPACES[kind.__name__] == "flow" and scheduler.config.get("use_dynamic_shifting", False)
    try:
        kind.set_timesteps(ahead, steps, **({"mu": 1.0} if shifted else {}))  # moves timesteps, adds none
    except ValueError as error:
        raise UnderpaintingError(
            f"{kind.__name__} cannot make {steps} steps: use another number of steps or another scheduler "
            f"({' '.join(str(error).split())})"
        ) from error
    return steps_of_evaluations(ahead, steps)


def steps_of_evaluations(scheduler: Any, steps: int) -> list[int]:
    """The step, from 1, of each network evaluation, for a scheduler that has been given `steps` steps.

    One evaluation a step for most; Heun and KDPM2 spend two on all steps but the last, PNDM's linear
    multistep two on the first, its Runge-Kutta start four on each of three. Raises UnderpaintingError if the
    counts fit none of these.
    """
    count = len(scheduler.timesteps)
    if type(scheduler).__name__ == "PNDMScheduler":
        runge_kutta = len(scheduler.prk_timesteps)
        if runge_kutta:
            first = [i // 4 + 1 for i in range(runge_kutta)]
            return first + [first[-1] + 1 + i for i in range(count - runge_kutta)]
        return [max(1, i) for i in range(count)]
    if count == steps:
        return list(range(1, steps + 1))
    if count == 2 * steps - 1:
        return [i // 2 + 1 for i in range(count)]
    raise UnderpaintingError(
        f"{type(scheduler).__name__} makes {count} network evaluations of {steps} steps, an unknown pattern: "
        "use another number of steps or another scheduler"
    )
