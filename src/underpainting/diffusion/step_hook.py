"""Looking on at a pipeline's own loop from its one seam: the scheduler's `step`, wrapped on the instance."""

import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.clean import noise_level, predicted_clean
from underpainting.diffusion.evaluations import Evaluations
from underpainting.diffusion.layer_hooks import LayerHooks
from underpainting.diffusion.pausing import Paused
from underpainting.diffusion.watching import StepRecord, Watching
from underpainting.diffusion.word_maps import WordHooks


class Stopped(Exception):
    """Leaves the pipeline's loop early, with the latents after the last step."""

    def __init__(self, latents: torch.Tensor) -> None:
        """Keep the latents [picture, channel, h, w]."""
        super().__init__()
        self.latents = latents


class StepHook:
    """Checks every network evaluation, records each step at its first, and stops where it is asked to.

    This is the one place where latents pass from how the scheduler has them to [picture, channel, h, w] and
    back. stepped: the latents after the last step so far, as the scheduler has them.
    """

    def __init__(
        self,
        watching: Watching,
        evaluations: Evaluations,
        hooks: LayerHooks,
        words: WordHooks | None,
        generators: Sequence[torch.Generator],
        adapter: Adapter,
        grid: tuple[int, int],
    ) -> None:
        """Keep what to do; nothing is wrapped before `on`. generators: each picture's own. grid: (h, w) of
        the latents.
        """
        self.stepped = torch.empty(0)
        self._generators = generators
        self._adapter = adapter
        self._grid = grid
        self._watching = watching
        self._evaluations = evaluations
        self._hooks = hooks
        self._words = words
        self._before = watching.resume
        self._outputs: list[torch.Tensor] = []

    @property
    def replayed(self) -> int:
        """Evaluations that the network is not called for."""
        return self._before.outputs.shape[1] if self._before else 0

    def paused(self, latents: torch.Tensor) -> Paused:
        """From where the pictures can go on, stopped at latents [picture, channel, h, w]."""
        step = self._watching.stop_after
        assert step is not None
        return Paused(step, torch.stack(self._outputs, dim=1), latents)

    @contextmanager
    def on(self, scheduler: Any) -> Iterator[None]:
        """Wrap the scheduler's step; the wrapper is taken off at the end, whatever happens."""
        original, before = scheduler.step, scheduler.__dict__.get("step")
        draws = "generator" in inspect.signature(original).parameters

        @functools.wraps(original)  # pipelines read the arguments that a step takes off its signature
        def step(model_output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any) -> Any:
            if draws and kwargs.get("generator") is None:  # pictures would share the process's generator
                kwargs["generator"] = self._generators
            self._evaluations.check(float(timestep))
            output = self._replaying(sample) if self._is_replaying else model_output
            go_on = functools.partial(original, output, timestep, sample, *args, **kwargs)
            return self._stepping(scheduler, output, sample, go_on)

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
        evaluations, watching, adapter = self._evaluations, self._watching, self._adapter
        if not self._is_replaying:
            self._hooks.check()
            if watching.on_step is not None and evaluations.first:
                watching.on_step(self._record(scheduler, network_output, latents))
        self._hooks.outputs.clear()
        if watching.stop_after is not None:
            self._outputs.append(network_output.detach())
        step, ends = evaluations.step, evaluations.last
        stepped = go_on()
        if watching.after_step is not None and ends:
            changed = watching.after_step(step, self._unpacked(stepped[0]))
            stepped = _with(stepped, adapter.packed(changed))
        evaluations.done += 1
        if self._before and evaluations.done == self.replayed:
            self._before.check_replayed(self._unpacked(stepped[0]))
        if ends and step == watching.stop_after:
            raise Stopped(self._unpacked(stepped[0]))
        if watching.still is not None and not evaluations.over:
            level = noise_level(scheduler, evaluations.timestep)
            stepped = _with(stepped, adapter.packed(watching.still.at(level)).to(latents))
        self.stepped = stepped[0]
        return stepped

    @property
    def _is_replaying(self) -> bool:
        return self._evaluations.done < self.replayed

    def _replaying(self, sample: torch.Tensor) -> torch.Tensor:
        """What the scheduler was given at the present evaluation."""
        assert self._before is not None
        return self._before.outputs[:, self._evaluations.done].to(sample.device)

    def _unpacked(self, latents: torch.Tensor) -> torch.Tensor:
        return self._adapter.unpacked(latents, self._grid)

    def _record(self, scheduler: Any, network_output: torch.Tensor, latents: torch.Tensor) -> StepRecord:
        level = noise_level(scheduler, self._evaluations.timestep)
        output, before = self._unpacked(network_output), self._unpacked(latents)
        return StepRecord(
            step=self._evaluations.step,
            evaluation=self._evaluations.done,
            timestep=self._evaluations.timestep,
            sigma=level.sigma,
            scale=level.scale,
            latents=before,
            network_output=output,
            predicted_clean=predicted_clean(level, before, output),
            activations=self._hooks.activations(),
            words=self._words.maps() if self._words else None,
        )


def _with(stepped: Any, latents: torch.Tensor) -> Any:
    """What a scheduler's step gave, with other latents after it."""
    if isinstance(stepped, tuple):
        return (latents, *stepped[1:])
    other = copy.copy(stepped)
    other.prev_sample = latents
    return other
