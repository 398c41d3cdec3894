"""One picture painted as it is and with edited activations, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.intervention.asked import Asked, Target, middle, target_of
from underpainting.intervention.edit import EDIT_OF_MOVES, EDIT_OF_TARGETS, Edit, make_edit
from underpainting.intervention.experiment import chosen_edit
from underpainting.intervention.painter import CARRIED_MAPS_ONLY, Painter, Tick, Unedited
from underpainting.intervention.trials import judge
from underpainting.observers.classifiers import Classifier
from underpainting.study.batch import Look, to_bytes
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT

FOLLOWED = 0.25
"""The share of what the unedited picture lacks of the target (1 less its score) that an edit must win for the
target to count as followed. In docs/findings/interventions.md a random change as large as the edit wins a
twentieth of it (Dice 0.28 to 0.31), the edit itself three quarters: a quarter is well above chance and far
below success."""

STAYED = 0.5
"""Dice with where the object was, from which on it counts as still there: most of it is."""

TINY = 1e-6
"""Of a picture: less than any pixel, in place of nothing, which has no logarithm."""


def two_numbers(text: str, where: str, separator: str, such: str) -> tuple[float, float]:
    """Two numbers as in `such`, an example. Raises UnderpaintingError, saying where, where they are not."""
    try:
        first, second = map(float, text.split(separator))
    except ValueError:
        raise UnderpaintingError(
            f"{where} {text!r} is not two numbers with {separator!r} between; write such as {such}"
        ) from None
    return first, second


def edit_of(study: StudyFolder, asked: Asked, settings: Mapping[str, Any]) -> Edit:
    """The edit of a picture: the settings that are given; others as the study's experiment chose them.

    Where it chose none that reaches such a target: `EDIT_OF_MOVES` or `EDIT_OF_TARGETS`. Raises
    UnderpaintingError where the settings are no edit's, or activations cannot be carried to the target.
    """
    carries = asked.properties == (OBJECT,) and asked.is_moved
    chosen = chosen_edit(study, asked.properties[0]) if len(asked.properties) == 1 else None
    if chosen is None or (chosen.kind == "carry" and not carries):
        chosen = EDIT_OF_MOVES if carries else EDIT_OF_TARGETS
    within = {of: min(getattr(chosen, of), study.config.model.steps) for of in ("first", "last")}
    edit = make_edit({**chosen.model_dump(), **within, "properties": asked.properties, **settings})
    if edit.kind == "carry" and not carries:
        raise UnderpaintingError(CARRIED_MAPS_ONLY)
    return edit


@dataclass(frozen=True)
class Outline:
    """An object's middle and size in shares of the picture; nan and 0 where there is none."""

    right: float
    down: float
    share: float


def outline(mask: Tensor) -> Outline:
    """Of a mask [height, width] of 0 and 1."""
    right, down = middle(mask) if bool(mask.any()) else (math.nan, math.nan)
    return Outline(right, down, float(mask.mean()))


@dataclass(frozen=True)
class Painted:
    """A picture, uint8 [height, width, 3], unedited or edited.

    maps: the estimator's [height, width], by property that has a target. scores: by property and metric, see
    `trials.judge`. seen: the class that the classifier sees, None without one.
    """

    picture: Tensor
    maps: Mapping[str, Tensor]
    scores: Mapping[tuple[str, str], float]
    seen: str | None


