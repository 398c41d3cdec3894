"""Masks that a person has drawn for an intervention: read, and fitted to a picture's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.records.masks import mask_of, read_mask

MOST = 0.6
"""Of the picture: a larger object is most likely the ground of what was drawn."""


def drawn_mask(mask: Any) -> Tensor:
    """A drawn mask, a picture file or an array [height, width], as [height, width] of 0 and 1.

    Raises UnderpaintingError as `read_mask` and `mask_of`, and where all or nothing of it is the object.
    """
    is_file = isinstance(mask, str | Path)
    is_object = read_mask(Path(mask)) if is_file else mask_of(mask)
    if is_object.all() or not is_object.any():
        raise UnderpaintingError(
            f"mask {mask if is_file else 'array'} is all of one colour; make white what is to be the object, "
            "black what is not"
        )
    return torch.from_numpy(is_object.astype(np.float32))


def about_mask(mask: Tensor, name: Path) -> list[str]:
    """A line where a drawn mask [height, width] has its object nearly everywhere, else none."""
    share = float(mask.mean())
    if share <= MOST:
        return []
    return [
        f"caution: the object of mask {name}, what is bright or opaque, is {share:.0%} of it; if the "
        "rest was meant, invert it"
    ]


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
