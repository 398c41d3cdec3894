"""Estimators: models that map pictures to the maps of properties. Every file here registers its own."""

from pathlib import Path

import torch

from underpainting.observers.joined_estimator import JoinedEstimator, parts_of
from underpainting.observers.protocols import Estimator
from underpainting.observers.registry import load

__all__ = ["Estimator", "JoinedEstimator", "load_estimator"]


def load_estimator(name: str | Path, *, device: str | torch.device | None = None) -> Estimator:
    """An estimator by name, by the folder it was saved in, or one's own.

    name: `stilllife`; `tracer` (TE-5) and `tracer-te7`; `midas` (DPT-Large), `midas-hybrid` and
    `depth-anything`; `intrinsic`; `marigold-depth` and `marigold-lighting`; a folder that this package,
    transformers or diffusers saved; `module:Class`, or the name of an entry point of the group
    `underpainting.estimators`; several of different properties with commas between. Weights are looked for
    in the hub's cache, or where torch keeps its own, and never fetched.

    Raises UnderpaintingError where there is no such estimator, or its weights are missing.
    """
    parts: list[Estimator] = [load("estimator", part, device) for part in parts_of(name)]
    return parts[0] if len(parts) == 1 else JoinedEstimator(parts)
