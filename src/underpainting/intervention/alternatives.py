"""What moves an object without looking inside: other seeds, noise moved, pictures moved and redone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from underpainting.diffusion import Begin
from underpainting.diffusion.clean import NoiseLevel
from underpainting.diffusion.schedulers import KEEPING
from underpainting.diffusion.still import Still, white_noise
from underpainting.findings.interventions import HELD, SDEDIT
from underpainting.intervention.conditions import Paint, Trial, moved_picture
from underpainting.intervention.moves import Move, warp
from underpainting.intervention.painter import Painter, Painting
from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import OBJECT, SEEDS


def alternatives(painter: Painter) -> dict[str, Paint]:
    """By condition: another seed, the initial noise rolled or moved, SDEdit, and SDEdit held to the picture.

    `sdedit` (Meng et al. 2022) encodes the moved picture, noises it and denoises it. `held` does so only
    where the object was or is to be, with the noise that stood there moved along; around it the latents are
    the unedited picture's after every step, as in blended latent diffusion (Avrahami et al. 2023, arXiv
    2206.02779); it is left out where a scheduler steps from latents that it kept.
    """
    first = half(painter.study.config.model.steps)

    def moved(trial: Trial) -> Tensor:
        return painter.loaded.model.encode(moved_picture(trial).pictures).to(trial.unedited.path[-1])

    def another_seed(trial: Trial) -> Painting:
        return painter.paint(other_seeds(trial))

    def noise_rolled(trial: Trial) -> Painting:
        return painter.paint(trial.unedited.rows, begin=Begin(rolled(_noise(trial), trial.moves)))

    def noise_moved(trial: Trial) -> Painting:
        noise = moved_noise(_noise(trial), trial.moves, _noise(trial, anew=True))
        return painter.paint(trial.unedited.rows, begin=Begin(noise))

    def sdedit(trial: Trial) -> Painting:
        begin = Begin(Still(moved(trial), _noise(trial, anew=True)).at, first)
        return painter.paint(trial.unedited.rows, begin=begin)

    def held(trial: Trial) -> Painting:
        path, inside, new = trial.unedited.path, _touched(trial), moved(trial)

        def at(level: NoiseLevel) -> Tensor:
            noise = path[first - 1] - level.signal * path[-1]
            return torch.where(inside, level.signal * new + rolled(noise, trial.moves), path[first - 1])

        def after_step(step: int, latents: Tensor) -> Tensor:
            return torch.where(inside, latents, path[step])

        return painter.paint(trial.unedited.rows, begin=Begin(at, first), after_step=after_step)

    conditions: dict[str, Paint] = {
        "another_seed": another_seed,
        "noise_rolled": noise_rolled,
        "noise_moved": noise_moved,
        SDEDIT: sdedit,
    }
    if painter.loaded.model.scheduler_name not in KEEPING:
        conditions[HELD] = held
    return conditions


def half(steps: int) -> int:
    """The first step of those that redo a picture: about half of them are done (a strength of 0.5)."""
    return steps // 2 + 1


def rolled(maps: Tensor, moves: Sequence[Move]) -> Tensor:
    """Maps [picture, channel, h, w] translated by whole cells; what leaves on a side enters on the other."""
    height, width = maps.shape[-2:]
    shifts = [(round(move.down * height), round(move.right * width)) for move in moves]
    return torch.stack([of.roll(shift, (-2, -1)) for of, shift in zip(maps, shifts, strict=True)])


def moved_noise(noise: Tensor, moves: Sequence[Move], fresh: Tensor) -> Tensor:
    """Noise [picture, channel, h, w] translated by whole cells, so that it stays white; the rest is fresh."""
    height, width = noise.shape[-2:]
    whole = [Move(round(move.right * width) / width, round(move.down * height) / height) for move in moves]
    here = warp(torch.ones_like(noise), whole, (height, width), border="empty", nearest=True)
    return torch.where(here > 0, rolled(noise, moves), fresh)


def _touched(trial: Trial) -> Tensor:
    """Where the object was or is to be, of the latents: [picture, 1, h, w]; all, where no object is known.

    What a move brings to the object's old place, outside the new one, is never the object.
    """
    latents = trial.unedited.path[-1]
    if OBJECT not in trial.target:
        return torch.ones_like(latents[:, :1], dtype=torch.bool)
    either = torch.maximum(trial.unedited.labels[OBJECT], trial.target[OBJECT])
    return adaptive_max_pool2d(either[:, None], latents.shape[-2:]).to(latents.device) > 0


def _noise(trial: Trial, *, anew: bool = False) -> Tensor:
    """The noise that the pictures began with, or that of other seeds."""
    rows = other_seeds(trial) if anew else trial.unedited.rows
    return white_noise(trial.unedited.path[-1], [row.seed for row in rows])


def other_seeds(trial: Trial) -> list[PromptRow]:
    """The same prompts with seeds drawn from theirs, others for each trial."""
    drawn = [np.random.default_rng([row.seed, trial.number, 1]) for row in trial.unedited.rows]
    seeds = [int(rng.integers(SEEDS)) for rng in drawn]
    return [replace(row, seed=seed) for row, seed in zip(trial.unedited.rows, seeds, strict=True)]
