"""What is asked of one picture, and the target maps that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from underpainting.errors import UnderpaintingError, first_fault
from underpainting.intervention.moves import Move
from underpainting.intervention.painter import Painter, Unedited
from underpainting.intervention.trials import targets
from underpainting.vocabulary import OBJECT, SEEDS

TARGETS = "--move, --scale, --rotate, --mirror, --mask, --nearer or --relight"
LEAST = 0.005
"""Of the picture: an object of a smaller share, a few pixels, is none."""

Number = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]


class NoTarget(UnderpaintingError):
    """The target does not exist in one picture, whatever it is in others."""


class Asked(BaseModel):
    """What is asked of one picture.

    right, down, scale, angle, mirrored: as `Move`, about the middle of the object. drawn: the mask is a
    picture's instead. nearer: how much nearer the object is to be, in standard deviations of the picture's
    depth (negative: farther). relit: the shading is to be mirrored, light turned to the other side.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str
    seed: Annotated[int, Field(ge=0, lt=SEEDS)]
    right: Number = 0.0
    down: Number = 0.0
    scale: Annotated[float, Field(ge=0.001, le=1000, allow_inf_nan=False)] = 1.0
    angle: Number = 0.0
    mirrored: bool = False
    drawn: bool = False
    nearer: Number = 0.0
    relit: bool = False

    @property
    def is_moved(self) -> bool:
        """Whether the object is to be elsewhere, or otherwise."""
        return self.mirrored or (self.right, self.down, self.scale, self.angle) != (0, 0, 1, 0)

    @property
    def is_only_scaled(self) -> bool:
        """Whether the object is to stay where it is, in another size."""
        return self.scale != 1 and not self.mirrored and (self.right, self.down, self.angle) == (0, 0, 0)

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that have a target."""
        wanted = {OBJECT: self.is_moved or self.drawn, "depth": self.nearer != 0, "shading": self.relit}
        return tuple(name for name, asked in wanted.items() if asked)

    @property
    def words(self) -> str:
        """The target in words, such as `0.2 to the right, 0.1 up`."""
        parts = {
            f"{abs(self.right):g} to the {'right' if self.right > 0 else 'left'}": self.right,
            f"{abs(self.down):g} {'down' if self.down > 0 else 'up'}": self.down,
            f"{self.scale:g} times as large": self.scale != 1,
            f"turned by {self.angle:g} degrees": self.angle,
            "mirrored": self.mirrored,
            "to the drawn mask": self.drawn,
            f"{'nearer' if self.nearer > 0 else 'farther'} by {abs(self.nearer):g}": self.nearer,
            "light from the other side": self.relit,
        }
        return ", ".join(words for words, asked in parts.items() if asked)


def make_asked(settings: Mapping[str, Any]) -> Asked:
    """What is asked, of its settings.

    Raises UnderpaintingError where one is out of range, nothing has a target, the object has two, or a move
    leaves the picture.
    """
    try:
        asked = Asked.model_validate(settings)
    except ValidationError as error:
        raise UnderpaintingError(first_fault(error)) from None
    if max(abs(asked.right), abs(asked.down)) > 1:
        raise UnderpaintingError(
            f"a move by {asked.right:g},{asked.down:g} leaves the picture: give shares of its width and "
            "height, from -1 to 1"
        )
    if not asked.properties:
        raise UnderpaintingError(
            f"{asked.prompt!r}, seed {asked.seed}, has no target to follow; give one by {TARGETS}"
        )
    if asked.drawn and asked.is_moved:
        raise UnderpaintingError(
            f"{asked.prompt!r}, seed {asked.seed}, has a mask and a move; give one target, not both"
        )
    return asked


@dataclass(frozen=True)
class Target:
    """What pictures are to follow.

    maps: [picture, height, width] of all properties. moves: how each picture's own maps became that; None
    where they were not moved.
    """

    maps: Mapping[str, Tensor]
    moves: Sequence[Move] | None


def target_of(painter: Painter, asked: Asked, unedited: Unedited, drawn: Tensor | None) -> Target:
    """What a picture is to follow.

    drawn: a mask [height, width] of 0 and 1. Raises NoTarget where there is no object to move, or none is
    left where it is to go.
    """
    target, moves = dict(unedited.labels), None
    mask, which = target.get(OBJECT), f"the picture of {asked.prompt!r}, seed {asked.seed}"
    if (asked.is_moved or asked.nearer) and (mask is None or float(mask.mean()) < LEAST):
        raise NoTarget(f"the estimator sees no object in {which}; take another seed or prompt")
    if asked.is_moved:
        assert mask is not None
        moves = [Move(asked.right, asked.down, asked.scale, asked.angle, asked.mirrored, middle(mask[0]))]
        target = targets(target, moves, painter.loaded.places.properties)
        if not bool(target[OBJECT].any()):
            raise NoTarget(f"nothing of the object is left in {which} where it is to go; move it less")
    if asked.nearer:
        target["depth"] = target["depth"] + asked.nearer * target["depth"].std() * target[OBJECT]
    if asked.relit:
        target["shading"] = target["shading"].flip(-1)
    if drawn is not None:
        target[OBJECT] = drawn[None]
    return Target(target, moves)


def middle(mask: Tensor) -> tuple[float, float]:
    """The middle (right, down) of a mask [height, width] that is not empty, in shares of the picture."""
    down, right = mask.nonzero().float().mean(0).add(0.5).tolist()
    return right / mask.shape[1], down / mask.shape[0]
