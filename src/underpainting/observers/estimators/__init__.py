"""Estimators: models that map pictures to the maps of properties."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from underpainting import stilllife
from underpainting.errors import UnderpaintingError
from underpainting.observers.estimators.depth import ANYTHING, HYBRID, MIDAS, DepthEstimator, load_depth
from underpainting.observers.estimators.intrinsic import PAPER, IntrinsicEstimator, load_intrinsic
from underpainting.observers.estimators.joined import JoinedEstimator
from underpainting.observers.estimators.marigold import (
    DEPTH,
    LIGHTING,
    MarigoldEstimator,
    load_marigold,
)
from underpainting.observers.estimators.small import SmallEstimator
from underpainting.observers.estimators.tracer import TE5, TE7, TracerEstimator, load_tracer
from underpainting.observers.files import read_config
from underpainting.observers.own import import_own, registered
from underpainting.weights import Checkpoint

__all__ = [
    "DepthEstimator",
    "Estimator",
    "IntrinsicEstimator",
    "JoinedEstimator",
    "MarigoldEstimator",
    "SmallEstimator",
    "TracerEstimator",
    "load_estimator",
]


class Estimator(Protocol):
    """Whatever labels pictures: any class of your own that has these four, and takes no arguments to make.

    name: what it is called in tables. fingerprint: a text that is another whenever its maps would be, such as
    a hash of weights; a study that was begun with one refuses another. properties: what it gives a map of, by
    any names. Which of them are maps of 0 and 1 it may say as `binary`; unsaid, `saliency` alone is. Binary
    ones are scored by Dice and average precision, others by rank and linear correlation.

    It is called with pictures [picture, 3, height, width], float32 RGB in 0..1, and gives a mapping with a
    map [picture, height, width] for each property: of the pictures' size, finite, a binary one's values 0 and
    1, any other's in units of its own. By convention `depth` is relative inverse depth (near is large), and
    `shading` grows with light. A picture's map must not depend on what else is in its batch. A picture on
    which it raises, or whose map is none of this, is set aside.

    One of edges and warmth, in a file `mine.py` of the current folder, is `load_estimator("mine:Edges")`, on
    the command line `--estimator mine:Edges`:

        import torch

        class Edges:
            name, fingerprint = "edges", "version 1"
            properties, binary = ("edges", "warmth"), ("edges",)

            def __call__(self, pictures):
                light = pictures.mean(1)  # [picture, height, width]
                steep = torch.stack(torch.gradient(light, dim=(1, 2))).norm(dim=0)
                return {"edges": (steep > 0.1).float(), "warmth": pictures[:, 0] - pictures[:, 2]}
    """

    @property
    def name(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def fingerprint(self) -> str:
        """A text that is another whenever its maps would be."""
        ...

    @property
    def properties(self) -> Sequence[str]:
        """What it gives a map of."""
        ...

    def __call__(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Maps [picture, height, width] by property, from pictures [picture, 3, height, width] in 0..1."""
        ...


LOADERS: dict[Checkpoint, Callable[..., Estimator]] = {
    **dict.fromkeys((MIDAS, HYBRID, ANYTHING), load_depth),
    **dict.fromkeys((DEPTH, LIGHTING), load_marigold),
}
"""Estimators of the hub, and what loads them."""

CHECKPOINTS = tuple(LOADERS)
TRACERS = (TE5, TE7)


def load_estimator(name: str | Path, *, device: str | torch.device | None = None) -> Estimator:
    """An estimator by name, by the folder it was saved in, or one's own.

    name: `stilllife`; `tracer` (TE-5) and `tracer-te7`; `midas` (DPT-Large), `midas-hybrid` and
    `depth-anything`; `intrinsic`; `marigold-depth` and `marigold-lighting`; a folder that this package,
    transformers or diffusers saved; `module:Class`, or the name of an entry point of the group
    `underpainting.estimators`; several of different properties with commas between. Weights are looked for
    in the hub's cache, or where torch keeps its own, and never fetched.

    Raises UnderpaintingError where there is no such estimator, or its weights are missing.
    """
    path, text = Path(name), str(name)
    if name == "stilllife":
        return SmallEstimator.from_pretrained(
            stilllife.folder() / "estimator", name="stilllife", device=device
        )
    if path.is_dir():
        if (path / "model_index.json").is_file():
            return load_marigold(path, device=device)
        if "model_type" in read_config(path):
            return load_depth(path, device=device)
        return SmallEstimator.from_pretrained(path, device=device)
    for checkpoint, loader in LOADERS.items():
        if text == checkpoint.name:
            return loader(checkpoint, device=device)
    if text == PAPER.name:
        return load_intrinsic(device=device)
    for layout in TRACERS:
        if text == layout.name:
            return load_tracer(layout, device=device)
    if "," in text:
        return JoinedEstimator([load_estimator(part.strip(), device=device) for part in text.split(",")])
    found = registered("estimator", text)
    if found or ":" in text:
        own: Estimator = import_own("estimator", found.value if found else text)
        return own
    names = ["stilllife", *(of.name for of in TRACERS), *(of.name for of in CHECKPOINTS), PAPER.name]
    known = ", ".join(map(repr, names))
    raise UnderpaintingError(
        f"no estimator {text!r}: give {known}, a folder that one was saved in, or 'module:Class'"
    )
