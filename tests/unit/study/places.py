"""A small study's places, for tests of what is done with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch.nn import Module

from underpainting.controls.registry import Activations, Run
from underpainting.diffusion import Layer, StepRecord
from underpainting.study.places import Places
from underpainting.vocabulary import ProbeLayer, Property

SALIENCY, DEPTH = Property("saliency", True), Property("depth", False)
LAYERS = (Layer("a", (2, 2), 3, "a"), Layer("b", (2, 3), 4, "b"), Layer("c", (2, 2), 5, "c"))


@dataclass(frozen=True)
class Twice:
    """Stands in for layers a and c by one layer, and for b by another."""

    source: str = "twice"
    layers: tuple[ProbeLayer, ...] = tuple(
        ProbeLayer(f"twice.{grid[0]}x{grid[1]}", grid, 2) for grid in ((2, 2), (2, 3), (2, 2))
    )
    networks: Mapping[str, Module] = field(default_factory=dict)

    def batch(self, run: Run) -> Callable[[StepRecord], Activations]:
        """Nothing: tests make the records."""
        return lambda record: {}


def small_places(*, steps: int = 2, branches: tuple[str, ...] = ("conditional", "unconditional")) -> Places:
    """Three layers on two grids, what stands in for them, and two properties."""
    return Places(LAYERS, steps, branches, (SALIENCY, DEPTH), (Twice(),))


def record(places: Places, step: int, pictures: int = 3, seed: int = 0) -> StepRecord:
    """A step of random activations; latents are twice as wide before the step as they are clean."""
    generator = torch.Generator().manual_seed(100 * seed + step)
    latents = torch.randn(pictures, 4, 8, 8, generator=generator)
    activations = {
        layer.name: {
            branch: torch.randn(pictures, layer.tokens, layer.channels, generator=generator)
            for branch in places.branches
        }
        for layer in places.layers
    }
    return StepRecord(step, step - 1, 0.0, 1.7, 2.0, 2 * latents, latents, latents + 1, activations)


def small_labels(pictures: int = 3, size: tuple[int, int] = (6, 6), seed: int = 0) -> dict[str, torch.Tensor]:
    """Labels [picture, height, width] of both properties."""
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.rand(pictures, *size, generator=generator) > 0.6).float()
    return {"saliency": mask, "depth": torch.randn(pictures, *size, generator=generator)}
