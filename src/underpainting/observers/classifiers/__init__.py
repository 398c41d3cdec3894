"""Classifiers: models that say what a picture shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from underpainting import stilllife
from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers.hub import load_hub
from underpainting.observers.classifiers.small import SmallClassifier
from underpainting.observers.classifiers.timm import load_timm
from underpainting.observers.classifiers.vgg16 import load_vgg16
from underpainting.observers.files import read_config
from underpainting.observers.own import import_own, registered
from underpainting.weights import Checkpoint, is_repository

__all__ = ["Classifier", "SmallClassifier", "load_classifier"]


class Classifier(Protocol):
    """Whatever names what a picture shows: any class of your own that has these four, made without arguments.

    name: what it is called in tables. fingerprint: a text that is another whenever its answers would be.
    classes: names in the order of its probabilities; synonyms may stand between commas ("mug, cup"). It is
    called with pictures [picture, 3, height, width], float32 RGB in 0..1, and gives probabilities
    [picture, class] from 0 that add up to 1. In a file `mine.py` it is `load_classifier("mine:Warmth")`:

        import torch

        class Warmth:
            name, fingerprint, classes = "warmth", "version 1", ("cold", "warm, hot")

            def __call__(self, pictures):
                warm = (0.5 + pictures[:, 0] / 2 - pictures[:, 2] / 2).mean((1, 2))
                return torch.stack([1 - warm, warm], dim=1)
    """

    @property
    def name(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def fingerprint(self) -> str:
        """A text that is another whenever its answers would be."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """Names in the order of its probabilities."""
        ...

    def __call__(self, pictures: Tensor) -> Tensor:
        """Probabilities [picture, class] from pictures [picture, 3, height, width] in 0..1."""
        ...


def load_classifier(name: str | Path, *, device: str | torch.device | None = None) -> Classifier:
    """A classifier by name or by the folder it was saved in.

    name: `stilllife`; `vgg16` (torchvision's weights where torch keeps them) or a file `vgg16-HASH.pth`;
    `timm:NAME`; the name of a classifier on the hub (`OWNER/NAME`, by transformers); a folder that this
    package, timm or transformers saved; one's own as `module:Class`, or by the name of an entry point of the
    group `underpainting.classifiers`. Weights are looked for in the hub's cache, or where torch keeps its
    own, and never fetched.

    Raises UnderpaintingError where there is no such classifier, or what it needs is missing.
    """
    path, text = Path(name), str(name)
    if name == "stilllife":
        return SmallClassifier.from_pretrained(
            stilllife.folder() / "classifier", name="stilllife", device=device
        )
    if name == "vgg16" or (path.is_file() and path.suffix == ".pth"):
        return load_vgg16(None if name == "vgg16" else path, device=device)
    if path.is_dir():
        config = read_config(path)
        if "pretrained_cfg" in config:
            return load_timm(path.name, folder=path, device=device)
        if "model_type" in config:
            return load_hub(path, path.name, device=device)
        return SmallClassifier.from_pretrained(path, device=device)
    if text.startswith("timm:"):
        return load_timm(text.removeprefix("timm:"), device=device)
    found = registered("classifier", text)
    if found or ":" in text:
        own: Classifier = import_own("classifier", found.value if found else text)
        return own
    if is_repository(text):
        return load_hub(Checkpoint(text, text).require(), path.name, device=device)
    raise UnderpaintingError(
        f"no classifier {text!r}: give 'stilllife', 'vgg16', 'timm:NAME', 'OWNER/NAME' on the hub, a folder "
        "that one was saved in, or 'module:Class'"
    )
