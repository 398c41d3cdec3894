"""Looking on at a pipeline's own loop from its one seam: the scheduler's `step`, wrapped on the instance."""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from underpainting.diffusion.clean import noise_level, predicted_clean
from underpainting.diffusion.evaluations import Evaluations
from underpainting.diffusion.layer_hooks import LayerHooks
from underpainting.diffusion.watching import StepRecord, Watching
from underpainting.diffusion.word_maps import WordHooks


class Stopped(Exception):
    """Leaves the pipeline's loop early, with the latents after the last step."""

    def __init__(self, latents: torch.Tensor) -> None:
        """Keep the latents [picture, channel, h, w]."""
        super().__init__()
        self.latents = latents


class StepHook:
    """Checks every network evaluation, records each step at its first, and stops where it is asked to."""

    def __init__(
        self,
        watching: Watching,
        evaluations: Evaluations,
        hooks: LayerHooks,
        words: WordHooks | None,
        generators: Sequence[torch.Generator],
    ) -> None:
        """Keep what to do; nothing is wrapped before `on`. generators: each picture's own."""
        self._generators = generators
        self._watching = watching
        self._evaluations = evaluations
        self._hooks = hooks
        self._words = words

    @contextmanager
    def on(self, scheduler: Any) -> Iterator[None]:
        """Wrap the scheduler's step; the wrapper is taken off at the end, whatever happens."""
        original, before = scheduler.step, scheduler.__dict__.get("step")
        draws = "generator" in inspect.signature(original).parameters

        @functools.wraps(original)  # pipelines read the arguments that a step takes off its signature
        def step(model_output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any) -> Any:
            if draws and kwargs.get("generator") is None:  # pictures would share the process's generator
                kwargs["generator"] = self._generators
            go_on = functools.partial(original, model_output, timestep, sample, *args, **kwargs)
            self._evaluations.check(float(timestep))
            return self._stepping(scheduler, model_output, sample, go_on)

        scheduler.step = step
        try:
            yield
        finally:
            if before is None:
                del scheduler.__dict__["step"]
            else:
                scheduler.step = before

    def _stepping(
        self,
        scheduler: Any,
        network_output: torch.Tensor,
        latents: torch.Tensor,
        go_on: Callable[[], Any],
    ) -> Any:
        """Check, record, let the scheduler step, stop."""
        evaluations, watching = self._evaluations, self._watching
        self._hooks.check()
        if watching.on_step is not None and evaluations.present.first:
            watching.on_step(self._record(scheduler, network_output, latents))
        self._hooks.outputs.clear()
        step, ends = evaluations.step, evaluations.last
        stepped = go_on()
        if watching.after_step is not None and ends:
            stepped = (watching.after_step(step, stepped[0]),)
        evaluations.done += 1
        if ends and step == watching.stop_after:
            raise Stopped(stepped[0])
        if watching.still is not None and not evaluations.over:
            level = noise_level(scheduler, evaluations.timestep)
            return (watching.still.at(level).to(latents),)
        return stepped

    def _record(self, scheduler: Any, network_output: torch.Tensor, latents: torch.Tensor) -> StepRecord:
        level = noise_level(scheduler, self._evaluations.timestep)
        return StepRecord(
            step=self._evaluations.step,
            evaluation=self._evaluations.done,
            timestep=self._evaluations.timestep,
            sigma=level.sigma,
            scale=level.scale,
            latents=latents,
            network_output=network_output,
            predicted_clean=predicted_clean(level, latents, network_output),
            activations=self._hooks.activations(),
            words=self._words.maps() if self._words else None,
        )
