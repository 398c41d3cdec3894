"""Pictures of a study made again, some of their activations kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.probes import (
    Moments,
    Patches,
    ProbeSet,
    average_precision,
    cell_means,
    pixel_ranks,
    spearman,
)
from underpainting.records import main_branch
from underpainting.study.environment import Workshop
from underpainting.study.folder import Study
from underpainting.study.making import make_batch
from underpainting.study.places import Grid, Place, Property
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow
from underpainting.study.shards import set_aside

STEPS = (1, 3, 8, 15)
"""Steps that are kept, as far as a study has them."""

CHUNK = 16  # pictures that moments take at once

View = Callable[[StepRecord], Tensor]
"""What is kept of a step: [picture, token, channel]."""


@dataclass(frozen=True)
class Remade:
    """Activations [picture, token, channel] by place, float16; labels [picture, h, w] by property."""

    activations: dict[Place, Tensor]
    labels: dict[str, Tensor]


def remake(
    study: Study,
    workshop: Workshop,
    rows: Sequence[PromptRow],
    views: Mapping[Place, View],
    progress: Progress,
) -> Remade:
    """Make pictures as the study makes them, but for its twins, and keep each view at its place's step."""
    workshop = replace(workshop, twins={}, strays={})
    kept: dict[Place, list[Tensor]] = {place: [] for place in views}
    labels: dict[str, list[Tensor]] = {}

    def look(record: StepRecord) -> None:
        for place, view in views.items():
            if place[1] == record.step:
                kept[place].append(view(record).half().cpu())

    size = study.config.run.batch_size
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        made = make_batch(workshop, batch, study.config.model, look, progress.advance)
        for name, label in made.labels.items():
            labels.setdefault(name, []).append(label)
    return Remade(
        {place: torch.cat(of) for place, of in kept.items()},
        {name: torch.cat(of) for name, of in labels.items()},
    )


def best_places(probes: ProbeSet, properties: Sequence[Property]) -> list[tuple[Property, Place]]:
    """For each property, the layer that is best at the last step, at every kept step."""
    branch = main_branch(probes.branches)
    return [
        (found, (probes.best_layer(found.name), step, branch))
        for found in properties
        for step in STEPS
        if step <= probes.steps
    ]


def view_of(place: Place) -> View:
    """The activations of a place."""
    layer, _, branch = place
    return lambda record: record.activations[layer][branch]


def sound_rows(study: Study, split: str) -> list[PromptRow]:
    """A split's pictures that were not set aside."""
    aside = set_aside(study.shard(shard.number) for shard in study.shards)
    return [row for shard in study.of_split(split) for row in shard.pictures if row.image not in aside]


def prompt_numbers(rows: Sequence[PromptRow]) -> NDArray[np.int64]:
    """The number of each picture's prompt; pictures of no prompt are each on their own."""
    return np.unique([row.prompt or row.image for row in rows], return_inverse=True)[1]


def moments_of(x: Tensor, labels: Tensor, grid: Grid) -> Moments:
    """Moments of activations [picture, token, channel] and labels [picture, height, width]."""
    moments = Moments(x.shape[2], 1)
    for part, label in zip(torch.split(x, CHUNK), torch.split(labels, CHUNK), strict=True):
        moments.update(part.float(), cell_means(label, grid)[..., None])
    return moments


def judging_metric(found: Property) -> str:
    """The score that needs no threshold."""
    return "average_precision" if found.binary else "spearman"


def judge(read: Tensor, labels: Tensor, grid: Grid, found: Property) -> Tensor:
    """That score of readings [..., picture, token] against labels [picture, height, width]."""
    patches = Patches.of(labels, grid, None if found.binary else pixel_ranks(labels))
    return average_precision(read, patches) if found.binary else spearman(read, patches)
