"""Making a batch of pictures once, with everything watched on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from underpainting.diffusion import Denoised, Model, StepRecord, Watching
from underpainting.errors import UnsoundPictures
from underpainting.study.config import ModelConfig
from underpainting.study.environment import Workshop
from underpainting.study.labels import label_pictures
from underpainting.study.places import Places
from underpainting.study.prompts import PromptRow

Look = Callable[[StepRecord], None]
Rows = tuple[PromptRow, ...]


class Observer(Protocol):
    """Looks on while a batch is made."""

    def look(self, record: StepRecord) -> None:
        """See one step."""


Seen = TypeVar("Seen", bound=Observer)


@dataclass(frozen=True)
class Made:
    """Final pictures [picture, height, width, 3] uint8; labels [picture, height, width] by property."""

    pictures: Tensor
    labels: dict[str, Tensor]


def make_batch(
    workshop: Workshop,
    rows: Sequence[PromptRow],
    config: ModelConfig,
    look: Look,
    tick: Callable[[float], None],
) -> Made:
    """Denoise, decode and label a batch; `look` sees every step, `tick` the pictures' progress.

    Labels are of the pictures as kept, rounded to 8 bits. Raises UnsoundPictures where activations are not
    finite, a picture is of one colour (black, say), or the estimator fails on one.
    """

    model, places = workshop.model, workshop.places
    strays = [_trajectory(name, stray, rows, config, places) for name, stray in workshop.strays.items()]

    def on_step(record: StepRecord) -> None:
        for steps in strays:
            record.activations.update(steps[record.step - 1])
        if places.decoder:
            tokens = model.decoder_tokens(record.latents)
            record.activations[places.decoder.name] = dict.fromkeys(places.branches, tokens)
        look(record)
        tick(len(rows) / config.steps)

    watching = Watching(
        layers=places.watched, branches=places.branches, on_step=on_step, twins=workshop.twins
    )
    denoised = denoise(model, rows, config, watching)
    levels = decode_sound(model, denoised.latents)
    labels = label_pictures(workshop.estimator, levels.float() / 255, places.properties)
    return Made(levels.permute(0, 2, 3, 1).cpu(), labels)


def denoise(model: Model, rows: Sequence[PromptRow], config: ModelConfig, watching: Watching) -> Denoised:
    """Denoise a study's pictures by its settings, looked on at as asked."""
    return model.run(
        [row.prompt for row in rows],
        [row.seed for row in rows],
        watching,
        steps=config.steps,
        guidance_scale=config.guidance_scale,
    )


def _trajectory(
    name: str, model: Model, rows: Sequence[PromptRow], config: ModelConfig, places: Places
) -> list[dict[str, dict[str, Tensor]]]:
    """By step, activations of a network that denoises by itself from the rows' noise, as a twin's stand."""
    steps: list[dict[str, dict[str, Tensor]]] = []

    def on_step(record: StepRecord) -> None:
        steps.append(
            {
                f"{name}.{layer}": {branch: x.clone() for branch, x in of.items()}
                for layer, of in record.activations.items()
            }
        )

    watching = Watching(layers=places.watched, branches=places.branches, on_step=on_step)
    denoise(model, rows, config, watching)
    return steps


@dataclass(frozen=True)
class Batch(Generic[Seen]):
    """What came of a batch: the sound pictures with what was seen of them."""

    rows: Rows
    made: Made
    seen: Seen


def make_sound(
    rows: Rows, observe: Callable[[Rows], Seen], make: Callable[[Rows, Look], Made], aside: dict[str, str]
) -> Batch[Seen] | None:
    """Make a batch; where pictures are unsound, set them aside and make it again without them.

    aside: gets the reason for each picture set aside, by image. A picture that is left alone is set aside
    too: it has no other labels to be shuffled with. None where no picture is left.
    """
    least = min(2, len(rows))
    while len(rows) >= least:
        seen = observe(rows)
        try:
            return Batch(rows, make(rows, seen.look), seen)
        except UnsoundPictures as error:
            aside |= {rows[i].image: reason for i, reason in error.reasons.items()}
            rows = tuple(row for i, row in enumerate(rows) if i not in error.reasons)
    aside |= {row.image: "all others of its batch were set aside" for row in rows}
    return None


def decode_sound(model: Model, latents: Tensor) -> Tensor:
    """Pictures of latents, uint8 [picture, 3, height, width]; UnsoundPictures for those of one colour."""
    levels = to_bytes(model.decode(latents))
    flat = levels.flatten(2)
    if plain := (flat == flat[:, :, :1]).all((1, 2)).nonzero().flatten().tolist():
        raise UnsoundPictures(dict.fromkeys(plain, "the picture is of one colour"))
    return levels


def to_bytes(pictures: Tensor) -> Tensor:
    """Pictures in 0..1 rounded to 8 bits: uint8 of the same shape."""
    return (pictures * 255).round().clamp(0, 255).to(torch.uint8)
