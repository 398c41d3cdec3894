"""A pipeline's own denoising loop, run while it is looked on at."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.evaluations import Evaluations
from underpainting.diffusion.layer_hooks import BatchRows, LayerHooks
from underpainting.diffusion.layers import Layer
from underpainting.diffusion.step_hook import StepHook, Stopped
from underpainting.diffusion.watching import Watching


@dataclass(frozen=True, eq=False)
class Denoised:
    """What a denoising left.

    latents [picture, channel, h, w]: after the last step, or after `stop_after`; `Model.decode` makes
    pictures. evaluations: how often the network was called (both branches of guidance are one call).
    """

    latents: torch.Tensor
    evaluations: int


def run_loop(
    pipe: Any,
    adapter: Adapter,
    layers: Sequence[Layer],
    safe: frozenset[str],
    watching: Watching,
    call: Mapping[str, Any],
) -> Denoised:
    """Call a pipeline with layers and scheduler hooked, and take every trace of that off again.

    safe: module paths of the family's self-attention layers, as `LayerHooks` takes them.
    call: arguments of the pipeline's call, except for those that say what it begins with and gives back.
    """
    denoiser, steps = adapter.denoiser(pipe), call["num_inference_steps"]
    evaluations = Evaluations(pipe.scheduler, steps)
    rows = BatchRows(adapter.stacked(pipe, call["guidance_scale"]), len(call["prompt"]))
    layer_hooks = LayerHooks(layers, watching, rows, evaluations, safe)
    step_hook = StepHook(watching, evaluations, layer_hooks)
    start = None if watching.still is None else watching.still.first(pipe.scheduler, steps)
    try:
        with layer_hooks.on(denoiser), step_hook.on(pipe.scheduler):
            latents = pipe(**call, latents=start, output_type="latent").images
    except Stopped as stopped:
        latents = stopped.latents
        pipe.maybe_free_model_hooks()
    except BaseException:
        pipe.maybe_free_model_hooks()
        raise
    return Denoised(latents, evaluations.done)


@contextmanager
def progress_bar(pipe: Any, shown: bool) -> Iterator[None]:
    """Show or hide a pipeline's own progress bar, and leave its settings as they were."""
    settings = dict(getattr(pipe, "_progress_bar_config", {}))
    pipe.set_progress_bar_config(**{**settings, "disable": not shown})
    try:
        yield
    finally:
        pipe.set_progress_bar_config(**settings)
