"""Making a batch of pictures once, with everything watched on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from underpainting.diffusion import Denoised, Model, StepRecord, Watching
from underpainting.errors import UnsoundPictures
from underpainting.study.environment import Loaded
from underpainting.study.request.config import ModelConfig
from underpainting.study.request.prompts import PromptRow

Rows = tuple[PromptRow, ...]
Look = Callable[[StepRecord], None]


class Recorder(Protocol):
    """Looks on while a batch is made, and keeps something of it."""

    def look(self, record: StepRecord) -> None:
        """See one step."""


Recorders = TypeVar("Recorders", bound=tuple[Recorder | None, ...])


@dataclass(frozen=True)
class Made:
    """Final pictures [picture, height, width, 3] uint8; labels [picture, height, width] by property."""

    pictures: Tensor
    labels: dict[str, Tensor]


@dataclass(frozen=True)
class Batch(Generic[Recorders]):
    """What came of a batch: the sound pictures with what was recorded of them."""

    rows: Rows
    made: Made
    recorders: Recorders


def make_batch(
    loaded: Loaded,
    rows: Sequence[PromptRow],
    config: ModelConfig,
    look: Look,
    tick: Callable[[float], None],
) -> Made:
    """Denoise, decode and label a batch; `look` sees every step, `tick` the pictures' progress.

    What stands in for layers is among the activations of each step. Labels are of the pictures as kept,
    rounded to 8 bits. Raises UnsoundPictures where activations are not finite, a picture is of one colour
    (black, say), or the estimator fails on one.
    """
    places = loaded.places
    watched: dict[str, Any] = {"layers": places.watched, "branches": places.branches}

    def run(model: Model, on_step: Look) -> None:
        denoise(model, rows, config, Watching(**watched, on_step=on_step))

    beside = [stand_in.batch(run) for stand_in in places.stand_ins]

    def on_step(record: StepRecord) -> None:
        activations = dict(record.activations)
        for others in beside:
            activations |= others(record)
        look(replace(record, activations=activations))
        tick(len(rows) / config.steps)

    twins = {name: network for stand_in in places.stand_ins for name, network in stand_in.networks.items()}
    watching = Watching(**watched, on_step=on_step, twins=twins, words=loaded.words(rows))
    denoised = denoise(loaded.model, rows, config, watching)
    levels = decode_sound(loaded.model, denoised.latents)
    return Made(levels.permute(0, 2, 3, 1).cpu(), loaded.label(rows, levels.float() / 255))


def denoise(model: Model, rows: Sequence[PromptRow], config: ModelConfig, watching: Watching) -> Denoised:
    """Denoise a study's pictures by its settings, looked on at as asked."""
    return model.run(
        [row.prompt for row in rows],
        [row.seed for row in rows],
        watching,
        steps=config.steps,
        guidance_scale=config.guidance_scale,
    )


def make_sound(
    rows: Rows,
    recorders: Callable[[Rows], Recorders],
    make: Callable[[Rows, Look], Made],
    aside: dict[str, str],
) -> Batch[Recorders] | None:
    """Make a batch; where pictures are unsound, set them aside and make it again without them.

    recorders: gives new ones for the pictures that are tried. aside: gets the reason for each picture set
    aside, by image. A picture that is left alone is set aside too: it has no other labels to be shuffled
    with. None where no picture is left.
    """
    least = min(2, len(rows))
    while len(rows) >= least:
        looking = recorders(rows)
        try:
            return Batch(rows, make(rows, _all(looking)), looking)
        except UnsoundPictures as error:
            aside |= {rows[i].image: reason for i, reason in error.reasons.items()}
            rows = tuple(row for i, row in enumerate(rows) if i not in error.reasons)
    aside |= {row.image: "all others of its batch were set aside" for row in rows}
    return None


def _all(recorders: Sequence[Recorder | None]) -> Look:
    def look(record: StepRecord) -> None:
        for recorder in recorders:
            if recorder is not None:
                recorder.look(record)

    return look


def decode_sound(model: Model, latents: Tensor) -> Tensor:
    """Pictures of latents, uint8 [picture, 3, height, width]; UnsoundPictures for those of one colour."""
    levels = to_bytes(model.decode(latents))
    flat = levels.flatten(2)
    if plain := (flat == flat[:, :, :1]).all((1, 2)).nonzero().flatten().tolist():
        raise UnsoundPictures(dict.fromkeys(plain, "the picture is of one colour"))
    return levels


def decode_kept(model: Model, latents: Tensor) -> Tensor:
    """Pictures [picture, 3, height, width] of latents, in 0..1 as they are kept: rounded to 8 bits."""
    return to_bytes(model.decode(latents)).float().cpu() / 255


def to_bytes(pictures: Tensor) -> Tensor:
    """Pictures in 0..1 rounded to 8 bits: uint8 of the same shape."""
    return (pictures * 255).round().clamp(0, 255).to(torch.uint8)
