"""How activations are changed: functions of a place and its activations that give what is to be added.

A place is a step's, and what is known of a step, activations and probes, is of its first network evaluation:
changes are made there, and later evaluations of the step go on from what that gave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from underpainting.diffusion import ActivationEdit, Evaluation, Layer
from underpainting.intervention.directions import Direction, by_gradient, changed
from underpainting.intervention.moves import Move, warp_tokens
from underpainting.probes import Eraser
from underpainting.vocabulary import Place

Change = Callable[[Place, Tensor], Tensor]
"""From a place and its activations [picture, token, channel] to what is added to them."""

Directions = Callable[[Place], Direction]
Labels = Mapping[str, Tensor]
"""By layer, a label of each of its tokens: [picture, token, property]."""


def through_probes(directions: Directions, target: Labels, along: str, strength: float) -> Change:
    """So that the probes read the target; see `directions.changed`."""

    def change(place: Place, x: Tensor) -> Tensor:
        direction = directions(place)
        goal = direction.goal(target[place.layer]).to(x.device)
        return changed(x, direction, direction.along(along), goal, strength)

    return change


def by_adam(directions: Directions, target: Labels, binary: Sequence[bool]) -> Change:
    """So that the probes read the target, by gradient descent; see `directions.by_gradient`."""
    return lambda place, x: by_gradient(x, directions(place), target[place.layer], binary)


def carried(
    trajectory: Mapping[Place, Tensor],
    moves: Sequence[Move],
    size: tuple[int, int],
    grids: Mapping[str, tuple[int, int]],
    strength: float,
) -> Change:
    """The unedited pictures' own activations, carried along as their maps are moved.

    trajectory: those activations, at each step's first evaluation. size: (height, width) of the pictures.
    grids: of each layer. Every token takes a part of the way, or goes beyond, to what stood where it comes
    from in the unedited picture at the same step.
    """

    def change(place: Place, x: Tensor) -> Tensor:
        own = trajectory[place].to(x.device).float()  # places in halves would be a quarter of a token off
        moved = warp_tokens(own, moves, grids[place.layer], size)
        return strength * (moved - x)

    return change


def rotated(change: Change, seed: int = 0) -> Change:
    """A change of the same norm, token by token, in a random direction: turned by one rotation a layer."""
    turns: dict[str, Tensor] = {}

    def random(place: Place, x: Tensor) -> Tensor:
        if place.layer not in turns:
            generator = torch.Generator().manual_seed(seed + len(turns))
            channels = x.shape[-1]
            turns[place.layer] = torch.linalg.qr(torch.randn(channels, channels, generator=generator))[0]
        return change(place, x) @ turns[place.layer].to(x)

    return random


def along_others(change: Change, others: Directions, more: Labels) -> Change:
    """A change of the same norm, token by token, along the direction of other probes.

    more: how much more of their first property there is to be than there is; where it is above 0 the reading
    is raised, where below it is lowered.
    """

    def other(place: Place, x: Tensor) -> Tensor:
        along = torch.nn.functional.normalize(others(place).covariance[:, 0], dim=0).to(x)
        norm: Tensor = torch.linalg.vector_norm(change(place, x), dim=-1, keepdim=True)
        return norm * more[place.layer][..., :1].sign().to(x) * along

    return other


def read_part(change: Change, directions: Directions) -> Change:
    """The part of a change that probes read: along the covariance, what changes their readings as much."""

    def part(place: Place, x: Tensor) -> Tensor:
        direction, whole = directions(place), change(place, x)
        return whole @ direction.probe.weight.to(whole) @ direction.covariance.T.to(whole)

    return part


def unread_part(change: Change, directions: Directions) -> Change:
    """All of a change but its `read_part`: what it leaves the probes' readings as they are by."""
    read = read_part(change, directions)
    return lambda place, x: change(place, x) - read(place, x)


def erased(eraser: Callable[[Place], Eraser]) -> Change:
    """What a place's eraser takes, taken."""
    return lambda place, x: -eraser(place).taken(x)


def editing(change: Change, layers: Sequence[Layer], steps: range, branches: Sequence[str]) -> ActivationEdit:
    """What `Model.denoise` takes as `edit`: adds a change at layers, branches, steps' first evaluations."""
    names = {layer.name for layer in layers}

    def edit(layer: str, evaluation: Evaluation, activations: Tensor) -> Tensor:
        if layer not in names or evaluation.step not in steps or not evaluation.first:
            return activations
        by_branch = dict(zip(evaluation.branches, activations.chunk(len(evaluation.branches)), strict=True))
        for branch in set(branches) & set(by_branch):
            x = by_branch[branch]
            by_branch[branch] = x + change(Place(layer, evaluation.step, branch), x).to(x)
        return torch.cat(list(by_branch.values()))

    return edit
