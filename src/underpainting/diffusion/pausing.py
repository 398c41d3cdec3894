"""A denoising that stopped early, and goes on: what the network said is replayed, then it is called again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.evaluations import Evaluations, steps_planned
from underpainting.diffusion.rehearsal import answered, arguments_of
from underpainting.errors import UnderpaintingError

TOLERANCE = 1e-2
"""Latents that differ by more than this share of their standard deviation are not those of the same run."""


@dataclass(frozen=True, eq=False)
class Paused:
    """Pictures that were denoised up to a step, from which `Model.denoise(resume=...)` goes on.

    step: the last one that is done. outputs [picture, evaluation, ...]: what the scheduler was given at each
    evaluation so far, after guidance, as it has latents. latents [picture, channel, h, w]: after the step.

    The new call runs the pipeline from its beginning with the same prompts, seeds and settings, and gives the
    scheduler these outputs in place of the network's. So all that a scheduler keeps (earlier derivatives,
    outputs, samples) and all that generators draw comes out as it was, under any scheduler. It costs the
    encoding of the prompts and as many steps of the scheduler, but no evaluation of the network (one where a
    family's network remembers its first), and as many times the latents' size in memory as there were
    evaluations. It assumes that a picture's latents do not
    depend on those beside it, and that a pipeline keeps nothing of its own from step to step, but for latents
    (a guidance with momentum would).

    Going on with the same pictures is equal to never having stopped, bit for bit. Of pictures picked out of a
    batch the latents after `step` are too; later ones may differ in last digits, for a network's depend on
    the batch's size.
    """

    step: int
    outputs: torch.Tensor
    latents: torch.Tensor

    def pick(self, pictures: Sequence[int]) -> Paused:
        """Some of the pictures, by their places in the batch, in this order."""
        return replace(self, outputs=self.outputs[[*pictures]], latents=self.latents[[*pictures]])

    def check(self, scheduler: Any, steps: int, pictures: int) -> None:
        """Raise UnderpaintingError where a run of so many steps and pictures cannot go on from here."""
        if pictures != len(self.outputs):
            raise UnderpaintingError(
                f"{len(self.outputs)} pictures were stopped and {pictures} are to go on: pick those"
            )
        evaluations = sum(step <= self.step for step in steps_planned(scheduler, steps))
        if self.step >= steps or evaluations != self.outputs.shape[1]:
            raise UnderpaintingError(
                f"pictures stopped after step {self.step}, at {self.outputs.shape[1]} evaluations, cannot go "
                f"on in {steps} steps of {type(scheduler).__name__}: give those that they were begun with"
            )

    def check_replayed(self, latents: torch.Tensor) -> None:
        """Raise UnderpaintingError where replaying led to other latents than those that were stopped at."""
        apart = (latents.float() - self.latents.to(latents.device).float()).abs().max()
        if not float(apart) <= TOLERANCE * float(self.latents.float().std()):
            raise UnderpaintingError(
                f"the latents after step {self.step} are not those that these pictures were stopped at: give "
                "the prompts, seeds and settings that they were begun with"
            )


def paused_together(parts: Sequence[Paused]) -> Paused:
    """Pictures that were stopped after the same step in several batches, as one batch."""
    outputs, latents = torch.cat([of.outputs for of in parts]), torch.cat([of.latents for of in parts])
    return replace(parts[0], outputs=outputs, latents=latents)


class _Silent:
    """Stands in for a network, and gives zeros until all that was said before is replayed."""

    def __init__(self, network: Any, answer: Any, evaluations: Evaluations, silent: range) -> None:
        """answer: what the network gives of one picture. silent: evaluations, from 0, that are not made."""
        self._network, self._answer = network, answer
        self._evaluations, self._silent = evaluations, silent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._evaluations.done not in self._silent:
            return self._network(*args, **kwargs)
        latents = next(rows for _, rows in arguments_of("", (args, kwargs)))
        return answered(self._answer, len(latents), self._network.device)


def silenced(pipe: Any, adapter: Adapter, answer: Any, evaluations: Evaluations, silent: range) -> Any:
    """A pipeline of the same parts whose network makes none of some evaluations."""
    network = _Silent(getattr(pipe, adapter.part), answer, evaluations, silent)
    return adapter.with_denoiser(pipe, network)
