"""Classifiers: models that say what a picture shows. Every file here registers its own."""

from pathlib import Path

import torch

from underpainting.observers.protocols import Classifier
from underpainting.observers.registry import load

__all__ = ["Classifier", "load_classifier"]


def load_classifier(name: str | Path, *, device: str | torch.device | None = None) -> Classifier:
    """A classifier by name or by the folder it was saved in.

    name: `stilllife`; `vgg16` (torchvision's weights where torch keeps them) or a file `vgg16-HASH.pth`;
    `timm:NAME`; the name of a classifier on the hub (`OWNER/NAME`, by transformers); a folder that this
    package, timm or transformers saved; one's own as `module:Class`, or by the name of an entry point of the
    group `underpainting.classifiers`. Weights are looked for in the hub's cache, or where torch keeps its
    own, and never fetched.

    Raises UnderpaintingError where there is no such classifier, or what it needs is missing.
    """
    classifier: Classifier = load("classifier", name, device)
    return classifier
