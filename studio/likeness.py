"""What the estimator sees in many pictures, and which of them have a training scene's layout."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from studio.autoencoder import rebuilt
from studio.measures import copied, layouts, mirrored, singled_out
from underpainting.observers.protocols import Estimator

BATCH = 16


def one_a_scene(scene: np.ndarray, wanted: np.ndarray | None = None, nth: int = 0) -> np.ndarray:
    """The number of the nth picture of each scene; ``scene`` [picture] numbers scenes in order.

    wanted [picture]: leave out scenes of others.
    """
    first = np.unique(scene, return_index=True)[1] + nth
    return first if wanted is None else first[wanted[first]]


def seen_maps(pictures: Tensor, estimator: Estimator) -> dict[str, Tensor]:
    """The estimator's maps of pictures [picture, 3, height, width], bytes or in 0..1, a few at a time."""
    most = 1 if pictures.is_floating_point() else 255
    parts = [estimator(some.float() / most) for some in pictures.split(BATCH)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def seen_again(pictures: Tensor, vae: AutoencoderKL, estimator: Estimator) -> dict[str, Tensor]:
    """The estimator's maps of renders after the autoencoder, as all generated pictures have passed it."""
    again = rebuilt(vae, pictures.float() / 127.5 - 1)
    return seen_maps((again.clamp(-1, 1) + 1) / 2, estimator)


def copies(
    pictures: Tensor,
    held_out: Tensor,
    training: Tensor,
    scene: np.ndarray,
    estimator: Estimator,
    vae: AutoencoderKL,
) -> dict[str, float]:
    """Shares of pictures with a training scene's layout (`copied`, 0.05 by chance).

    ``copied`` are the generated ones, ``copied_anew`` training scenes in another colouring, all of which are
    to be called copies. ``held_out`` in -1..1 were never trained on, and went through the autoencoder, as
    those in other colourings do; ``training`` are bytes of the pictures whose scenes ``scene`` numbers.
    """
    first = one_a_scene(scene)
    maps = seen_maps(training[first], estimator)
    known, numbers = torch.cat([layouts(maps), layouts(mirrored(maps))]), np.tile(scene[first], 2)
    some = one_a_scene(scene, nth=1)[:: max(1, len(first) // len(held_out))]
    shown = {
        "copied": seen_maps(pictures, estimator),
        "copied_anew": seen_again(training[some], vae, estimator),
        "control": seen_maps((held_out.clamp(-1, 1) + 1) / 2, estimator),
    }
    ratios = {name: singled_out(layouts(maps), known, numbers) for name, maps in shown.items()}
    control = ratios.pop("control")
    return {name: copied(values, control) for name, values in ratios.items()}
