"""What an experiment compares: the edit and its controls, each painting the same trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from underpainting.findings.interventions import INTERVENED, MOVED, NULL
from underpainting.intervention.changes import (
    Change,
    along_others,
    erased,
    read_part,
    rotated,
    unread_part,
)
from underpainting.intervention.edit import Edit
from underpainting.intervention.moves import STAY, Move, warp
from underpainting.intervention.painter import Painter, Painting, Unedited
from underpainting.intervention.trials import targets


@dataclass(frozen=True)
class Trial:
    """A batch of pictures, how each is to be moved, the target maps that gives, and which of them this is."""

    unedited: Unedited
    moves: Sequence[Move]
    target: Mapping[str, Tensor]
    number: int


Paint = Callable[[Trial], Painting]
"""From a trial to the pictures of one condition."""


def controls(painter: Painter, aim: str, edit: Edit) -> dict[str, Paint]:
    """The unedited picture, the edit, and its controls, by condition.

    `random` and `shuffled_probe` change activations as much, token by token, as the edit does. Of a `carry`
    edit there are the two parts too: what the probes read of it, and the rest.
    """
    properties, directions = painter.loaded.places.properties, painter.directions((aim,))

    def aimed(trial: Trial) -> Change:
        return painter.change(edit, trial.unedited, trial.target, trial.moves)

    def elsewhere(trial: Trial, moves: Sequence[Move]) -> Change:
        return painter.change(edit, trial.unedited, targets(trial.unedited.labels, moves, properties), moves)

    def shuffled(trial: Trial) -> Change:
        more = painter.tokens({aim: trial.target[aim] - trial.unedited.labels[aim]})
        return along_others(aimed(trial), painter.directions((aim,), shuffled=True), more)

    changes: dict[str, Callable[[Trial], Change]] = {
        "random": lambda trial: rotated(aimed(trial)),
        "wrong_target": lambda trial: elsewhere(trial, [move.opposite for move in trial.moves]),
        "shuffled_probe": shuffled,
        "own_mask": lambda trial: elsewhere(trial, [STAY] * len(trial.moves)),
    }
    if edit.kind == "carry":
        changes["read_part"] = lambda trial: read_part(aimed(trial), directions)
        changes["unread_part"] = lambda trial: unread_part(aimed(trial), directions)
    erasing = erased(painter.eraser(aim))
    changes["erased"] = lambda trial: erasing
    return {
        NULL: _unedited,
        INTERVENED: edited(painter, edit),
        **{name: _painted(painter, edit, change) for name, change in changes.items()},
        "late": edited(painter, edit.late(painter.probes.steps)),
        MOVED: moved_picture,
    }


def variations(painter: Painter, edit: Edit) -> dict[str, Paint]:
    """The edit at other strengths, until other steps, and without or with only one part of the network."""
    layers = [layer.name for layer in painter.layers(edit)]
    parts = dict.fromkeys(name.split(".")[0] for name in layers)
    strengths, steps = [of * edit.strength for of in (0.25, 0.5, 1, 2)], painter.probes.steps
    varied: dict[str, dict[str, object]] = {f"strength {of:g}": {"strength": of} for of in strengths}
    varied |= {f"until step {of}": {"last": of} for of in (1, 2, 3, 5, 8) if edit.first <= of <= steps}
    for part in parts if len(parts) > 1 else ():
        mine = tuple(name for name in layers if name.split(".")[0] == part)
        varied[f"only {part}"] = {"layers": mine}
        varied[f"without {part}"] = {"layers": tuple(name for name in layers if name not in mine)}
    conditions = {name: edited(painter, edit.model_copy(update=update)) for name, update in varied.items()}
    return {NULL: _unedited, **conditions}


def edited(painter: Painter, edit: Edit) -> Paint:
    """Pictures edited by an edit towards the trial's target."""
    return _painted(painter, edit, lambda of: painter.change(edit, of.unedited, of.target, of.moves))


def _painted(painter: Painter, edit: Edit, change: Callable[[Trial], Change]) -> Paint:
    return lambda trial: painter.paint(trial.unedited.rows, painter.acting(edit, change(trial)))


def _unedited(trial: Trial) -> Painting:
    return Painting(trial.unedited.pictures, 0)


def moved_picture(trial: Trial) -> Painting:
    """What a perfect move would give: the finished picture itself moved, edges filling what is empty."""
    pictures = trial.unedited.pictures
    size = (pictures.shape[-2], pictures.shape[-1])
    return Painting(warp(pictures, trial.moves, size, nearest=True), 0)
