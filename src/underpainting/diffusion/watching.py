"""What is to be seen, changed and stopped while pictures are made, and what is seen of a step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from underpainting.diffusion.begin import Begin, Larger
from underpainting.diffusion.evaluations import Evaluation
from underpainting.diffusion.layers import Layer
from underpainting.diffusion.pausing import Paused
from underpainting.diffusion.schedulers import KEEPING
from underpainting.diffusion.still import Still
from underpainting.errors import UnderpaintingError
from underpainting.vocabulary import BRANCHES

ActivationEdit = Callable[[str, Evaluation, torch.Tensor], torch.Tensor]
"""From a layer's name, a network evaluation and the layer's activations in it [row, token, channel] to those
that the network goes on with."""

LatentEdit = Callable[[int, torch.Tensor], torch.Tensor]
"""From a step and the latents after it [picture, channel, h, w] to those that the pipeline goes on with."""


@dataclass(frozen=True, eq=False)
class StepRecord:
    """One step at its first network evaluation, seen just before the scheduler steps.

    step: denoising step, from 1. evaluation: network evaluation in the whole run, from 0 (PNDM and Heun spend
    more than one on a step; only the first of each is recorded).
    timestep: as given to the network.
    sigma: noise over signal, sqrt((1 - abar) / abar), or the flow's sigma in 0..1.
    scale: standard deviation that the latents have at this level where clean ones have 1.
    latents [picture, channel, h, w]: before the step. network_output: same shape, after guidance.
    predicted_clean: same shape, float32, not clipped: the clean latents this evaluation points to.
    activations: layer name -> branch -> [picture, token, channel], detached, on the model's device, after
    any edit. They are views: a kept record keeps the whole layer's output alive. A twin's layers stand under
    its name and theirs, such as `permuted.up.3.0`.
    words [picture, word, h, w]: where attention is paid to words, as one step of `WordMaps.by_step`; None
    where none are watched.
    """

    step: int
    evaluation: int
    timestep: float
    sigma: float
    scale: float
    latents: torch.Tensor
    network_output: torch.Tensor
    predicted_clean: torch.Tensor
    activations: dict[str, dict[str, torch.Tensor]]
    words: torch.Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Watching:
    """A request to look on at a denoising; see `Model.denoise`, whose options most of it is.

    layers: as `Model.resolve` takes them. twins: networks of the denoiser's shape, by name, that are shown
    all that it is shown, as controls (see `underpainting.diffusion.twins.twin_of`); what they say is only
    watched, at the same layers. still: pictures whose own latents each step sees at its level, whatever the
    network says. begin: what the denoising begins with, and where. after_step: changes the latents after each
    step. words: of each picture's prompt, as many of each, whose maps are recorded. resume: the pictures
    stopped before, from where they go on; of steps that are replayed nothing is recorded. larger: where
    steps are left out, and which.
    """

    layers: Sequence[str | Layer] = ()
    branches: Sequence[str] = ("conditional",)
    on_step: Callable[[StepRecord], None] | None = None
    edit: ActivationEdit | None = None
    stop_after: int | None = None
    twins: Mapping[str, torch.nn.Module] = field(default_factory=dict)
    still: Still | None = None
    begin: Begin | None = None
    after_step: LatentEdit | None = None
    words: Sequence[Sequence[str]] = ()
    resume: Paused | None = None
    larger: Larger | None = None

    @property
    def first(self) -> int:
        """The first step that is done, or replayed."""
        return self.begin.step if self.begin else 1

    def done(self, steps: int) -> Sequence[int]:
        """Of so many steps, those that are done or replayed, from 1."""
        every = range(self.first, steps + 1)
        return self.larger.of(every) if self.larger else every

    def check(self, steps: int, stacked: Sequence[str], scheduler: Any, pictures: int) -> None:
        """Raise UnderpaintingError for what a run of so many steps, of these branches, of this scheduler and
        of so many pictures cannot meet.
        """
        if self.resume:
            self.resume.check(scheduler, steps, pictures)
        if not 1 <= self.first <= steps:
            raise UnderpaintingError(f"the first step is {self.first}: give a step from 1 to {steps}")
        first = self.resume.step + 1 if self.resume else self.first
        if self.stop_after is not None and not first <= self.stop_after <= steps:
            raise UnderpaintingError(f"stop_after is {self.stop_after}: give a step from {first} to {steps}")
        unknown = [branch for branch in self.branches if branch not in BRANCHES]
        if unknown:
            raise UnderpaintingError(f"unknown branch {unknown[0]}: use conditional or unconditional")
        if "unconditional" in self.branches and "unconditional" not in stacked:
            raise UnderpaintingError(
                "branch unconditional does not exist without guidance: raise guidance_scale above 1 or watch "
                "conditional"
            )
        if self.after_step is not None and (kind := type(scheduler).__name__) in KEEPING:
            raise UnderpaintingError(
                f"{kind} steps from latents that it kept, and changed ones do not last: use another"
            )
        if self.edit is not None and not self.layers:
            raise UnderpaintingError("edit has no layers to act on: name them in watch")
