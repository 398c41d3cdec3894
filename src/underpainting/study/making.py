"""Making a batch of pictures once, with everything watched on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from underpainting.diffusion import Model, StepRecord
from underpainting.observers.estimators import Estimator
from underpainting.study.config import ModelConfig
from underpainting.study.labels import label_pictures
from underpainting.study.places import Places
from underpainting.study.prompts import PromptRow

Look = Callable[[StepRecord], None]


@dataclass(frozen=True)
class Made:
    """Final pictures [picture, height, width, 3] uint8; labels [picture, height, width] by property."""

    pictures: Tensor
    labels: dict[str, Tensor]


def make_batch(
    model: Model,
    estimator: Estimator,
    rows: Sequence[PromptRow],
    config: ModelConfig,
    places: Places,
    look: Look,
    tick: Callable[[float], None],
) -> Made:
    """Denoise, decode and label a batch; `look` sees every step's first evaluation, `tick` the pictures'
    progress.

    Labels are of the pictures as kept, rounded to 8 bits.
    """

    def on_step(record: StepRecord) -> None:
        if record.first:
            look(record)
            tick(len(rows) / config.steps)

    denoised = model.denoise(
        [row.prompt for row in rows],
        [row.seed for row in rows],
        steps=config.steps,
        guidance_scale=config.guidance_scale,
        watch=places.layers,
        branches=places.branches,
        on_step=on_step,
    )
    levels = to_bytes(model.decode(denoised.latents))
    labels = label_pictures(estimator, levels.float() / 255, places.properties)
    return Made(levels.permute(0, 2, 3, 1).cpu(), labels)


def to_bytes(pictures: Tensor) -> Tensor:
    """Pictures in 0..1 rounded to 8 bits: uint8 of the same shape."""
    return (pictures * 255).round().clamp(0, 255).to(torch.uint8)
