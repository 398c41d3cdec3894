"""Classifiers: models that say what a picture shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from underpainting import stilllife
from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers.small import SmallClassifier

__all__ = ["Classifier", "SmallClassifier", "load_classifier"]


class Classifier(Protocol):
    """Whatever names what a picture shows."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of its weights."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """Names in the order of its probabilities."""
        ...

    def __call__(self, pictures: Tensor) -> Tensor:
        """Probabilities [picture, class] from pictures [picture, 3, height, width] in 0..1."""
        ...


def load_classifier(name: str | Path, *, device: str | torch.device | None = None) -> Classifier:
    """A classifier by name (`stilllife`) or by the folder it was saved in.

    Raises UnderpaintingError where there is no such classifier.
    """
    if name == "stilllife":
        return SmallClassifier.from_pretrained(
            stilllife.folder() / "classifier", name="stilllife", device=device
        )
    if Path(name).is_dir():
        return SmallClassifier.from_pretrained(Path(name), device=device)
    raise UnderpaintingError(
        f"no classifier {str(name)!r}: give 'stilllife' or a folder saved by SmallClassifier"
    )
