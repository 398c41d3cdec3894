"""Captured activations on disk, read lazily: one safetensors file an image, and a card of what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.utils.data import Dataset

from underpainting.diffusion import Layer
from underpainting.errors import UnderpaintingError
from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import NAME_RULE, main_branch, no_name

CARD = "capture.json"
PICTURE = "picture"


def tensor_name(layer: str, step: int, branch: str) -> str:
    """Name of a place's activations [token, channel] in an image's file, such as `up.3.0/5/conditional`."""
    return f"{layer}/{step}/{branch}"


def image_file(folder: Path, image: str) -> Path:
    """Where an image's activations are; the file exists when it is whole."""
    return folder / f"{image}.safetensors"


class Captures:
    """What `underpainting capture` wrote to a folder; nothing is read before it is asked for.

    Also of a capture that is not finished: images are those that are there. layers: the watched ones, with
    grid and channels; steps (from 1) and branches: those that were kept; dtype: as it is on disk; model: its
    name; rows: prompt, seed and name of each image.
    """

    def __init__(self, folder: str | Path) -> None:
        """Read the card alone. Raises UnderpaintingError where there is none, or it is damaged."""
        self.folder = Path(folder)
        try:
            card = json.loads((self.folder / CARD).read_text(encoding="utf-8"))
            self.model = str(card["model"]["name"])
            self.layers = tuple(
                Layer(layer["name"], (layer["grid"][0], layer["grid"][1]), layer["channels"], layer["path"])
                for layer in card["layers"]
            )
            self.steps: tuple[int, ...] = tuple(card["kept_steps"])
            self.branches: tuple[str, ...] = tuple(card["branches"])
            self.dtype: torch.dtype = getattr(torch, card["dtype"])
            rows = [PromptRow(row["prompt"], row["seed"], row["prompt_ind"]) for row in card["images"]]
            if wrong := no_name((*(row.image for row in rows), *(layer.name for layer in self.layers))):
                raise ValueError(f"{wrong} is no name: {NAME_RULE}")
        except FileNotFoundError:
            raise UnderpaintingError(
                f"{self.folder} holds no captured activations (no {CARD}); make them by `underpainting "
                "capture STUDY`"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnderpaintingError(
                f"{self.folder / CARD} is damaged ({type(error).__name__}: {error}); capture anew"
            ) from None
        self.rows = tuple(row for row in rows if image_file(self.folder, row.image).is_file())

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images that are there, in the order of their prompts."""
        return tuple(row.image for row in self.rows)

    def read(self, image: str, layer: str, step: int, branch: str | None = None) -> Tensor:
        """One image's activations [token, channel] at one place; nothing else of the file is read.

        branch: the conditional one, where it was kept, if left out. Raises UnderpaintingError for what was
        not captured, or where the file is damaged.
        """
        return self._tensor(image, tensor_name(layer, step, branch or main_branch(self.branches)))

    def picture(self, image: str) -> Tensor:
        """The finished picture [height, width, 3], uint8. Raises as `read`."""
        return self._tensor(image, PICTURE)

    def stack(
        self, layer: str, step: int, branch: str | None = None, *, images: Sequence[str] | None = None
    ) -> Tensor:
        """Activations [picture, token, channel] of all images, or of those given, as `fit` takes them.

        Raises as `read`.
        """
        return torch.stack([self.read(image, layer, step, branch) for image in images or self.images])

    def dataset(
        self,
        layer: str,
        step: int,
        branch: str | None = None,
        *,
        labels: Mapping[str, Tensor] | None = None,
    ) -> CapturedPlace:
        """One place as a torch dataset, for a `DataLoader` with any number of workers.

        labels: a tensor by image; the images are then those that have one. Raises UnderpaintingError where
        none has.
        """
        images = tuple(image for image in self.images if labels is None or image in labels)
        if not images:
            raise UnderpaintingError(f"{self.folder} has none of these images; capture them")
        return CapturedPlace(self, images, layer, step, branch, labels)

    def _tensor(self, image: str, name: str) -> Tensor:
        path = image_file(self.folder, image)
        try:
            with safe_open(path, framework="pt") as file:
                if name not in file.keys():  # noqa: SIM118 (no mapping)
                    raise UnderpaintingError(
                        f"{self.folder} holds no {name}; it has layers "
                        f"{', '.join(layer.name for layer in self.layers)}, steps "
                        f"{', '.join(map(str, self.steps))}, branches {', '.join(self.branches)}"
                    )
                tensor: Tensor = file.get_tensor(name)
        except FileNotFoundError:
            raise UnderpaintingError(
                f"{self.folder} holds no image {image!r}; its first is {next(iter(self.images), 'none')}"
            ) from None
        except (OSError, SafetensorError) as error:
            raise UnderpaintingError(
                f"{path} is damaged ({error}); remove it and give the same capture again"
            ) from None
        return tensor


@dataclass(frozen=True)
class CapturedPlace(Dataset[Any]):
    """One layer, step and branch of captured images.

    Item i is [token, channel] in float32, or with labels a pair of that and the image's label.
    """

    captures: Captures
    images: tuple[str, ...]
    layer: str
    step: int
    branch: str | None
    labels: Mapping[str, Tensor] | None

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        """Activations of an image, and its label where labels were given."""
        image = self.images[index]
        x = self.captures.read(image, self.layer, self.step, self.branch).float()
        return x if self.labels is None else (x, self.labels[image])
