"""Erasing, place after place, what probes read, with its controls; and fitting probes to what is left.

A place's eraser is solved from what really reaches the place, all erasers of earlier layers and steps at
work. For that the fit pictures are made in one batch: they come to every place together, so that its moments
are whole there and then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from underpainting.controls.always import shuffled
from underpainting.diffusion import StepRecord
from underpainting.findings.erasure import ERASED, NULL, ONCE, OTHER, RANDOM, SHUFFLED, TURNED
from underpainting.intervention.changes import Change, erased, rotated
from underpainting.intervention.edit import Where
from underpainting.intervention.painter import Painter, Tick
from underpainting.probes import Eraser, Moments, Probe, erasing, ridge
from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import Place, main_branch


class Changes(NamedTuple):
    """What is done under one condition.

    fitting: to the fit pictures, where erasers may be solved on the way. then: to any others, after them.
    """

    fitting: Change
    then: Change


def targets(painter: Painter, rows: Sequence[PromptRow]) -> dict[str, Tensor]:
    """What is erased is fitted to, by layer: [picture, token, target].

    Targets are the properties' labels, those of other pictures, and last noise: a random label, which has
    a direction of its own as any other.
    """
    kept = {of.name: painter.study.labels(of.name) for of in painter.loaded.places.properties}
    maps = {name: torch.stack([of[row.image].float() for row in rows]) for name, of in kept.items()}
    own = painter.tokens(maps)
    generator = torch.Generator().manual_seed(0)
    noise = {
        grid: torch.randn(len(rows), grid[0] * grid[1], 1, generator=generator)
        for grid in dict.fromkeys(painter.grids.values())
    }
    return {
        layer: torch.cat([label, shuffled(label), noise[painter.grids[layer]]], dim=-1)
        for layer, label in own.items()
    }


def changes(painter: Painter, property: str, labels: Mapping[str, Tensor]) -> dict[str, Changes]:
    """What is done under every condition: the property erased, nothing, and the controls.

    All but two are refitted layer after layer and step after step: `once` takes the erasers of unedited
    activations; `turned` changes every token as much as erasing does, in a random direction.
    """
    names = [of.name for of in painter.loaded.places.properties]
    target = names.index(property)
    once, erasing_it = erased(painter.eraser(property)), refitting(labels, [target])
    turned = rotated(erasing_it.then)
    others = {OTHER + name: refitting(labels, [i]) for i, name in enumerate(names) if i != target}
    return {
        NULL: Changes(_nothing, _nothing),
        ERASED: erasing_it,
        ONCE: Changes(once, once),
        TURNED: Changes(turned, turned),
        RANDOM: refitting(labels, [2 * len(names)]),
        SHUFFLED: refitting(labels, [len(names) + target]),
        **others,
    }


def _nothing(place: Place, x: Tensor) -> Tensor:
    return torch.zeros_like(x)


def refitting(labels: Mapping[str, Tensor], columns: Sequence[int]) -> Changes:
    """Erasing targets by erasers that are solved, place after place, from what reaches the place."""
    erasers: dict[Place, Eraser] = {}

    def fitting(place: Place, x: Tensor) -> Tensor:
        moments = _moments(x, labels[place.layer])
        erasers[place] = erasing(moments, moments.sxy[:, list(columns)])
        return -erasers[place].taken(x)

    return Changes(fitting, erased(erasers.__getitem__))


def refitted(
    painter: Painter,
    where: Where,
    change: Change,
    rows: Sequence[PromptRow],
    labels: Mapping[str, Tensor],
    tick: Tick | None = None,
) -> dict[Place, Probe]:
    """Probes of the property, of the study's strengths, fitted to what a change leaves, by place.

    The pictures are denoised in one batch, and not decoded: their labels are those of the study.
    """
    property, branch = where.properties[0], main_branch(painter.probes.branches)
    target = [of.name for of in painter.loaded.places.properties].index(property)
    probes: dict[Place, Probe] = {}

    def look(record: StepRecord) -> None:
        for layer, by_branch in record.activations.items():
            place = Place(layer, record.step, branch)
            if place.step >= where.first:
                moments = _moments(by_branch[branch], labels[layer])
                strength = painter.probes.entry(property, place).strength
                probes[place] = ridge(moments, [strength]).pick(0, target).float()

    painter.denoise(rows, edit=painter.acting(where, change), look=look, tick=tick)
    return probes


def _moments(x: Tensor, labels: Tensor) -> Moments:
    moments = Moments(x.shape[-1], labels.shape[-1])
    moments.update(x, labels)
    return moments
