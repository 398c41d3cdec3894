"""What weights a study needs: whether they are here, where that was looked for, and what fetches them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from underpainting import stilllife
from underpainting.observers.joined_estimator import parts_of
from underpainting.observers.protocols import Kind
from underpainting.observers.registry import names, resolve
from underpainting.readers import home_path
from underpainting.weights import (
    PIPELINES,
    SavedModel,
    Weights,
    is_repository,
    lacking,
    pipeline,
    trained_name,
)

KINDS: tuple[Kind, ...] = ("estimator", "classifier")
Part = Literal["model", "estimator", "classifier"]


@dataclass(frozen=True)
class Needed:
    """One set of weights. where: the folder or file that was looked for. size: bytes, None if not known.

    command: what fetches it, empty where nothing need or can be fetched. gives: what an estimator or
    classifier says of a picture, where that is known.
    """

    part: Part
    name: str
    here: bool
    where: str
    size: int | None
    licence: str
    command: str
    gives: str = ""

    @property
    def line(self) -> str:
        """What to say of it where it is not here."""
        return lacking(self.name, self.where, self.command, self.size, self.licence)


def known_needs() -> list[Needed]:
    """What everything needs that is known by name: pipelines, and what is registered."""
    known: list[tuple[Part, str]] = [("model", "stilllife"), *(("model", pipe.name) for pipe in PIPELINES)]
    known += [(kind, name) for kind in KINDS for name in names(kind)]
    return [needed for part, name in known for needed in needs(part, name)]


def needs(part: Part, name: str, variant: str | None = None) -> list[Needed]:
    """What a model, estimator or classifier needs, by the name that a study's config gives it.

    variant: of the model's weights, such as `fp16`. Several estimators with commas between are told one by
    one. No weights are loaded or fetched.
    """
    if part == "model":
        return [_needed(part, name, _pipeline_weights(name, variant))]
    parts = parts_of(name) if part == "estimator" else [name]
    told = []
    for each in parts:
        entry, weights = resolve(part, each)
        told.append(_needed(part, str(each), weights, entry.gives))
    return told


def _pipeline_weights(name: str, variant: str | None) -> Weights:
    trained = trained_name(name)
    if trained == "stilllife":
        return SavedModel(name, stilllife.folder() / "pipeline", "Apache-2.0")
    folder = home_path(trained)
    if folder.exists() or not is_repository(trained):
        return SavedModel(name, folder)
    return pipeline(trained, variant)


def _needed(part: Part, name: str, weights: Weights, gives: str = "") -> Needed:
    return Needed(
        part=part,
        name=name,
        here=weights.find() is not None,
        where=weights.where,
        size=weights.size,
        licence=weights.licence,
        command=weights.command,
        gives=gives,
    )
