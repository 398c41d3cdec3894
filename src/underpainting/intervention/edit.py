"""What an edit is: where and when it acts, its kind and strength."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from underpainting.errors import UnderpaintingError, first_fault
from underpainting.vocabulary import ALL, OBJECT, STEPS, Branch

Kind = Literal["carry", "covariance", "minimum", "gradient"]


class Where(BaseModel):
    """Where and when activations are changed, and what is read there.

    first, last: steps. layers: short names, or `all` that a study watched. properties:
    what probes read there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Annotated[int, Field(ge=1, le=STEPS)] = 1
    last: Annotated[int, Field(ge=1, le=STEPS)] = 5
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = (ALL,)
    branches: Annotated[tuple[Branch, ...], Field(min_length=1)] = ("conditional",)
    properties: Annotated[tuple[str, ...], Field(min_length=1)] = (OBJECT,)

    @model_validator(mode="after")
    def _in_order(self) -> Where:
        if self.last < self.first:
            raise ValueError(f"steps {self.first} to {self.last} are none; give the first one first")
        return self

    @property
    def place_words(self) -> str:
        """Steps, layers and branches in a few words, such as `steps 1 to 5, all layers, ...`."""
        layers = "all layers" if self.layers == (ALL,) else f"layers {', '.join(self.layers)}"
        branches = f"{' and '.join(self.branches)} branch{'es' if len(self.branches) > 1 else ''}"
        return f"steps {self.first} to {self.last}, {layers}, {branches}"


class Edit(Where):
    """An edit of activations.

    kind: `carry` takes the unedited picture's own activations from where the object was to where it is to be;
    `covariance` and `minimum` change activations so that the probes read the target, in closed form, along
    how activations vary with the readings or by the least change; `gradient` does so by Adam, as published.
    All act at the first network evaluation of each step, which is the one that is recorded and probed.
    strength: 1 goes all the way, more goes beyond (of no use to `gradient`).
    """

    kind: Kind = "carry"
    strength: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 2.0

    @property
    def words(self) -> str:
        """The edit in a few words, such as `carry, strength 2, steps 1 to 5, all layers, ...`."""
        return f"{self.kind}, strength {self.strength:g}, {self.place_words}"

    def late(self, steps: int) -> Edit:
        """The same edit at as many of the last steps."""
        return self.model_copy(update={"first": steps - (self.last - self.first), "last": steps})


Made = TypeVar("Made", bound=Where)

EDIT_OF_MOVES = Edit(kind="carry", strength=2.0, last=5)
"""The edit of a picture whose object is moved, where neither an experiment nor a person chose one."""

EDIT_OF_TARGETS = Edit(kind="covariance", strength=5.0, last=8)
"""As `EDIT_OF_MOVES`, for any other target: activations cannot be carried to where none of them were."""


def make_edit(settings: Mapping[str, Any]) -> Edit:
    """An edit from its settings. Raises UnderpaintingError where they are none."""
    return _made(Edit, settings)


def make_where(settings: Mapping[str, Any]) -> Where:
    """Places from their settings. Raises UnderpaintingError where they are none."""
    return _made(Where, settings)


def _made(kind: type[Made], settings: Mapping[str, Any]) -> Made:
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise UnderpaintingError(f"edit {first_fault(error)}") from None