@dataclass(frozen=True)
class Intervened:
    """One intervention: what was asked, the edit, the picture before and after, and the target maps.

    target: [height, width] by property that has one.
    """

    asked: Asked
    edit: Edit
    before: Painted
    after: Painted
    target: Mapping[str, Tensor]

    @property
    def scores(self) -> dict[tuple[str, str], tuple[float, float]]:
        """By property and metric, the unedited picture's score and the edited one's.

        Agreement with a target is told of properties that have one.
        """
        asked = [key for key in self.after.scores if key[0] in self.target or not key[1].startswith("target")]
        return {key: (self.before.scores[key], self.after.scores[key]) for key in asked}

    @property
    def objects(self) -> dict[str, Outline]:
        """Where the object is and how large: `unedited`, `edited`, `asked`. Empty where it has no target."""
        maps = {"unedited": self.before.maps, "edited": self.after.maps, "asked": self.target}
        return {name: outline(of[OBJECT]) for name, of in maps.items() if OBJECT in self.target}

    @property
    def followed(self) -> dict[str, bool]:
        """Whether the edited picture follows the target, by property that has one; see `FOLLOWED`.

        An object of which another size is asked must also win as large a share of what the logarithm of its
        size lacks.
        """
        return {name: self._reached(name) and self._resized(name) for name in self.edit.properties}

    @property
    def shortfalls(self) -> list[str]:
        """A sentence on each property that did not follow."""
        return [self._shortfall(name) for name, followed in self.followed.items() if not followed]

    def _reached(self, name: str) -> bool:
        before, after = self.scores[name, "target"]
        return after - before >= FOLLOWED * (1 - before)

    def _resized(self, name: str) -> bool:
        if name != OBJECT or self.asked.scale == 1:
            return True
        before, after, target = (math.log(max(of.share, TINY)) for of in self.objects.values())
        return abs(after - target) <= (1 - FOLLOWED) * abs(before - target)

    def _shortfall(self, name: str) -> str:
        before, after = self.scores[name, "target"]
        agree = f": {after:.2f}, unedited {before:.2f}"
        if name != OBJECT:
            return f"the {name} did not follow{agree}"
        old, new, wanted = self.objects.values()
        if not new.share:
            return f"the estimator sees no object in the edited picture{agree}"
        if not self._resized(name) and (self._reached(name) or self.asked.is_only_scaled):
            return (
                f"the object has another size than asked: {new.share:.1%} of the picture, asked "
                f"{wanted.share:.1%}, unedited {old.share:.1%}"
            )
        if self.after.scores[name, "own"] >= STAYED:
            return f"the object stayed where it was{agree}"
        return f"the object left its place without reaching the target{agree}"

    @property
    def another(self) -> dict[str, Any]:
        """The setting of an edit that may do where this one does not."""
        if self.edit.kind != "covariance":
            return {"kind": "covariance"}
        if self.asked.is_moved and self.edit.properties == (OBJECT,):
            return {"kind": "carry"}
        return {"strength": 2 * self.edit.strength}


def measure(property: str) -> str:
    """How agreement with a target is measured, in words."""
    return "Dice" if property == OBJECT else "rank correlation"


def paint_intervened(
    painter: Painter,
    asked: Asked,
    edit: Edit,
    drawn: Tensor | None,
    *,
    tick: Tick,
    begin: Callable[[str], None],
) -> Intervened:
    """Paint a picture as it is and with edited activations.

    drawn: a mask [height, width] of 0 and 1. tick: gets parts of pictures, two in all. begin: is told which
    picture comes. Raises NoTarget where there is no object to move, or none is left where it is to go.
    """
    begin("unedited picture")
    row = PromptRow(asked.prompt, asked.seed, 0)
    unedited = painter.unedited([row], edit, tick=tick)
    target = target_of(painter, asked, unedited, drawn)
    begin("edited picture")
    return paint_edited(painter, asked, edit, unedited, target, tick=tick)


def paint_edited(
    painter: Painter,
    asked: Asked,
    edit: Edit,
    unedited: Unedited,
    target: Target,
    *,
    look: Look | None = None,
    tick: Tick | None = None,
) -> Intervened:
    """Paint with edited activations a picture that is there unedited, and judge what came of it.

    unedited: of one picture, with the activations that the edit carries. look: sees every step.
    """
    maps = target.maps
    change = painter.change(edit, unedited, maps, target.moves)
    pictures = painter.paint(unedited.rows, painter.acting(edit, change), look=look, tick=tick).pictures
    classifier, properties = painter.loaded.classifier, painter.loaded.places.properties

    def painted(pictures: Tensor, labels: Mapping[str, Tensor]) -> Painted:
        scores = judge(pictures, labels, unedited, maps, properties, classifier)
        return Painted(
            to_bytes(pictures[0]).permute(1, 2, 0).contiguous(),
            {name: labels[name][0] for name in edit.properties},
            {key: float(of[0]) for key, of in scores.items()},
            _seen(classifier, pictures),
        )

    before = painted(unedited.pictures, unedited.labels)
    after = painted(pictures, painter.labels(pictures))
    return Intervened(asked, edit, before, after, {name: maps[name][0] for name in edit.properties})


def _seen(classifier: Classifier | None, pictures: Tensor) -> str | None:
    if classifier is None:
        return None
    return classifier.classes[int(classifier(pictures)[0].argmax())].split(",")[0]
