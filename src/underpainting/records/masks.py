"""Reading masks: what is the object in a picture file or an array, by one rule wherever masks come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from underpainting.errors import UnderpaintingError
from underpainting.records.pictures import Pixels, read_pixels

FEW = 32
"""Levels. A file with more has soft edges; with these or fewer each level stands for something."""

SHARE = 0.01
"""Of a lossy file, or of a photograph that was cut out: smaller areas of one level are chance."""

Array = np.ndarray[Any, Any]


def read_mask(path: Path) -> Array:
    """The mask of a picture file: booleans [height, width], true where the object is, as large as the file.

    The rule. The object is what is brighter than midway between the file's darkest and brightest level, so
    that 8 or 16 bits, labels of 0 and 1 and the colours of a palette all mean the same. Where the file is
    opaque in parts only, the object is what is opaque. Of JPEG and WEBP, whose edges overshoot, levels count
    that fill areas. A turn by EXIF is followed. A file that is black all over is a mask of nothing, one that
    is white all over of everything.

    Soft edges are cut midway, but a mask has two levels that fill areas: a third, such as another label or
    the 255 that means "ignore", is refused, and so are a picture whose pixels are mostly neither dark nor
    bright, one colour that is neither black nor white, and a file whose colours and transparency each show a
    shape. Raises UnderpaintingError, also as `read_pixels`.
    """
    return mask_of_pixels(read_pixels(path), path)


def mask_of_pixels(pixels: Pixels, name: str | Path) -> Array:
    """The same of pixels that were read. Raises UnderpaintingError, naming the mask."""
    values = pixels.values
    if values.ndim == 2:
        return _bright(values, name, white=pixels.white, exact=pixels.exact)
    luma = values[..., :3].astype(np.int64) @ [299, 587, 114] / 1000
    if values.shape[-1] == 3 or np.ptp(opacity := values[..., 3]) == 0:
        if values.shape[-1] == 4 and not opacity.any():
            raise UnderpaintingError(f"mask {name} is transparent all over; make opaque what is the object")
        return _bright(luma, name, white=255, exact=pixels.exact)
    opaque = _bright(opacity, name, white=255, exact=pixels.exact)
    if len(_areas(np.where(opaque, luma, np.nan), opaque.sum() * SHARE)) > 1:
        raise UnderpaintingError(
            f"mask {name} is transparent in parts and has several colours in others, and either may be the "
            "object; save it without transparency, or the object in one colour"
        )
    return opaque


def mask_of(values: Any, name: str | Path = "array") -> Array:
    """The mask of an array [height, width] of booleans, or of numbers by the rule of `read_mask`; white is 1.

    Raises UnderpaintingError where it is of another shape or kind or is not finite, and as `read_mask`.
    """
    values = np.asarray(values)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "bfiu":
        raise UnderpaintingError(
            f"mask {name} is {values.dtype} {list(values.shape)}; give numbers or booleans [height, width]"
        )
    if not np.isfinite(values).all():
        raise UnderpaintingError(f"mask {name} has numbers that are not finite; give 0 and 1")
    return values if values.dtype == bool else _bright(values, name, white=1)


def _bright(levels: Array, name: str | Path, *, white: int | None, exact: bool = True) -> Array:
    """Where levels are above midway. Raises UnderpaintingError where they are not those of a mask."""
    low, high = float(levels.min()), float(levels.max())
    if low == high and low in (0, white):
        return np.full(levels.shape, low != 0)
    if low == high or (not exact and high - low < FEW):  # the rest is noise
        raise UnderpaintingError(
            f"mask {name} is {'nearly ' * (low < high)}all of one colour; make white what is the object, "
            "black what is not"
        )
    areas = _areas(levels, 1 if exact else levels.size * SHARE)
    if not exact and areas and areas[-1] - areas[0] > (high - low) / 2:
        low, high = areas[0], areas[-1]  # edges of JPEG overshoot
    soft = not exact or len(np.unique(levels)) > FEW
    margin = (high - low) / 8 if soft else 0  # soft edges have areas of almost black and almost white
    between = (levels > low + margin) & (levels < high - margin)
    if third := [level for level in areas if low + margin < level < high - margin]:
        several = f"{low:.5g}, {', '.join(f'{level:.5g}' for level in third[:3])} and {high:.5g}"
        raise UnderpaintingError(
            f"mask {name} has areas of more than two levels ({several}); make white what is the object, "
            "black all else"
        )
    if (share := between.mean()) > 0.5:
        raise UnderpaintingError(
            f"mask {name}: {share:.0%} of its pixels are neither dark nor bright; make white what is the "
            "object, black what is not"
        )
    return np.asarray(levels > low + (high - low) / 2)


def _areas(levels: Array, least: float) -> list[float]:
    """The levels that fill squares of 3 x 3 pixels, about `least` pixels or more; no number is no level."""
    across, down = levels[:, 1:] == levels[:, :-1], levels[1:] == levels[:-1]
    rows = across[:, 1:] & across[:, :-1]
    flat = rows[:-2] & rows[1:-1] & rows[2:] & down[:-1, 1:-1] & down[1:, 1:-1]
    found, counts = np.unique(levels[1:-1, 1:-1][flat], return_counts=True)
    return [float(level) for level in found[counts >= least]]
