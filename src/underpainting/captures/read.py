"""Captured activations on disk, read lazily: one safetensors file an image, and a card of what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from underpainting.captures.files import (
    ABOUT,
    AGAIN,
    CARD,
    DIGESTS,
    PICTURE,
    digest,
    image_file,
    owner_of,
    set_aside,
    tensor_name,
)
from underpainting.diffusion import Layer
from underpainting.errors import UnderpaintingError
from underpainting.readers import checked_path, opened_tensors, read_json, reading
from underpainting.records import is_lost, require_whole
from underpainting.study.request.prompts import PromptRow
from underpainting.vocabulary import NAME_RULE, Grid, main_branch, no_name


def _grid(rows: int, columns: int) -> Grid:
    return int(rows), int(columns)


class Captures:
    """What `underpainting capture` wrote to a folder; nothing is read before it is asked for.

    Also of a capture that is not finished: images are those that are there. layers: the watched ones, with
    grid and channels; steps (from 1) and branches: those that were kept; dtype: as it is on disk; model: its
    name; rows: prompt, seed and name of each image.
    """

    def __init__(self, folder: str | Path) -> None:
        """Read the card alone.

        Raises UnderpaintingError where there is none, it is damaged, or an image is lost that was made before
        others.
        """
        self.folder = checked_path(folder)
        path = self.folder / CARD
        if not (path.exists() or is_lost(path)):
            raise UnderpaintingError(
                f"{self.folder} holds no captured activations (no {CARD}); make them by `underpainting "
                "capture STUDY`"
            )
        require_whole(path, AGAIN)
        about = path, "card of captured activations", "capture anew"
        card = read_json(*about)
        with reading(*about):
            self.model = str(card["model"]["name"])
            self.layers = tuple(
                Layer(str(of["name"]), _grid(*of["grid"]), int(of["channels"]), str(of["path"]))
                for of in card["layers"]
            )
            self.steps = tuple(map(int, card["kept_steps"]))
            self.branches = tuple(map(str, card["branches"]))
            self.dtype: torch.dtype = getattr(torch, card["dtype"])
            rows = [
                PromptRow(str(row["prompt"]), int(row["seed"]), int(row["prompt_ind"]))
                for row in card["images"]
            ]
            if wrong := no_name((*(row.image for row in rows), *(layer.name for layer in self.layers))):
                raise ValueError(f"{wrong} is no name: {NAME_RULE}")
            if not isinstance(self.dtype, torch.dtype):
                raise ValueError(f"it knows no dtype {card['dtype']!r}")
        self._owner = owner_of(self.folder)
        self.rows = tuple(row for row in rows if image_file(self.folder, row.image).is_file())
        self._require_all_before_the_last(rows)

    @cached_property
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

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the tensors in every image's file."""
        places = product([layer.name for layer in self.layers], self.steps, self.branches)
        return *(tensor_name(*place) for place in places), PICTURE

    def damage(self) -> list[tuple[Path, str]]:
        """Files of images that are not as they were written, and what is wrong; every file is read."""
        found = []
        for image in self.images:
            try:
                for name in self.names:
                    self._tensor(image, name)
            except UnderpaintingError as error:
                found.append((image_file(self.folder, image), str(error)))
        return found

    def _require_all_before_the_last(self, rows: Sequence[PromptRow]) -> None:
        """Images are made in the order of the card: one is lost where a later one is there."""
        aside, present = set_aside(self.folder), set(self.rows)
        for row in rows[: max((rows.index(row) for row in self.rows[-1:]), default=0)]:
            if row not in present and row.image not in aside:
                raise UnderpaintingError(
                    f"{image_file(self.folder, row.image)}: missing; give the same capture again"
                )

    def _tensor(self, image: str, name: str) -> Tensor:
        if image not in self.images:
            raise UnderpaintingError(
                f"{self.folder} holds no image {image!r}; its first is {next(iter(self.images), 'none')}"
            )
        if name not in self.names:
            raise UnderpaintingError(
                f"{self.folder} holds no {name}; it has layers "
                f"{', '.join(layer.name for layer in self.layers)}, steps "
                f"{', '.join(map(str, self.steps))}, branches {', '.join(self.branches)}"
            )
        path = image_file(self.folder, image)
        with opened_tensors(path, "file of activations", AGAIN) as file:
            tensor: Tensor = file.get_tensor(name)
            if json.loads(file.metadata()[ABOUT])[DIGESTS][name] != digest(self._owner, image, name, tensor):
                raise ValueError(f"contents of {name} changed, or of another capture")
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
