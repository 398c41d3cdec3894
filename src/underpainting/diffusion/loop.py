"""A pipeline's own denoising loop, run while it is looked on at."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.begin import Begin, schedule_of
from underpainting.diffusion.compiled import uncompiled
from underpainting.diffusion.evaluations import Evaluations
from underpainting.diffusion.layer_hooks import BatchRows, LayerHooks
from underpainting.diffusion.layers import Layer
from underpainting.diffusion.pausing import Paused, silenced
from underpainting.diffusion.picture_tokens import PictureTokens
from underpainting.diffusion.rehearsal import Stacking, rehearse
from underpainting.diffusion.step_hook import StepHook, Stopped
from underpainting.diffusion.watching import Watching
from underpainting.diffusion.word_maps import WordHooks
from underpainting.diffusion.words import Words


@dataclass(frozen=True, eq=False)
class Denoised:
    """What a denoising left.

    latents [picture, channel, h, w]: after the last step, or after `stop_after`; `Model.decode` makes
    pictures. evaluations: how often the network was called (both branches of guidance are one call). paused:
    after `stop_after`, what `resume` goes on from.
    """

    latents: torch.Tensor
    evaluations: int
    paused: Paused | None = None


def run_loop(
    pipe: Any,
    adapter: Adapter,
    layers: Sequence[Layer],
    safe: frozenset[str],
    stacking: Stacking,
    watching: Watching,
    words: Words | None,
    call: Mapping[str, Any],
    answer: Any,
) -> Denoised:
    """Call a pipeline with layers and scheduler hooked, and take every trace of that off again.

    safe: module paths of the family's self-attention layers, as `LayerHooks` takes them.
    stacking: how branches reach the network. words: whose maps are recorded. call: arguments of the
    pipeline's call, except for those that say what it begins with and gives back. answer: what the network
    gives of one picture, where it is silent at first.
    """
    denoiser, steps = adapter.denoiser(pipe), call["num_inference_steps"]
    done = watching.done(steps)
    evaluations = Evaluations(pipe.scheduler, done)
    rows = BatchRows(stacking, len(call["prompt"]))
    grid = adapter.latents(pipe, (call["height"], call["width"]))[1:]
    layer_hooks = LayerHooks(layers, watching, rows, evaluations, PictureTokens(adapter.picture), safe)
    word_hooks = WordHooks(words, rows, evaluations, grid) if words and watching.on_step else None
    step_hook = StepHook(watching, evaluations, layer_hooks, word_hooks, call["generator"], adapter, grid)
    begin, start, calling, silent = watching.begin, None, pipe, range(0)
    if watching.resume is not None:
        silent = range(int(adapter.remembers), step_hook.replayed)
        calling = silenced(pipe, adapter, answer, evaluations, silent)
    if watching.still is not None:
        begin = Begin(watching.still.at)
    try:
        with schedule_of(pipe.scheduler, done, steps), uncompiled(getattr(pipe, adapter.part)):
            if begin is not None:
                # It chooses timesteps by the picture's size, and draws noise that is not to be drawn again.
                rehearse(pipe, adapter, call)
                start = adapter.begun_with(begin.first(pipe.scheduler))
            heard = word_hooks.on(denoiser) if word_hooks else nullcontext()
            with layer_hooks.on(denoiser), heard, step_hook.on(pipe.scheduler):
                returned = calling(**call, latents=start, output_type="latent").images
        latents = adapter.unpacked(adapter.finished(returned, step_hook.stepped), grid)
        paused = None
    except Stopped as stopped:
        latents, paused = stopped.latents, step_hook.paused(stopped.latents)
        pipe.maybe_free_model_hooks()
    except BaseException:
        pipe.maybe_free_model_hooks()
        raise
    return Denoised(latents, evaluations.done - len(silent), paused)
