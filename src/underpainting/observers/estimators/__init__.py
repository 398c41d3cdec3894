"""Estimators: models that map pictures to the maps of properties."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from underpainting import stilllife
from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators.small import SmallEstimator
from underpainting.observers.own import import_own

__all__ = ["Estimator", "SmallEstimator", "load_estimator"]


class Estimator(Protocol):
    """Whatever labels pictures."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of its weights."""
        ...

    @property
    def properties(self) -> Sequence[str]:
        """What it gives a map of."""
        ...

    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Maps of each property [picture, height, width] from pictures [picture, 3, height, width] in 0..1.

        `saliency` is 0 or 1; `depth` is relative inverse depth (near is large); `shading` grows with light.
        """
        ...


def load_estimator(name: str | Path, *, device: str | torch.device | None = None) -> Estimator:
    """An estimator by name (`stilllife`), by the folder it was saved in, or as `module:Class` of one's own.

    Raises UnderpaintingError where there is no such estimator.
    """
    if name == "stilllife":
        return SmallEstimator.from_pretrained(
            stilllife.folder() / "estimator", name="stilllife", device=device
        )
    if isinstance(name, str) and ":" in name and not Path(name).exists():
        own: Estimator = import_own("estimator", name)
        return own
    if Path(name).is_dir():
        return SmallEstimator.from_pretrained(Path(name), device=device)
    raise UnderpaintingError(
        f"no estimator {str(name)!r}: give 'stilllife', a folder saved by SmallEstimator, or 'module:Class'"
    )
