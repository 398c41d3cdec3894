"""Labels that the user brings: maps of the pictures that a study will make, in place of an estimator's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from underpainting.errors import UnderpaintingError
from underpainting.readers import checked_path, read_array
from underpainting.records import atomic_folder
from underpainting.records.masks import mask_of, mask_of_pixels
from underpainting.records.pictures import read_pixels
from underpainting.vocabulary import OBJECT, Property

SUFFIXES = (".npy", ".png")


@dataclass(frozen=True)
class BroughtLabels:
    """A folder of maps, `FOLDER/PROPERTY/IMAGE.png` or `.npy`, images named as the study names them.

    A PNG of 8 bits, an array of booleans and all of `saliency` are masks, by the rule of `read_mask`. A PNG
    of 16 bits of grey, or an array of numbers, is a continuous map; near is large in depth, as everywhere
    here. A property's maps are all of one kind. They are fitted to the pictures' size: masks by the nearest
    pixel, others linearly.
    """

    folder: Path
    properties: tuple[Property, ...]
    name = "brought"

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the names and bytes of all maps."""
        digest = hashlib.sha256()
        for of in self.properties:
            for path in sorted((self.folder / of.name).iterdir()):
                if path.suffix in SUFFIXES and path.is_file():
                    digest.update(f"{of.name}/{path.name}\n".encode() + path.read_bytes())
        return digest.hexdigest()

    def maps(self, images: Sequence[str], size: tuple[int, int]) -> dict[str, Tensor]:
        """Label maps [picture, height, width] by property, float32. Raises as `open_brought`."""
        return {
            of.name: torch.stack([_fitted(_path(self.folder, of.name, image), of, size) for image in images])
            for of in self.properties
        }

    def require(self, images: Sequence[str]) -> None:
        """Raise UnderpaintingError where an image has no map, or a map is none."""
        for of in self.properties:
            for image in images:
                _map(_path(self.folder, of.name, image), of)


def open_brought(folder: Path) -> BroughtLabels:
    """The maps of a folder. Raises UnderpaintingError where there are none, or one cannot be read."""
    kinds: dict[str, bool] = {}
    for path in sorted(folder.glob("*/*")) if checked_path(folder).is_dir() else ():
        if path.suffix in SUFFIXES and path.parent.name not in kinds and path.is_file():
            kinds[path.parent.name] = _read(path).dtype == bool
    if not kinds:
        raise UnderpaintingError(
            f"no labels in {folder}: give maps as FOLDER/PROPERTY/IMAGE.png or .npy, such as "
            "saliency/prompt_0_seed_7.png"
        )
    return BroughtLabels(folder, tuple(Property(name, binary) for name, binary in kinds.items()))


def about_changed(folder: Path, recorded: Mapping[str, Any]) -> list[str]:
    """A line where a folder's labels are no longer those that a study recorded, else none.

    A study has copies of its own, and does without the folder once it is done: one that is gone is no change.
    """
    before = recorded.get("labels")
    if before is None or not folder.is_dir() or open_brought(folder).fingerprint == before["fingerprint"]:
        return []
    return [
        f"caution: the labels in {folder} are not those that the study was made with, which it keeps; init "
        "another folder for these"
    ]


def keep_brought(folder: Path, labels: Mapping[str, Mapping[str, np.ndarray | Tensor]]) -> None:
    """Write arrays [height, width] by property and image as such a folder; booleans are masks."""
    for name, maps in labels.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for image, values in maps.items():
            np.save(folder / name / f"{image}.npy", np.asarray(values))


def by_image(labels: Mapping[str, Any], images: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Arrays by property and image, of arrays by property that are each by image, or in the pictures' order.

    Raises UnderpaintingError where a picture has none, there are not as many as pictures, or one is no map.
    """
    named = {}
    for name, maps in labels.items():
        if not isinstance(maps, Mapping) and len(maps) != len(images):
            raise UnderpaintingError(
                f"{len(maps)} labels of {name} for {len(images)} pictures; give one a picture, in their "
                "order, or by the pictures' names"
            )
        own = dict(maps if isinstance(maps, Mapping) else zip(images, maps, strict=True))
        if lacking := [image for image in images if image not in own]:
            raise UnderpaintingError(f"no label {name} of {lacking[0]}: give one a picture")
        named[name] = {
            image: _checked(np.asarray(values), f"label {name} of {image}") for image, values in own.items()
        }
    return named


@contextmanager
def kept_labels(folder: Path, labels: Mapping[str, Any], images: Sequence[str]) -> Iterator[BroughtLabels]:
    """Give arrays as labels; they are kept in the folder when the block ends without an error.

    labels: as `by_image` takes them. Raises UnderpaintingError where one is no label, or an image has none.
    """
    try:
        with atomic_folder(folder) as temporary:
            keep_brought(temporary, by_image(labels, images))
            brought = open_brought(temporary)
            brought.require(images)
            yield brought
    except BaseException:
        with suppress(OSError):
            folder.parent.rmdir()  # where nothing else is in it
        raise


def _path(folder: Path, name: str, image: str) -> Path:
    for suffix in SUFFIXES:
        if (path := folder / name / f"{image}{suffix}").is_file():
            return path
    raise UnderpaintingError(
        f"no label {name} of {image}: put {image}.png or {image}.npy into {folder / name}"
    )


def _fitted(path: Path, of: Property, size: tuple[int, int]) -> Tensor:
    values = _map(path, of)
    maps = torch.from_numpy(values.astype(np.float32))[None, None]
    if tuple(values.shape) != size:
        maps = (
            interpolate(maps, size, mode="nearest-exact")
            if of.binary
            else interpolate(maps, size, mode="bilinear", antialias=True)
        )
    return maps[0, 0]


def _map(path: Path, of: Property) -> np.ndarray:
    """A map of a property's own kind."""
    values = _read(path)
    if (values.dtype == bool) != of.binary:
        kinds = ("a mask", "a continuous map")
        raise UnderpaintingError(
            f"{path} is {kinds[of.binary]}, other maps of {of.name} are not; give all of one kind"
        )
    return values


def _read(path: Path) -> np.ndarray:
    """A map [height, width]: booleans of a mask, else float32, finite."""
    is_object = path.parent.name == OBJECT
    if path.suffix == ".npy":
        values = read_array(path, "label", "give a PNG or .npy")
        return mask_of(values, path) if is_object else _checked(values, str(path))
    pixels = read_pixels(path)
    is_deep = pixels.values.ndim == 2 and pixels.white != 255
    return _checked(pixels.values, str(path)) if is_deep and not is_object else mask_of_pixels(pixels, path)


def _checked(values: np.ndarray, name: str) -> np.ndarray:
    kept = values if values.dtype.kind not in "fiu" else values.astype(np.float32)
    if (
        values.ndim != 2
        or not values.size
        or kept.dtype not in (bool, np.float32)
        or not np.isfinite(kept).all()
    ):
        raise UnderpaintingError(
            f"{name} is {values.dtype} {list(values.shape)}; a label is one finite map [height, width]"
        )
    return kept
