"""The card of a probe set, as its file has it: what the set is of, and what must fit together in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, FiniteFloat, PositiveInt, model_validator

from underpainting.vocabulary import METRICS, NAME_RULE, no_name


class BestCard(BaseModel):
    """A property's best layer, by which metric, and that of each step."""

    best_layer: str
    metric: str
    best_layer_by_step: dict[int, str]


class LayerCard(BaseModel):
    """A layer of the set."""

    name: str
    grid: tuple[PositiveInt, PositiveInt]
    channels: PositiveInt


class ProbeCard(BaseModel):
    """What stands beside a probe's weights."""

    strength: FiniteFloat
    threshold: float | None


class Card(BaseModel):
    """The card of a probe set; probes are named `{property}/{layer}/{step}/{branch}`."""

    model: str
    images: dict[str, int]
    steps: PositiveInt
    branches: Annotated[tuple[str, ...], Field(min_length=1)]
    properties: dict[str, BestCard]
    layers: tuple[LayerCard, ...]
    probes: dict[str, ProbeCard]

    @model_validator(mode="after")
    def _fits(self) -> Card:
        names = {layer.name for layer in self.layers}
        properties = {name.split("/")[0] for name in self.probes}
        if wrong := no_name((*properties, *self.properties, *names)):
            raise ValueError(f"{wrong} is no name: {NAME_RULE}")
        for best in self.properties.values():
            if best.metric not in METRICS:
                raise ValueError(f"there is no metric {best.metric!r}")
        for name in self.probes:
            parts = name.split("/")
            if (
                len(parts) != 4
                or parts[0] not in self.properties
                or parts[1] not in names
                or not (parts[2].isdecimal() and 1 <= int(parts[2]) <= self.steps)
                or parts[3] not in self.branches
            ):
                raise ValueError(f"{name!r} is no probe of its properties, layers, steps and branches")
        return self


def checksum(card: Mapping[str, Any], tensors: Path) -> str:
    """SHA-256 of a set: of its tensors' file, and of what its card says but for this."""
    with tensors.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256")
    sha.update(json.dumps(card, sort_keys=True).encode())
    return sha.hexdigest()
