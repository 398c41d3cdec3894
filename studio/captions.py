"""What a training caption may tell beyond a prompt: the object's size and place, and where the light is.

Each is said in some captions only, and study prompts say nothing of them, so that the noise still decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from studio.compose import Draw
from studio.scenes import Scenes
from studio.world import SIZE, prompt

AT_ONCE = 256  # scenes
SAID = 0.4  # share of told captions in which each clause is said
SMALL, LARGE = 70.0, 86.0  # pixels: about the thirds of the object's largest extent
SIDE = 0.09  # of the picture's width: how far from the middle an object is at a side
STEEP = 0.6  # share of the light's flat direction that makes it come from a side
WORDS = ("at", "back", "from", "front", "in", "large", "left", "lit", "middle", "right", "small", "the")


@dataclass(frozen=True)
class Told:
    """What could be told of a scene.

    ``size`` and ``place`` are -1, 0 or 1 (small, large; left, right), ``light`` the side it comes from.
    """

    size: int
    place: int
    light: str

    def mirrored(self) -> Told:
        """The same of the mirrored scene."""
        sides = {"left": "right", "right": "left"}
        return Told(self.size, -self.place, sides.get(self.light, self.light))


def tell(scenes: Scenes) -> list[Told]:
    """What could be told of each scene."""
    return [
        told for start in range(0, len(scenes), AT_ONCE) for told in _tell(scenes[start : start + AT_ONCE])
    ]


def _tell(scenes: Scenes) -> list[Told]:
    inside = (scenes.masks() > 0.5).cpu()
    columns = inside.float().sum(1)
    across = (columns * torch.linspace(-0.5, 0.5, columns.shape[1])).sum(1) / columns.sum(1).clamp(min=1)
    extent = torch.maximum(_extent(inside.any(1)), _extent(inside.any(2))) * SIZE / inside.shape[1]
    return [
        Told(
            size=(size > LARGE) - (size < SMALL),
            place=(x > SIDE) - (x < -SIDE),
            light=_side(right, away),
        )
        for size, x, (right, away, _) in zip(
            extent.tolist(), across.tolist(), scenes.light.tolist(), strict=True
        )
    ]


def _side(right: float, away: float) -> str:
    """Where a light comes from that stands so far to the right of the object and behind it."""
    if abs(right) > STEEP * np.hypot(right, away):
        return "right" if right > 0 else "left"
    return "back" if away > 0 else "front"


def caption(drawn: Draw, told: Told, rng: np.random.Generator) -> str:
    """A random caption of a coloured scene that says some of what could be told."""
    size, place, light = rng.random(3) < SAID
    clauses = (
        ("at the left", "in the middle", "at the right")[told.place + 1] if place else "",
        f"lit from the {told.light}" if light else "",
    )
    return prompt(
        drawn.name,
        drawn.colour,
        drawn.floor,
        drawn.wall,
        rng,
        size=("small", "", "large")[told.size + 1] if size else "",
        told=" ".join(filter(None, clauses)),
    )


def _extent(seen: Tensor) -> Tensor:
    """How many places lie between the first and the last that are seen [scene,place], both included."""
    last = seen.shape[1] - seen.flip(1).int().argmax(1)
    return (last - seen.int().argmax(1)) * seen.any(1)
