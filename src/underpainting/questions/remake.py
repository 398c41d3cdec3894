"""Pictures of a study made again, some of their activations kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from underpainting.diffusion import StepRecord
from underpainting.probes import Moments, ProbeSet, Scorer, cell_means
from underpainting.progress import Progress
from underpainting.study.batch import make_batch
from underpainting.study.environment import Loaded
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Grid, Place, Property, main_branch

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
    study: StudyFolder,
    loaded: Loaded,
    rows: Sequence[PromptRow],
    views: Mapping[Place, View],
    progress: Progress,
) -> Remade:
    """Make pictures as the study makes them, but for its controls, and keep each view at its place's step."""
    loaded = replace(loaded, places=replace(loaded.places, stand_ins=()), objects=())
    kept: dict[Place, list[Tensor]] = {place: [] for place in views}
    labels: dict[str, list[Tensor]] = {}

    def look(record: StepRecord) -> None:
        for place, view in views.items():
            if place.step == record.step:
                kept[place].append(view(record).half().cpu())

    for batch in in_batches(rows, study.config.run.batch_size):
        made = make_batch(loaded, batch, study.config.model, look, progress.advance)
        for name, label in made.labels.items():
            labels.setdefault(name, []).append(label)
    return Remade(
        {place: torch.cat(parts) for place, parts in kept.items()},
        {name: torch.cat(parts) for name, parts in labels.items()},
    )


def best_places(probes: ProbeSet, properties: Sequence[Property]) -> list[tuple[Property, Place]]:
    """For each property, the layer that is best at the last step, at every kept step."""
    branch = main_branch(probes.branches)
    return [
        (of, Place(probes.best_layer(of.name), step, branch))
        for of in properties
        for step in STEPS
        if step <= probes.steps
    ]


def view_of(place: Place) -> View:
    """The activations of a place."""
    return lambda record: record.activations[place.layer][place.branch]


def moments_of(x: Tensor, labels: Tensor, grid: Grid) -> Moments:
    """Moments of activations [picture, token, channel] and labels [picture, height, width]."""
    moments = Moments(x.shape[2], 1)
    for part, label in zip(torch.split(x, CHUNK), torch.split(labels, CHUNK), strict=True):
        moments.update(part.float(), cell_means(label, grid)[..., None])
    return moments


def free_scores(read: Tensor, labels: Tensor, grid: Grid, of: Property) -> Tensor:
    """The score that needs no threshold [picture, ...] of readings [picture, ..., token].

    labels [picture, height, width].
    """
    scorer = Scorer({of.name: labels}, [of])
    return scorer.scores(of.name, read, grid, parts=False)[of.free_metric]
