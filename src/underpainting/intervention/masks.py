"""Masks that a person has drawn, read from picture files of any kind and fitted to a picture's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from underpainting.errors import UnderpaintingError

PLAIN = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L")
"""Modes of files that hold one number a pixel, in whatever range."""


def read_mask(path: Path) -> Tensor:
    """A drawn mask [height, width] of 0 and 1, as large as its file.

    The object is what is brighter than midway between the file's darkest and brightest pixel, so that 8 or
    16 bits, labels of 0 and 1 and colours of a palette all mean the same. Where the file is transparent in
    parts, the object is what is not. A photograph's EXIF turn is followed.

    Raises UnderpaintingError where the file is no picture, or all of it is alike.
    """
    try:
        with Image.open(path) as image:
            levels = _levels(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnderpaintingError(
            f"mask {path} cannot be read ({error}); give a picture, white where the object is to be"
        ) from None
    return mask_of(levels, path)


def mask_of(levels: Any, name: str | Path = "array") -> Tensor:
    """A drawn mask of numbers or booleans [height, width], as `read_mask` has it.

    Raises UnderpaintingError, naming the mask, where it has another shape, or all of it is alike.
    """
    levels = np.asarray(levels, dtype=np.float64)
    if levels.ndim != 2 or not levels.size:
        raise UnderpaintingError(f"mask {name} is {list(levels.shape)}; give one of [height, width]")
    low, high = levels.min(), levels.max()
    if not low < high:
        raise UnderpaintingError(
            f"mask {name} is all of one colour; make white what is to be the object, black what is not"
        )
    return torch.from_numpy((levels > low + (high - low) / 2).astype(np.float32))


def fit_mask(mask: Tensor, size: tuple[int, int], name: Path) -> Tensor:
    """A mask [height, width] resized to (height, width), whatever its aspect.

    A pixel is the object where at least half of what it covers is: the area's majority of a larger mask, the
    nearest pixel of a smaller one. Raises UnderpaintingError, naming the mask, where nothing or everything is
    the object then.
    """
    levels = Image.fromarray(mask.mul(255).byte().numpy())
    fitted = np.asarray(levels.resize((size[1], size[0]), Image.Resampling.BOX)) >= 128
    if fitted.all() or not fitted.any():
        what = "everything" if fitted.any() else "nothing"
        raise UnderpaintingError(
            f"mask {name}: {what} is the object at the picture's {size[1]} x {size[0]} pixels; draw it "
            f"{'smaller' if fitted.any() else 'larger'}"
        )
    return torch.from_numpy(fitted.astype(np.float32))


def _levels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Brightness, or opacity where that differs, [height, width]."""
    if image.mode in PLAIN and "transparency" not in image.info:
        return np.nan_to_num(np.asarray(image).astype(np.float64))
    whole = image.convert("RGBA")
    opacity = np.asarray(whole.getchannel("A"))
    of = whole.convert("L") if opacity.min() == opacity.max() else whole.getchannel("A")
    return np.asarray(of).astype(np.float64)
